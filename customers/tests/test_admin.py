"""The back-office of customer lists and customers (issue 2, item 8)."""

from typing import Any

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from customers import services
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    boss_desk,
    errors_of,
    list_url,
    member_desk,
    url,
)


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def found(desk: Desk, text: str, model: Any = Customer) -> list[Any]:
    return list(desk.get(list_url(model), q=text).context["cl"].result_list)


# --- lists ------------------------------------------------------------------------------


def test_a_list_is_created_for_a_location_or_the_account(desk: Desk, bistro: Connection) -> None:
    place = {"account": bistro.account.pk, "location": bistro.location.pk}

    assert desk.save(add_url(CustomerList), **place, name="  Regulars ").status_code == 302
    assert desk.save(add_url(CustomerList), name="Web").status_code == 302

    made = CustomerList.objects.order_by("pk").values_list("account", "location", "name")
    account = bistro.account.pk
    assert list(made) == [(account, bistro.location.pk, "Regulars"), (account, None, "Web")]


def test_a_list_name_already_taken_is_an_error_of_the_form(desk: Desk, bistro: Connection) -> None:
    CustomerListFactory(account=bistro.account, name="Web")
    other = CustomerListFactory(account=bistro.account, name="Other")

    created = desk.save(add_url(CustomerList), location=bistro.location.pk, name="Web")
    renamed = desk.save(url(other), name="Web")

    assert errors_of(created) == {"name": ["has already been taken"]}
    assert errors_of(renamed) == {"name": ["has already been taken"]}
    assert CustomerList.objects.filter(name="Web").count() == 1
    assert not AuditEntry.objects.exists()


def test_a_list_name_says_something(desk: Desk, customer_list: CustomerList) -> None:
    assert "name" in errors_of(desk.save(url(customer_list), name="   "))
    assert "name" in errors_of(desk.save(url(customer_list), name="x" * 256))
    assert "name" in errors_of(desk.save(url(customer_list), name="a\0b"))


def test_a_list_is_renamed_and_stays_where_it_is(
    desk: Desk, customer_list: CustomerList, bistro: Connection
) -> None:
    other = LocationFactory(account=bistro.account)

    desk.save(url(customer_list), name="Renamed", location=other.pk, account=bistro.account.pk)

    customer_list.refresh_from_db()
    assert (customer_list.name, customer_list.location_id) == ("Renamed", bistro.location.pk)


def test_deleting_a_list_clears_it_from_connections(
    desk: Desk, bistro: Connection, customer_list: CustomerList
) -> None:
    Connection.objects.filter(pk=bistro.pk).update(customer_list=customer_list)

    desk.post(url(customer_list, "delete"), typed=customer_list.name)

    bistro.refresh_from_db()
    assert bistro.customer_list_id is None


def test_lists_are_found_by_name_and_id(desk: Desk, customer_list: CustomerList) -> None:
    CustomerListFactory(account=customer_list.account, name="Another")

    assert found(desk, customer_list.name[:4], CustomerList) == [customer_list]
    assert found(desk, customer_list.public_id, CustomerList) == [customer_list]


# --- finding customers ------------------------------------------------------------------


def test_a_customer_is_found_by_id(desk: Desk, customer: Customer) -> None:
    CustomerFactory(customer_list=customer.customer_list)

    assert found(desk, customer.public_id) == [customer]
    assert found(desk, customer.public_id.upper()) == [customer]


@pytest.mark.parametrize("typed", ["%", "_", "*", "zzzz", "0799", "'", '"', "\\"])
def test_nobody_is_found_by(typed: str, desk: Desk, customer_list: CustomerList) -> None:
    CustomerFactory(customer_list=customer_list, phone="+33612345678", email="jimmy@example.com")

    assert found(desk, typed) == []


