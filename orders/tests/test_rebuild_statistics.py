"""manage.py rebuild_statistics."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from orders.factories import place_order
from orders.models import Order
from orders.statistics import find_differences
from tests.test_races import statuses, together

pytestmark = pytest.mark.django_db(transaction=True)


def run(*args: str) -> tuple[str, int]:
    """Return what the command prints, and its exit code."""
    out = StringIO()
    try:
        call_command("rebuild_statistics", *args, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}\n", error.returncode
    return out.getvalue(), 0


def spoil(customer: Customer, **values: object) -> None:
    Customer.objects.for_account(customer.account).filter(pk=customer.pk).update(**values)


def test_without_differences_it_says_so(bistro: Connection, customer: Customer) -> None:
    place_order(bistro, customer)
    place_order(bistro, customer, status="cancelled")
    place_order(bistro)

    assert run() == ("All statistics are those of the orders.\n", 0)


def test_it_reports_and_corrects_each_difference(bistro: Connection, customer: Customer) -> None:
    other = CustomerFactory(customer_list=customer.customer_list)
    place_order(bistro, customer)
    moment = datetime(2020, 1, 18, 12, tzinfo=UTC)
    Order.objects.for_account(bistro.account).update(created_at=moment)
    spoil(customer, first_order_date=moment, last_order_date=None, nb_orders=2)
    spoil(other, order_total="-5.00", nb_orders=7)

    assert run() == (
        f"customer {customer.public_id}: nb_orders 2 -> 1,"
        " last_order_date None -> 2020-01-18T13:00:00+01:00\n"
        f"customer {other.public_id}: nb_orders 7 -> 0, order_total -5.00 EUR -> 0.00 EUR\n"
        "Customers with wrong statistics found and corrected: 2.\n",
        1,
    )
    customer.refresh_from_db()
    assert (customer.nb_orders, customer.last_order_date) == (1, moment)
    assert run() == ("All statistics are those of the orders.\n", 0)


def test_a_dry_run_corrects_nothing(customer: Customer) -> None:
    spoil(customer, nb_orders=1)

    report = (
        f"customer {customer.public_id}: nb_orders 1 -> 0\n"
        "Customers with wrong statistics found: 1.\n",
        1,
    )
    assert run("--dry-run") == report
    assert run("--dry-run") == report


def test_an_order_that_somebody_deleted_is_noticed(bistro: Connection, customer: Customer) -> None:
    place_order(bistro, customer)
    Order.objects.for_account(bistro.account)._raw_delete(using="default")

    text, code = run("--dry-run")

    assert code == 1
    assert "nb_orders 1 -> 0, order_total 10.00 EUR -> 0.00 EUR, first_order_date" in text


def test_one_account_can_be_chosen(customer: Customer, rival: Connection) -> None:
    spoil(customer, nb_orders=1)

    assert run("--account", rival.account.public_id)[1] == 0
    assert run("--account", customer.account.public_id)[1] == 1
    assert run("--account", "abcde") == ("There is no account abcde.\n", 2)


def test_it_is_exact_while_orders_come_in(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    others = CustomerFactory.create_batch(20, customer_list=customer.customer_list)
    for one in (customer, *others):
        spoil(one, nb_orders=50)

    def order() -> object:
        return api.post("/location/orders", status="new", customer_id=customer.public_id)

    def rebuild() -> object:
        run("--account", bistro.account.public_id)
        return api.get("/location/orders")

    answers = together(*[order] * 10, *[rebuild] * 3, *[order] * 10)

    assert set(statuses(answers)) == {200}
    assert find_differences(bistro.account_id) == []


def test_a_large_account_takes_a_fixed_number_of_statements(
    customer: Customer, django_assert_max_num_queries
) -> None:
    CustomerFactory.create_batch(50, customer_list=customer.customer_list)
    Customer.objects.for_account(customer.account).update(nb_orders=1)

    with django_assert_max_num_queries(12):
        text, _ = run()

    assert text.count("nb_orders 1 -> 0") == 51
