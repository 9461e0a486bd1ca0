"""POST /locations/:id/orders (companion, section 8)."""

from typing import Any

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerPrivateRef
from hubcustomers.exact_json import JSONNumber
from orders.models import Order

ORDERS = "/location/orders"
MARGARITA = {"product_name": "Margarita", "price": "9.00 EUR", "quantity": "1"}
IN_DEAL = {"deal_key": "x"}
NO_TIME = "must be a time of ISO 8601, like 2020-01-18T17:15:11+01:00"
NO_DECIMAL = 'must be a decimal number in plain notation, like "13.5"'
LARGE = "is too large (maximum is 8 KB as JSON)"
NEGATIVE = "must not be negative"
GUEST: dict[str, Any] = {
    "id": None,
    "customer_list_id": None,
    "anonymised": False,
    "private_ref": None,
    "email": None,
    "first_name": "John",
    "last_name": "Doe",
    "gender": None,
    "birth_date": "1999-01-01",
    "company_name": None,
    "phone": "+33612345678",
    "address_1": None,
    "address_2": None,
    "postal_code": None,
    "city": None,
    "state": None,
    "country": None,
    "latitude": "48.85",
    "longitude": None,
    "delivery_notes": None,
    "sms_marketing": False,
    "email_marketing": True,
    "custom_fields": {},
    "phone_access_code": None,
}


def errors_of(api: HubClient, **body: Any) -> list[tuple[str, str]]:
    r = api.post(ORDERS, {"status": "new", **body})
    assert r.status_code == 422, r.content
    return [(error["field"], error["message"]) for error in r.json()["errors"]]


def set_ref(customer: Customer, connection: Connection, ref: str) -> None:
    CustomerPrivateRef.objects.create(
        account=customer.account,
        customer_list=customer.customer_list,
        customer=customer,
        client=connection.client,
        ref=ref,
    )


# --- what it answers ----------------------------------------------------------------


def test_an_order_needs_nothing_but_a_status(api: HubClient, bistro: Connection) -> None:
    r = api.post(ORDERS, status="new")

    order = Order.objects.for_account(bistro.account).get()
    body = r.json()
    assert r.status_code == 200
    assert body.pop("created_at")[-6:] in {"+01:00", "+02:00"}
    assert body == {
        "id": order.public_id,
        "location_id": bistro.location.public_id,
        "ref": None,
        "private_ref": None,
        "status": "new",
        "service_type": None,
        "service_type_ref": None,
        "created_by": bistro.client.name,
        "expected_time": None,
        "confirmed_time": None,
        "customer_notes": None,
        "seller_notes": None,
        "collection_code": None,
        "coupon_codes": [],
        "items": [],
        "deals": {},
        "discounts": [],
        "charges": [],
        "payments": [],
        "total": "0.00 EUR",
        "customer": None,
        "loyalty_operations": [],
        "custom_fields": {},
    }