def test_a_phone_is_read_in_the_country_of_the_list(desk: Desk, bistro: Connection) -> None:
    london = LocationFactory(account=bistro.account, country="GB")
    customer_list = CustomerListFactory(account=bistro.account, location=london)
    customer = CustomerFactory(customer_list=customer_list, phone="+447700900123")

    assert found(desk, "07700 900 123") == [customer]


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_page_takes_few_queries(
    rows: int, desk: Desk, customer_list: CustomerList, django_assert_num_queries: Any
) -> None:
    CustomerFactory.create_batch(rows, customer_list=customer_list)

    # Session, user, memberships; choices of three filters; count and rows.
    with django_assert_num_queries(8):
        assert desk.get(list_url(Customer)).status_code == 200
    # Also: countries, what phone, e-mail, card ref and private ref find, and who was merged.
    with django_assert_num_queries(14):
        assert desk.get(list_url(Customer), q="0612").status_code == 200
    # Also: three columns for a name, and its two words in either order.
    with django_assert_num_queries(17):
        assert desk.get(list_url(Customer), q="anna schmidt").status_code == 200
    with django_assert_num_queries(7):
        assert desk.get(list_url(CustomerList)).status_code == 200


def test_filters_narrow_the_list(desk: Desk, customer: Customer, bistro: Connection) -> None:
    other = CustomerFactory(customer_list=CustomerListFactory(account=bistro.account))
    services.anonymise_customer(other)

    def shown(**params: Any) -> list[Customer]:
        return list(desk.get(list_url(Customer), **params).context["cl"].result_list)

    assert shown() == [other, customer]
    assert shown(list=customer.customer_list_id) == [customer]
    assert shown(anonymised="yes") == [other]
    assert shown(anonymised="no") == [customer]
    assert shown(list="nonsense") == []


# --- writing customers ------------------------------------------------------------------


def test_a_customer_is_created_under_the_rules_of_the_api(
    desk: Desk, customer_list: CustomerList
) -> None:
    answer = desk.save(
        add_url(Customer),
        customer_list=customer_list.pk,
        first_name="Anna",
        email="Anna@Example.com",
        phone="06 12 34 56 78",
        gender="female",
        birth_date="1990-02-28",
        country="fr",
        latitude="48.85",
        delivery_notes="Ring\r\ntwice",
        sms_marketing="on",
        custom_fields='{"a": 1.50, "b": null}',
    )

    assert answer.status_code == 302
    made = Customer.objects.get()
    assert (made.phone, made.country, made.gender) == ("+33612345678", "FR", "female")
    assert (str(made.birth_date), str(made.latitude)) == ("1990-02-28", "48.8500000000")
    assert made.delivery_notes == "Ring\ntwice"
    assert (made.sms_marketing, made.email_marketing) == (True, False)
    assert made.last_name is None
    assert str(made.custom_fields) == "{'a': 1.50}"


WRONG = {
    "country": "XX",
    "latitude": "91",
    "longitude": "1e2",
    "birth_date": "tomorrow",
    "gender": "robot",
    "email": "a\nb",
    "custom_fields": "[1]",
}


@pytest.mark.parametrize("field", WRONG)
def test_an_error_stands_at_its_field(field: str, desk: Desk, customer: Customer) -> None:
    wrong = {field: WRONG[field]}

    changed = errors_of(desk.save(url(customer), **wrong))
    created = errors_of(
        desk.save(add_url(Customer), customer_list=customer.customer_list_id, **wrong)
    )

    assert list(changed) == list(created) == [field]
    assert len(changed[field]) == len(created[field]) == 1
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        "[" * 5000,
        '{"a": "\\u0000"}',
        f'{{"a": "{"x" * 9000}"}}',
    ],
)
def test_custom_fields_are_read_as_strictly_as_by_the_api(
    text: str, desk: Desk, customer: Customer
) -> None:
    assert list(errors_of(desk.save(url(customer), custom_fields=text))) == ["custom_fields"]
    customer.refresh_from_db()
    assert customer.custom_fields == {}


def test_saving_an_untouched_page_changes_nothing(desk: Desk, customer_list: CustomerList) -> None:
    customer = CustomerFactory(
        customer_list=customer_list,
        first_name="",
        phone="not a number",
        latitude="48.8566",
        birth_date="1990-02-28",
        delivery_notes="\nRing\ntwice\n",
        custom_fields={"list": [1, 2], "text": 'a "quoted" </textarea>'},
        email_marketing=True,
    )
    before = Customer.objects.filter(pk=customer.pk).values().get()

    assert desk.save(url(customer)).status_code == 302

    assert Customer.objects.filter(pk=customer.pk).values().get() == before


