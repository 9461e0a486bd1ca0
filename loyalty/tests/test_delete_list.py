"""DELETE /customer_lists/:id (spec 1.5), with all that a list holds."""

from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import delete_list
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from orders.factories import place_order
from orders.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def execute(sql: str, *values: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount


@pytest.fixture
def used(card: LoyaltyCard) -> LoyaltyCard:
    """A card with operations, in a list with a second customer."""
    post(card, "4.2")
    post(card, "1")
    post(LoyaltyCardFactory(customer__customer_list=card.customer_list), "2")
    return card


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}"


def test_everything_in_the_list_goes_and_nothing_else(api: HubClient, used: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer__customer_list=CustomerListFactory(account=used.account))
    post(other, "7")

    assert api.delete(path_of(used.customer_list)).status_code == 200

    assert Customer.objects.for_account(used.account).get() == other.customer
    assert LoyaltyCard.objects.for_account(used.account).get() == other
    assert LoyaltyOperation.objects.for_account(used.account).get().card_id == other.pk


def test_orders_stay_with_their_snapshot_and_lose_the_link(
    bistro: Connection, api: HubClient, used: LoyaltyCard
) -> None:
    row = place_order(bistro, used.customer)
    before = Order.objects.for_account(used.account).get(pk=row.id)
    assert before.customer_snapshot["first_name"] == "Jimmy"

    api.delete(path_of(used.customer_list))

    after = Order.objects.for_account(used.account).get(pk=row.id)
    assert after.customer_id is None
    assert after.customer_snapshot == before.customer_snapshot
    assert (after.total, after.status, after.version) == (
        before.total,
        before.status,
        before.version,
    )


def test_nobody_hears_of_it(bistro: Connection, api: HubClient, used: LoyaltyCard) -> None:
    crm = ConnectionFactory(account=bistro.account, account_level=True)
    issue_token(crm)
    names = ("customer", "order", "customer_list")
    Callback.objects.create(
        account=bistro.account, connection=crm, events={n: ["create", "update"] for n in names}
    )
    place_order(bistro, used.customer)
    told = Event.objects.for_account(bistro.account).count()

    api.delete(path_of(used.customer_list))

    assert told > 0
    assert Event.objects.for_account(bistro.account).count() == told


def test_connections_that_chose_the_list_lose_it_and_keep_their_token(
    bistro: Connection, api: HubClient, used: LoyaltyCard
) -> None:
    chosen, another = used.customer_list, CustomerListFactory(account=bistro.account)
    scope = "location[customer_list.write]"
    tills = [
        ConnectionFactory(
            account=bistro.account, location=bistro.location, scope=scope, customer_list=one
        )
        for one in (chosen, another)
    ]
    loser = HubClient(tills[0])

    api.delete(path_of(chosen))

    for till in tills:
        till.refresh_from_db()
    assert [till.customer_list_id for till in tills] == [None, another.pk]
    assert loser.get(f"{path_of(chosen)}/customers").status_code == 404
    assert loser.get("/location").status_code == 200


def test_a_key_given_for_the_list_still_finds_its_answer(api: HubClient, used: LoyaltyCard) -> None:
    url = f"{path_of(used.customer_list)}/loyalty_cards/{used.public_id}/operations"
    headers = {"Idempotency-Key": "1"}
    first = api.request("POST", url, {"delta": "1"}, headers=headers)

    api.delete(path_of(used.customer_list))

    assert api.request("POST", url, {"delta": "1"}, headers=headers).content == first.content


# --- what must not go ---------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM loyalty_loyaltyoperation WHERE account_id = %s",
        "DELETE FROM loyalty_loyaltyoperation WHERE account_id = %s AND sequence = 2",
        "DELETE FROM loyalty_loyaltycard WHERE account_id = %s",
        "DELETE FROM customers_customer WHERE account_id = %s",
    ],
)
def test_nothing_goes_while_the_list_stays(used: LoyaltyCard, sql: str) -> None:
    with pytest.raises(IntegrityError, match=r"never deleted|goes only with its list"):
        execute(sql, used.account_id)

    assert LoyaltyOperation.objects.for_account(used.account).count() == 3


def test_operations_do_not_go_before_their_list_in_one_transaction(used: LoyaltyCard) -> None:
    @transaction.atomic
    def delete_both() -> None:
        execute("DELETE FROM loyalty_loyaltyoperation WHERE account_id = %s", used.account_id)
        delete_list(used.customer_list)

    with pytest.raises(IntegrityError, match="never deleted"):
        delete_both()

    assert LoyaltyOperation.objects.for_account(used.account).count() == 3


def test_a_list_does_not_come_back_without_its_operations(used: LoyaltyCard) -> None:
    @transaction.atomic
    def delete_and_make_again() -> None:
        delete_list(used.customer_list)
        again = CustomerListFactory(pk=used.customer_list_id, account=used.account)
        owner = CustomerFactory(pk=used.customer_id, customer_list=again)
        LoyaltyCardFactory(pk=used.pk, customer=owner)

    with pytest.raises(IntegrityError, match="does not come back") as refused:
        delete_and_make_again()

    assert refused.value.__cause__.diag.constraint_name == "loyalty_card_keep_trg"
    assert LoyaltyOperation.objects.for_account(used.account).count() == 3


def test_a_deletion_taken_back_leaves_the_ledger_whole(used: LoyaltyCard) -> None:
    with transaction.atomic():
        point = transaction.savepoint()
        delete_list(used.customer_list)
        transaction.savepoint_rollback(point)

    assert LoyaltyOperation.objects.for_account(used.account).count() == 3
    post(used, "1")


# --- others meanwhile ---------------------------------------------------------------


def test_other_lists_can_be_written_while_one_is_being_deleted(
    bistro: Connection, api: HubClient, account_api: HubClient, used: LoyaltyCard
) -> None:
    other = LoyaltyCardFactory(customer__customer_list=CustomerListFactory(account=bistro.account))
    answers: list[HttpResponse] = []

    def write() -> None:
        below = path_of(other.customer_list)
        try:
            answers.extend(
                [
                    api.post(f"{below}/customers", private_ref="1"),
                    api.post(f"{below}/loyalty_cards/{other.public_id}/operations", delta="1"),
                    api.patch(f"{below}/customers/{other.customer.public_id}", city="Lyon"),
                    api.post("/location/customer_lists", name="Meanwhile"),
                    account_api.put(below, name="Renamed"),
                    api.post(
                        "/location/orders", status="new", customer_id=other.customer.public_id
                    ),
                    # What goes can still be read, and is not written for long.
                    api.get(f"{path_of(used.customer_list)}/customers"),
                ]
            )
        finally:
            connection.close()

    with transaction.atomic():
        delete_list(used.customer_list)
        writer = Thread(target=write)
        writer.start()
        writer.join(20)

    assert [answer.status_code for answer in answers] == [200] * 7