def test_everything_that_is_given_is_shown(api: HubClient) -> None:
    given = {
        "status": "accepted",
        "ref": "A-17",
        "private_ref": "3345",
        "service_type": "delivery",
        "service_type_ref": "BIKE",
        "expected_time": "2020-07-01T12:30:00+02:00",
        "confirmed_time": "2020-01-18T12:00:00Z",
        "customer_notes": "Ring twice",
        "seller_notes": "No basil today",
        "collection_code": "B12",
        "coupon_codes": ["WELCOME"],
        "items": [
            {
                "product_name": "Margarita",
                "sku_name": "Small",
                "sku_ref": "MAR-SM",
                "price": "9.00 EUR",
                "quantity": "2",
                "tax_rate": "20",
                "customer_notes": "Well cooked",
                "points_earned": "1.5",
                "points_used": None,
                "options": [
                    {
                        "option_list_name": "Sauce",
                        "name": "Barbecue",
                        "ref": "BBQ",
                        "price": "1.00 EUR",
                    },
                    {"name": "Basil", "removed": True},
                ],
                "unknown": 1,
            },
            {
                **MARGARITA,
                "deal_line": {
                    "deal_key": "menu",
                    "label": "Drink",
                    "pricing_effect": "percentage_off",
                    "pricing_value": "50",
                },
            },
        ],
        "deals": {"menu": {"name": "Lunch", "ref": "LUNCH"}},
        "discounts": [{"name": "5 off", "ref": "5OFF", "price_off": "5.00 EUR"}],
        "charges": [{"name": "Delivery", "ref": "DEL", "price": "1.50 EUR", "tax_rate": 5.5}],
        "payments": [{"name": "PayPal", "amount": "25.50 EUR", "info": {"email": "j@doe.com"}}],
        "total": "1.00 EUR",
        "custom_fields": {"till": {"id": 7}},
        "customer": {
            "first_name": "John",
            "last_name": "Doe",
            "birth_date": "1999-01-01",
            "phone": "06 12 34 56 78",
            "latitude": "48.85",
            "email_marketing": True,
        },
    }

    body = api.post(ORDERS, given).json()

    kept = {name: body[name] for name in given}
    assert kept == {
        **given,
        "confirmed_time": "2020-01-18T13:00:00+01:00",
        "items": [
            {
                "product_name": "Margarita",
                "sku_name": "Small",
                "sku_ref": "MAR-SM",
                "price": "9.00 EUR",
                "quantity": "2.0",
                "subtotal": "20.00 EUR",
                "tax_rate": "20.0",
                "customer_notes": "Well cooked",
                "points_earned": "1.5",
                "points_used": None,
                "deal_line": None,
                "options": [
                    {
                        "option_list_name": "Sauce",
                        "name": "Barbecue",
                        "ref": "BBQ",
                        "price": "1.00 EUR",
                        "removed": False,
                    },
                    {
                        "option_list_name": None,
                        "name": "Basil",
                        "ref": None,
                        "price": "0.00 EUR",
                        "removed": True,
                    },
                ],
            },
            {
                "product_name": "Margarita",
                "sku_name": None,
                "sku_ref": None,
                "price": "9.00 EUR",
                "quantity": "1.0",
                "subtotal": "9.00 EUR",
                "tax_rate": None,
                "customer_notes": None,
                "points_earned": None,
                "points_used": None,
                "deal_line": {
                    "deal_key": "0",
                    "label": "Drink",
                    "pricing_effect": "percentage_off",
                    "pricing_value": "50.0",
                },
                "options": [],
            },
        ],
        "deals": {"0": {"name": "Lunch", "ref": "LUNCH"}},
        "charges": [
            {"name": "Delivery", "ref": "DEL", "price": "1.50 EUR", "tax_rate": "5.5"},
        ],
        "payments": [
            {
                "name": "PayPal",
                "ref": None,
                "amount": "25.50 EUR",
                "info": {"email": "j@doe.com"},
            }
        ],
        "total": "25.50 EUR",
        "customer": GUEST,
    }
    assert api.get(f"{ORDERS}/{body['id']}").json() == body


def test_an_account_token_places_orders_at_any_location(
    account_api: HubClient, bistro: Connection
) -> None:
    other = LocationFactory(account=bistro.account, timezone="Asia/Tokyo")

    r = account_api.post(f"/locations/{other.public_id}/orders", status="new")

    assert r.status_code == 200
    assert r.json()["location_id"] == other.public_id
    assert r.json()["created_at"].endswith("+09:00")


def test_a_time_without_offset_is_the_locations(api: HubClient) -> None:
    r = api.post(ORDERS, status="new", expected_time="2020-07-01T12:30")

    assert r.json()["expected_time"] == "2020-07-01T12:30:00+02:00"


def test_nulls_stand_for_nothing(api: HubClient) -> None:
    nulls = dict.fromkeys("items deals discounts charges payments coupon_codes".split())

    r = api.post(
        ORDERS,
        {**nulls, "status": "new", "customer": None, "loyalty_operations": None, "ref": None},
    )

    assert r.status_code == 200
    assert [r.json()[name] for name in nulls] == [[], {}, [], [], [], []]


def test_deals_may_be_an_empty_array(api: HubClient) -> None:
    # PHP writes an empty object so.
    assert api.post(ORDERS, status="new", deals=[]).json()["deals"] == {}


def test_numbers_keep_their_digits(api: HubClient) -> None:
    exact = JSONNumber("0.10000000000000000000001")

    r = api.post(ORDERS, {"status": "new", "custom_fields": {"rate": exact}})

    assert b'"rate":0.10000000000000000000001' in r.content
    assert b'"rate": 0.10000000000000000000001' in api.get(f"{ORDERS}/{r.json()['id']}").content


# --- whose order it is --------------------------------------------------------------


