"""What a scope and an access level allow (companion 3)."""

import pytest
from django.db import connection as database

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from accounts.scopes import Scope, ScopeError
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.public_ids import loyalty_operation_ids
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard
from loyalty.reads import OperationRow

LEVELS = ["location", "account"]


@pytest.fixture
def operation(card: LoyaltyCard) -> OperationRow:
    return post(card, "5")


def caller(
    bistro: Connection, level: str, permissions: str, chosen: CustomerList | None = None
) -> HubClient:
    return HubClient(
        ConnectionFactory(
            account=bistro.account,
            location=bistro.location if level == "location" else None,
            scope=f"{level}[{permissions}]",
            customer_list=chosen,
        )
    )


def reads_of(card: LoyaltyCard, operation: OperationRow) -> list[str]:
    base = f"/customer_lists/{card.customer_list.public_id}"
    cards = f"{base}/loyalty_cards"
    operations = f"{cards}/{card.public_id}/operations"
    return [
        base,
        f"{base}/customers",
        f"{base}/customers/{card.customer.public_id}",
        cards,
        f"{cards}/{card.public_id}",
        operations,
        f"{operations}/{loyalty_operation_ids.encode(operation.id)}",
    ]


def writes_in(card: LoyaltyCard) -> list[tuple[str, str, dict[str, str]]]:
    base = f"/customer_lists/{card.customer_list.public_id}"
    customer = f"{base}/customers/{card.customer.public_id}"
    new_card = {"customer_id": card.customer.public_id, "name": "kiosk"}
    return [
        ("POST", f"{base}/customers", {}),
        ("PATCH", customer, {"first_name": "Ada"}),
        ("PUT", customer, {"first_name": "Ada"}),
        ("POST", f"{base}/loyalty_cards", new_card),
        ("PUT", f"{base}/loyalty_cards/{card.public_id}", {"ref": "1"}),
        ("PATCH", f"{base}/loyalty_cards/{card.public_id}", {"ref": "1"}),
        ("POST", f"{base}/loyalty_cards/{card.public_id}/operations", {"delta": "1"}),
        ("POST", f"{customer}/anonymise", {}),
    ]


def statuses(client: HubClient, card: LoyaltyCard) -> set[int]:
    return {client.request(*call).status_code for call in writes_in(card)}


# --- every list ---------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("permission", ["all_customer_lists.read", "all_customer_lists.write"])
def test_either_word_on_all_lists_lets_read(
    bistro: Connection, card: LoyaltyCard, operation: OperationRow, level: str, permission: str
) -> None:
    client = caller(bistro, level, permission)

    answers = [client.get(path).status_code for path in reads_of(card, operation)]

    assert answers == [200] * 7


@pytest.mark.parametrize("level", LEVELS)
def test_write_on_all_lists_lets_write(bistro: Connection, card: LoyaltyCard, level: str) -> None:
    client = caller(bistro, level, "all_customer_lists.write")

    assert statuses(client, card) == {200}


@pytest.mark.parametrize("level", LEVELS)
def test_read_on_all_lists_lets_write_nothing(
    bistro: Connection, card: LoyaltyCard, level: str
) -> None:
    client = caller(bistro, level, "all_customer_lists.read")

    assert statuses(client, card) == {403}
    card.customer.refresh_from_db()
    assert card.customer.first_name == "Jimmy"