def test_only_what_the_user_changed_is_written(desk: Desk, customer: Customer) -> None:
    services.update_customer(
        customer, client=None, country="FR", data={"custom_fields": {"a": 1, "b": 2, "c": 3}}
    )
    form = desk.form(url(customer))
    # Meanwhile a till changes phone and city, and two custom fields.
    Customer.objects.filter(pk=customer.pk).update(
        phone="+33699999999", city="Lyon", custom_fields={"a": 1, "b": 20, "c": 3, "d": 4}
    )

    form |= {"first_name": "Anna", "custom_fields": '{"a": 10, "b": 2}'}
    assert desk.http.post(url(customer), form).status_code == 302

    customer.refresh_from_db()
    assert (customer.first_name, customer.phone, customer.city) == ("Anna", "+33699999999", "Lyon")
    assert customer.custom_fields == {"a": 10, "b": 20, "d": 4}
    assert AuditEntry.objects.get().changed_fields == ["custom_fields", "first_name"]


def test_a_field_is_emptied(desk: Desk, customer: Customer) -> None:
    desk.save(url(customer), first_name="", custom_fields="")

    customer.refresh_from_db()
    assert customer.first_name is None


def test_a_customer_anonymised_meanwhile_stays_so(desk: Desk, customer: Customer) -> None:
    form = desk.form(url(customer))
    services.anonymise_customer(customer)

    answer = desk.http.post(url(customer), {**form, "first_name": "Anna", "city": "Lyon"})

    assert answer.status_code == 302
    customer.refresh_from_db()
    assert (customer.first_name, customer.city) == (None, "Lyon")


def test_the_lists_and_statistics_of_a_customer_cannot_be_written(
    desk: Desk, customer: Customer
) -> None:
    other = CustomerListFactory(account=customer.account)

    desk.save(url(customer), customer_list=other.pk, nb_orders=9, anonymised="on", account=99)

    changed = Customer.objects.get(pk=customer.pk)
    assert changed.customer_list_id == customer.customer_list_id
    assert (changed.nb_orders, changed.anonymised) == (0, False)


def test_nobody_deletes_a_customer(customer: Customer) -> None:
    desk = boss_desk()

    assert desk.post(url(customer, "delete"), post="yes").status_code == 403
    assert Customer.objects.exists()


# --- anonymising ------------------------------------------------------------------------


def test_an_anonymised_customer_has_no_personal_fields_left(desk: Desk, customer: Customer) -> None:
    services.anonymise_customer(customer)

    page = desk.get(url(customer))
    answer = desk.save(url(customer), city="Lyon", phone="0612345678")

    assert 'name="phone"' not in page.content.decode()
    assert "Anonymise" not in page.content.decode()
    assert answer.status_code == 302
    customer.refresh_from_db()
    assert (customer.city, customer.phone) == ("Lyon", None)


def test_the_log_tells_names_of_fields_and_nothing_personal(
    desk: Desk, customer_list: CustomerList
) -> None:
    desk.save(
        add_url(Customer),
        customer_list=customer_list.pk,
        first_name="Jimmysecret",
        phone="0612345678",
    )
    customer = Customer.objects.get()
    desk.save(url(customer), last_name="Jimmysecret")
    desk.post(url(customer, "anonymise"), typed=customer.public_id)

    log = list(AuditEntry.objects.order_by("pk").values())

    assert [entry["action"] for entry in log] == ["created", "changed", "anonymised"]
    assert {entry["resource_name"] for entry in log} == {str(customer)}
    assert log[1]["changed_fields"] == ["last_name"]
    assert "Jimmysecret" not in str(log)
    assert "33612345678" not in str(log)
    assert desk.get(url(customer, "history")).status_code == 200


# --- connections for one list -----------------------------------------------------------


def test_a_connection_has_a_list_within_its_reach(desk: Desk, bistro: Connection) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    near = CustomerListFactory(account=bistro.account, location=bistro.location)
    far = CustomerListFactory(account=bistro.account, location=elsewhere)
    grant = {
        "account": bistro.account.pk,
        "location": bistro.location.pk,
        "client": bistro.client.pk,
        "scope": "location[customer_list.write]",
    }

    refused = desk.post(add_url(Connection), **grant, customer_list=far.pk)
    taken = desk.post(add_url(Connection), **grant, customer_list=near.pk)

    assert list(errors_of(refused)) == ["customer_list"]
    assert not taken.context.get("adminform")
    assert Connection.objects.exclude(pk=bistro.pk).get().customer_list_id == near.pk