def test_a_customer_is_named_by_its_id(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    set_ref(customer, bistro, "mine")

    shown = api.post(ORDERS, status="new", customer_id=customer.public_id).json()["customer"]

    assert shown == {
        **dict.fromkeys(GUEST),
        "id": customer.public_id,
        "customer_list_id": customer.customer_list.public_id,
        "private_ref": "mine",
        "anonymised": False,
        "first_name": "Jimmy",
        "last_name": "Watson",
        "sms_marketing": False,
        "email_marketing": False,
        "custom_fields": {},
    }


def test_a_customer_is_named_by_its_list_and_the_callers_own_ref(
    api: HubClient, account_api: HubClient, bistro: Connection, customer: Customer
) -> None:
    other = CustomerFactory(customer_list=customer.customer_list)
    set_ref(customer, bistro, "7")
    set_ref(other, account_api.connection, "7")
    body = {
        "status": "new",
        "customer_list_id": customer.customer_list.public_id,
        "customer_private_ref": "7",
    }

    mine = api.post(ORDERS, body)
    theirs = account_api.post(f"/locations/{bistro.location.public_id}/orders", body)

    assert mine.json()["customer"]["id"] == customer.public_id
    assert theirs.json()["customer"]["id"] == other.public_id
    assert Order.objects.for_account(bistro.account).get(customer=customer).customer_id


def test_the_order_keeps_the_customer_as_it_was(api: HubClient, customer: Customer) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    order = api.post(ORDERS, status="new", customer_id=customer.public_id).json()

    api.patch(path, first_name="Claude", birth_date="1990-02-03")

    assert api.get(f"{ORDERS}/{order['id']}").json()["customer"]["first_name"] == "Jimmy"
    again = api.post(ORDERS, status="new", customer_id=customer.public_id).json()
    assert again["customer"]["first_name"] == "Claude"
    assert again["customer"]["birth_date"] == "1990-02-03"


def test_a_guests_phone_of_blanks_is_none(api: HubClient) -> None:
    body = api.post(ORDERS, status="new", customer={"phone": "   "}).json()

    assert body["customer"]["phone"] is None


def test_an_anonymised_customer_can_order(api: HubClient, customer: Customer) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    api.post(f"{path}/anonymise")

    shown = api.post(ORDERS, status="new", customer_id=customer.public_id).json()["customer"]

    assert (shown["id"], shown["anonymised"]) == (customer.public_id, True)
    assert shown["first_name"] is None


@pytest.mark.parametrize("customer_id", ["abcde", "", "Not-an-id", "zzzzzzzzzzzzzzzzzzzzz"])
def test_an_unknown_customer_is_refused(api: HubClient, customer_id: str) -> None:
    if not customer_id:
        assert api.post(ORDERS, status="new", customer_id="").json()["customer"] is None
    else:
        assert errors_of(api, customer_id=customer_id) == [("customer_id", "doesn't exist")]


def test_a_customer_out_of_reach_is_unknown(
    api: HubClient, rival: Connection, bistro: Connection
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    lists = [
        CustomerListFactory(account=rival.account),
        CustomerListFactory(account=bistro.account, location=elsewhere),
    ]
    customers = [CustomerFactory(customer_list=customer_list) for customer_list in lists]

    refused = [errors_of(api, customer_id=customer.public_id) for customer in customers]

    assert refused == [[("customer_id", "doesn't exist")]] * 2
    assert not Order.objects.for_account(bistro.account).exists()


def test_an_account_token_reaches_the_customers_of_every_location(
    account_api: HubClient, bistro: Connection, customer: Customer
) -> None:
    elsewhere = LocationFactory(account=bistro.account)

    r = account_api.post(
        f"/locations/{elsewhere.public_id}/orders", status="new", customer_id=customer.public_id
    )

    assert r.json()["customer"]["id"] == customer.public_id


def test_a_customer_that_the_scope_does_not_show_is_unknown(
    bistro: Connection, customer: Customer
) -> None:
    # Else any customer could be read through an order.
    till = HubClient(
        ConnectionFactory(
            account=bistro.account, location=bistro.location, scope="location[orders.write]"
        )
    )
    by_ref = {
        "customer_list_id": customer.customer_list.public_id,
        "customer_private_ref": "7",
    }

    assert errors_of(till, customer_id=customer.public_id) == [("customer_id", "doesn't exist")]
    assert errors_of(till, **by_ref) == [("customer_list_id", "doesn't exist")]
    assert till.post(ORDERS, status="new").status_code == 200


def test_an_unknown_list_or_ref_is_refused(
    api: HubClient, account_api: HubClient, rival: Connection, customer: Customer
) -> None:
    set_ref(customer, account_api.connection, "not mine")
    own, foreign = customer.customer_list, CustomerListFactory(account=rival.account)

    def refused(list_id: str) -> list[tuple[str, str]]:
        return errors_of(api, customer_list_id=list_id, customer_private_ref="not mine")

    assert refused("abcde") == [("customer_list_id", "doesn't exist")]
    assert refused(foreign.public_id) == [("customer_list_id", "doesn't exist")]
    assert refused(own.public_id) == [
        ("customer_private_ref", "doesn't exist in this customer list")
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"customer_id": "a", "customer": {}}, ["customer"]),
        ({"customer_id": "a", "customer_list_id": "b"}, ["customer_list_id"]),
        (
            {"customer_id": "a", "customer_list_id": "b", "customer_private_ref": "c"},
            ["customer_list_id", "customer_private_ref"],
        ),
        (
            {"customer_list_id": "b", "customer_private_ref": "c", "customer": {}},
            ["customer"],
        ),
        ({"customer_list_id": "b"}, ["customer_private_ref"]),
        ({"customer_private_ref": "c"}, ["customer_list_id"]),
    ],
)
def test_a_customer_is_named_in_one_way(
    api: HubClient, body: dict[str, Any], fields: list[str]
) -> None:
    assert [field for field, _ in errors_of(api, **body)] == fields