@pytest.mark.parametrize("permission", ["orders.write", "orders.read", "catalog.write"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_scope_without_lists_reaches_none(
    bistro: Connection, card: LoyaltyCard, operation: OperationRow, level: str, permission: str
) -> None:
    client = caller(bistro, level, permission)

    answers = [client.get(path) for path in reads_of(card, operation)]

    assert {r.status_code for r in answers} == {403}
    assert answers[0].json() == {
        "message": "The token's scope does not include customer_list.read.",
        "error_type": "forbidden",
    }
    assert statuses(client, card) == {403}
    assert client.get(f"/{level}/customer_lists").status_code == 403


@pytest.mark.parametrize("level", LEVELS)
def test_any_token_may_ask_where_it_is(bistro: Connection, level: str) -> None:
    client = caller(bistro, level, "orders.read")

    assert client.get(f"/{level}").status_code == 200
    assert client.get("/accounts").status_code == 200
    assert client.get("/locations").status_code == 200


# --- one chosen list ----------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("permission", ["customer_list.read", "customer_list.write"])
def test_either_word_on_the_chosen_list_lets_read_it(
    bistro: Connection, card: LoyaltyCard, operation: OperationRow, level: str, permission: str
) -> None:
    client = caller(bistro, level, permission, card.customer_list)

    answers = [client.get(path).status_code for path in reads_of(card, operation)]

    assert answers == [200] * 7


@pytest.mark.parametrize("level", LEVELS)
def test_write_on_the_chosen_list_lets_write_in_it(
    bistro: Connection, card: LoyaltyCard, level: str
) -> None:
    client = caller(bistro, level, "customer_list.write", card.customer_list)

    assert statuses(client, card) == {200}


@pytest.mark.parametrize("level", LEVELS)
def test_read_on_the_chosen_list_lets_write_nothing(
    bistro: Connection, card: LoyaltyCard, level: str
) -> None:
    client = caller(bistro, level, "customer_list.read", card.customer_list)

    assert statuses(client, card) == {403}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("permission", ["customer_list.read", "customer_list.write"])
def test_other_lists_than_the_chosen_one_are_not_found(
    bistro: Connection, card: LoyaltyCard, operation: OperationRow, level: str, permission: str
) -> None:
    chosen = CustomerListFactory(account=bistro.account, location=bistro.location)
    client = caller(bistro, level, permission, chosen)

    answers = [client.get(path) for path in reads_of(card, operation)]

    assert {r.status_code for r in answers} == {404}
    if permission == "customer_list.write":
        assert statuses(client, card) == {404}


@pytest.mark.parametrize(("level", "own"), [("location", True), ("account", False)])
def test_the_index_shows_the_chosen_list_alone(bistro: Connection, level: str, own: bool) -> None:
    location = bistro.location if own else None
    chosen, _ = CustomerListFactory.create_batch(2, account=bistro.account, location=location)
    client = caller(bistro, level, "customer_list.read", chosen)

    r = client.get(f"/{level}/customer_lists")

    assert [shown["id"] for shown in r.json()] == [chosen.public_id]


@pytest.mark.parametrize("level", LEVELS)
def test_a_scope_on_a_chosen_list_that_is_gone_reaches_nothing(
    bistro: Connection, card: LoyaltyCard, operation: OperationRow, level: str
) -> None:
    client = caller(bistro, level, "customer_list.write")

    answers = {client.get(path).status_code for path in reads_of(card, operation)}

    assert answers == {404}
    assert client.get(f"/{level}/customer_lists").json() == []


def test_a_token_loses_its_chosen_list_when_that_is_deleted(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    connection = ConnectionFactory(
        account=bistro.account,
        location=bistro.location,
        scope="location[customer_list.write]",
        customer_list=customer_list,
    )

    r = api.delete(f"/customer_lists/{customer_list.public_id}")

    assert r.status_code == 200
    connection.refresh_from_db()
    assert connection.customer_list_id is None


def test_reading_all_lists_and_writing_the_chosen_one_go_together(
    bistro: Connection, card: LoyaltyCard
) -> None:
    chosen = CustomerListFactory(account=bistro.account, location=bistro.location)
    client = caller(bistro, "location", "all_customer_lists.read,customer_list.write", chosen)
    other = f"/customer_lists/{card.customer_list.public_id}/customers"

    assert client.get(other).status_code == 200
    assert client.post(other).status_code == 403
    assert client.post(f"/customer_lists/{chosen.public_id}/customers").status_code == 200


# --- lists themselves ---------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "permission",
    ["all_customer_lists.read", "customer_list.read", "customer_list.write", "orders.write"],
)
def test_lists_are_managed_only_with_write_on_all_of_them(
    bistro: Connection, customer_list: CustomerList, level: str, permission: str
) -> None:
    client = caller(bistro, level, permission, customer_list)
    path = f"/customer_lists/{customer_list.public_id}"

    answers = [
        client.post(f"/{level}/customer_lists", name="New"),
        client.put(path, name="New"),
        client.patch(path, name="New"),
        client.delete(path),
    ]

    assert [r.status_code for r in answers] == [403] * 4
    assert {r.json()["error_type"] for r in answers} == {"forbidden"}
    assert CustomerList.objects.for_account(bistro.account).get().name == customer_list.name


def test_a_location_token_reads_and_writes_customers_of_an_account_level_list(
    bistro: Connection, api: HubClient
) -> None:
    card = LoyaltyCardFactory(customer__customer_list__account=bistro.account)

    answers = {api.get(path).status_code for path in reads_of(card, post(card, "1"))}

    assert answers == {200}
    assert statuses(api, card) == {200}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_location_token_may_not_rename_or_delete_an_account_level_list(
    bistro: Connection, api: HubClient, method: str
) -> None:
    shared = CustomerListFactory(account=bistro.account)

    r = api.request(method, f"/customer_lists/{shared.public_id}", {"name": "Ours"})

    assert r.status_code == 403
    assert r.json()["error_type"] == "forbidden"
    shared.refresh_from_db()
    assert shared.name != "Ours"


def test_a_location_token_reaches_no_list_of_another_location(
    bistro: Connection, api: HubClient
) -> None:
    elsewhere = CustomerListFactory(
        account=bistro.account, location=LocationFactory(account=bistro.account)
    )
    card = LoyaltyCardFactory(customer__customer_list=elsewhere)

    answers = {api.get(path).status_code for path in reads_of(card, post(card, "1"))}

    assert answers == {404}
    assert statuses(api, card) == {404}
    assert api.put(f"/customer_lists/{elsewhere.public_id}", name="x").status_code == 404
    assert api.delete(f"/customer_lists/{elsewhere.public_id}").status_code == 404


def test_an_account_token_reaches_everything_in_the_account(
    bistro: Connection, account_api: HubClient
) -> None:
    elsewhere = CustomerListFactory(
        account=bistro.account, location=LocationFactory(account=bistro.account)
    )
    card = LoyaltyCardFactory(customer__customer_list=elsewhere)

    answers = {account_api.get(path).status_code for path in reads_of(card, post(card, "1"))}

    assert answers == {200}
    assert statuses(account_api, card) == {200}
    # What a commit would judge; the list must not take the rows away before.
    database.check_constraints()
    assert account_api.put(f"/customer_lists/{elsewhere.public_id}", name="x").status_code == 200
    assert account_api.delete(f"/customer_lists/{elsewhere.public_id}").status_code == 200


@pytest.mark.parametrize("rival_level", LEVELS)
def test_the_rival_reaches_nothing_at_either_level(
    rival: Connection, rival_level: str, card: LoyaltyCard, operation: OperationRow
) -> None:
    client = caller(rival, rival_level, "all_customer_lists.write")

    answers = {client.get(path).status_code for path in reads_of(card, operation)}

    assert answers == {404}
    assert statuses(client, card) == {404}
    assert client.delete(f"/customer_lists/{card.customer_list.public_id}").status_code == 404
    assert client.put(reads_of(card, operation)[0], name="x").status_code == 404


def test_ids_of_two_lists_do_not_mix(api: HubClient, card: LoyaltyCard) -> None:
    stranger = CustomerFactory(
        customer_list__account=card.account, customer_list__location=card.customer_list.location
    )
    base = f"/customer_lists/{stranger.customer_list.public_id}"
    wrong_card = f"{base}/loyalty_cards/{card.public_id}"
    wrong_customer = f"{base}/customers/{card.customer.public_id}"

    answers = [
        api.get(wrong_card),
        api.put(wrong_card, ref="x"),
        api.get(f"{wrong_card}/operations"),
        api.post(f"{wrong_card}/operations", delta="1"),
        api.get(wrong_customer),
        api.patch(wrong_customer, first_name="x"),
        api.post(f"{wrong_customer}/anonymise"),
    ]

    assert [r.status_code for r in answers] == [404] * 7
    assert not Customer.objects.for_account(card.account).get(pk=card.customer_id).anonymised


# --- short forms --------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_short_form_of_the_account_needs_a_token_of_the_account(
    api: HubClient, method: str
) -> None:
    r = api.request(method, "/account/customer_lists", {"name": "x"})

    assert r.status_code == 403
    assert r.json()["message"] == "This needs a token of the whole account."


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_short_form_of_the_location_needs_a_token_of_a_location(
    account_api: HubClient, method: str
) -> None:
    r = account_api.request(method, "/location/customer_lists", {"name": "x"})

    assert r.status_code == 403
    assert r.json()["message"] == "This needs a token of one location."


# --- syntax -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "location[customer_list.write,orders.read]",
        "account[all_customer_lists.read]",
        "location[ orders.write , all_customer_lists.write ]",
        "location[catalog.read,delivery.write]",
    ],
)
def test_a_scope_reads_as_its_level_and_words(text: str) -> None:
    scope = Scope.parse(text)

    written = f"{scope.level}[{','.join(sorted(scope.permissions))}]"
    assert Scope.parse(written) == scope


@pytest.mark.parametrize(
    "text",
    [
        "",
        "location",
        "location[]",
        "[orders.read]",
        "shop[orders.read]",
        "location[orders]",
        "location[orders.delete]",
        "location[orders.read",
        "location[orders.read]]",
        "location[orders.read]account[orders.read]",
        "location[Orders.read]",
        "location[orders.read;orders.write]",
    ],
)
def test_a_text_that_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ScopeError, match=r"must|not understood"):
        Scope.parse(text)