def test_loyalty_operations_need_a_customer(api: HubClient, bistro: Connection) -> None:
    operations = [{"delta": "1"}]

    refused = errors_of(api, customer={"first_name": "John"}, loyalty_operations=operations)

    assert refused == [("loyalty_operations", "need an order with a customer")]
    assert not Order.objects.for_account(bistro.account).exists()


# --- what it refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"status": None}, "status", "can't be blank"),
        ({"status": ""}, "status", "can't be blank"),
        ({"status": 1}, "status", "must be a string"),
        ({"service_type": "drone"}, "service_type", "must be one of: delivery, collection, eat_in"),
        ({"private_ref": "x" * 256}, "private_ref", "is too long (maximum is 255 characters)"),
        ({"items": {}}, "items", "must be an array"),
        ({"items": [1]}, "items[0]", "must be an object"),
        ({"items": [None]}, "items[0]", "can't be null"),
        ({"items": [MARGARITA] * 501}, "items", "has too many entries (maximum is 500)"),
        ({"coupon_codes": ["a", 1]}, "coupon_codes[1]", "must be a string"),
        ({"deals": ["a"]}, "deals", "must be an object"),
        ({"deals": {"a": 1}}, "deals.a", "must be an object"),
        ({"deals": {"a": {"name": 1}}}, "deals.a.name", "must be a string"),
        ({"deals": {"a\0": {}}}, "deals", "has a key that cannot be stored"),
        ({"discounts": [{}]}, "discounts[0].price_off", "is required"),
        ({"discounts": [{"price_off": "-1.00 EUR"}]}, "discounts[0].price_off", NEGATIVE),
        ({"charges": [{"price": "-1.00 EUR"}]}, "charges[0].price", NEGATIVE),
        ({"payments": [{}]}, "payments[0].amount", "is required"),
        (
            {"payments": [{"amount": "1.00 EUR", "info": {"a": "x" * 8192}}]},
            "payments[0].info",
            LARGE,
        ),
        ({"loyalty_operations": [{}]}, "loyalty_operations[0].delta", "is required"),
        ({"custom_fields": {"a": "x" * 8192}}, "custom_fields", LARGE),
        ({"customer": "John"}, "customer", "must be an object"),
        ({"customer": {"gender": "x"}}, "customer.gender", "must be one of: male, female"),
        ({"customer": {"latitude": 91}}, "customer.latitude", "must be between -90 and 90"),
        ({"expected_time": "2020-01-18"}, "expected_time", NO_TIME),
        ({"expected_time": "2020-02-30T10:00"}, "expected_time", NO_TIME),
        (
            {"expected_time": "0001-01-01T00:00"},
            "expected_time",
            "must be between the years 1970 and 2999",
        ),
    ],
)
def test_a_fault_is_named_by_its_path(
    api: HubClient, body: dict[str, Any], field: str, message: str
) -> None:
    assert errors_of(api, **body) == [(field, message)]


@pytest.mark.parametrize(
    ("item", "field", "message"),
    [
        ({"product_name": None}, "product_name", "can't be null"),
        ({"price": None}, "price", "can't be null"),
        ({"quantity": "-1"}, "quantity", NEGATIVE),
        ({"quantity": True}, "quantity", NO_DECIMAL),
        ({"quantity": "1e3"}, "quantity", NO_DECIMAL),
        (
            {"quantity": "0.1234567"},
            "quantity",
            "has more digits than are kept (6 before and 6 after the point)",
        ),
        ({"options": [{"price": "1.00 EUR"}]}, "options[0].name", "is required"),
        ({"options": [{"name": "a"}] * 101}, "options", "has too many entries (maximum is 100)"),
        ({"deal_line": {"deal_key": "x"}}, "deal_line.deal_key", "is not a key of deals"),
        ({"deal_line": {}}, "deal_line.deal_key", "is required"),
        (
            {"deal_line": {**IN_DEAL, "pricing_effect": "percentage_off", "pricing_value": 101}},
            "deal_line.pricing_value",
            "must be between -100 and 100",
        ),
    ],
)
def test_a_fault_in_an_item_is_named_by_its_path(
    api: HubClient, item: dict[str, Any], field: str, message: str
) -> None:
    items = [MARGARITA, {**MARGARITA, **item}]

    assert errors_of(api, items=items) == [(f"items[1].{field}", message)]


@pytest.mark.parametrize(
    "price",
    [
        "9.00 USD", "9.00", "9 EUR", "9.0 EUR", "9.000 EUR", "9,00 EUR", " 9.00 EUR", "9.00  EUR",
        "9.00 eur", "1e2.00 EUR", "٩.00 EUR", "NaN EUR", "123456789.00 EUR", "", 9, 9.5, True, {},
    ],
)  # fmt: skip
def test_a_price_is_in_the_accounts_currency_with_two_decimals(api: HubClient, price: Any) -> None:
    message = 'must be an amount with two decimals in EUR, like "9.00 EUR"'

    assert errors_of(api, items=[{**MARGARITA, "price": price}]) == [("items[0].price", message)]


def test_an_item_is_never_cheaper_than_nothing(api: HubClient) -> None:
    free = {**MARGARITA, "price": "-0.00 EUR"}
    assert api.post(ORDERS, status="new", items=[free]).json()["total"] == "0.00 EUR"
    assert errors_of(api, items=[{**MARGARITA, "price": "-1.00 EUR"}]) == [
        ("items[0].price", "must not be negative")
    ]


def test_all_faults_are_named_at_once(api: HubClient) -> None:
    refused = errors_of(
        api,
        status="gone",
        customer_id="a",
        customer={"gender": "x"},
        items=[{"price": "x"}, MARGARITA, {**MARGARITA, "quantity": "x"}],
    )

    assert {field for field, _ in refused} == {
        "status",
        "customer",
        "customer.gender",
        "items[0].product_name",
        "items[0].price",
        "items[0].quantity",
        "items[2].quantity",
    }


def test_a_total_beyond_reason_is_refused(api: HubClient) -> None:
    item = {**MARGARITA, "price": "99999999.99 EUR", "quantity": "999999"}

    assert errors_of(api, items=[item]) == [("items", "make a total that is out of range")]


def test_a_private_ref_is_given_once_at_a_location(
    api: HubClient, account_api: HubClient, bistro: Connection
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    api.post(ORDERS, status="new", private_ref="1")

    assert errors_of(api, private_ref="1") == [("private_ref", "has already been taken")]
    for location in (bistro.location, elsewhere):
        path = f"/locations/{location.public_id}/orders"
        assert account_api.post(path, status="new", private_ref="1").status_code == 200
    assert Order.objects.for_account(bistro.account).count() == 3


def test_a_token_that_may_only_read_places_no_orders(bistro: Connection) -> None:
    till = HubClient(
        ConnectionFactory(
            account=bistro.account, location=bistro.location, scope="location[orders.read]"
        )
    )

    r = till.post(ORDERS, status="new")

    assert r.status_code == 403
    assert r.json()["message"] == "The token's scope does not include orders.write."


def test_another_location_is_out_of_reach(
    api: HubClient, rival_api: HubClient, bistro: Connection
) -> None:
    elsewhere = LocationFactory(account=bistro.account)

    assert api.post(f"/locations/{elsewhere.public_id}/orders", status="new").status_code == 404
    path = f"/locations/{bistro.location.public_id}/orders"
    assert rival_api.post(path, status="new").status_code == 404
    assert not Order.objects.for_account(bistro.account).exists()


# --- what it costs ------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 10])
def test_ten_items_take_no_more_statements_than_one(
    api: HubClient, customer: Customer, number: int, django_assert_num_queries
) -> None:
    item = {**MARGARITA, "options": [{"name": "a"}] * 3}
    body = {"status": "new", "customer_id": customer.public_id, "items": [item] * number}
    api.post(ORDERS, status="new")

    # The customer counted, the order inserted, who listens; and a savepoint's two ends.
    with django_assert_num_queries(5):
        r = api.post(ORDERS, body)

    assert r.status_code == 200
    assert len(r.json()["items"]) == number


def test_a_guests_order_takes_two_statements(api: HubClient, django_assert_num_queries) -> None:
    api.post(ORDERS, status="new")

    with django_assert_num_queries(4):
        api.post(ORDERS, status="new", items=[MARGARITA], customer={"first_name": "John"})
