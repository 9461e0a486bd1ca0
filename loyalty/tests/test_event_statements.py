"""What events cost: the statements of each write, with nobody, one and five who listen."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks.models import Callback, Event
from conftest import HubClient
from loyalty.models import LoyaltyCard

# In real transactions BEGIN and COMMIT are counted too.
pytestmark = pytest.mark.django_db(transaction=True)

Write = Callable[[HubClient, LoyaltyCard], HttpResponse]


def below(card: LoyaltyCard) -> str:
    return f"/customer_lists/{card.customer_list.public_id}"


def post_operation(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    return api.post(f"{below(card)}/loyalty_cards/{card.public_id}/operations", delta="1")


def create_customer(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    return api.post(f"{below(card)}/customers", first_name="Jimmy")


def update_customer(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    update_customer.turn += 1
    url = f"{below(card)}/customers/{card.customer.public_id}"
    return api.patch(url, city=f"City {update_customer.turn}")


update_customer.turn = 0


def rename_card(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    rename_card.turn += 1
    url = f"{below(card)}/loyalty_cards/{card.public_id}"
    return api.put(url, ref=f"ref {rename_card.turn}")


rename_card.turn = 0


def statements(api: HubClient, card: LoyaltyCard, write: Write) -> list[str]:
    """Return what the write sends, once caches are warm."""
    assert write(api, card).status_code == 200
    with CaptureQueriesContext(connection) as sent:
        assert write(api, card).status_code == 200
    return [query["sql"] for query in sent]


def listen(bistro: Connection, number: int) -> None:
    for _ in range(number):
        crm = ConnectionFactory(account=bistro.account, account_level=True)
        issue_token(crm)
        Callback.objects.create(
            account=bistro.account, connection=crm, events={"customer": ["create", "update"]}
        )


def test_an_operation_nobody_listens_to_is_four_statements(
    api: HubClient, card: LoyaltyCard
) -> None:
    begin, listeners, posted, commit = statements(api, card, post_operation)

    assert (begin, commit) == ("BEGIN", "COMMIT")
    assert "FROM callbacks_callback" in listeners
    assert "INSERT INTO loyalty_loyaltyoperation" in posted


@pytest.mark.parametrize(
    ("write", "without", "with_one"),
    [
        (post_operation, 4, 13),
        (create_customer, 5, 10),
        (update_customer, 7, 15),
        (rename_card, 7, 15),
    ],
)
def test_a_write_costs_so_many_statements(
    bistro: Connection,
    api: HubClient,
    card: LoyaltyCard,
    write: Write,
    without: int,
    with_one: int,
) -> None:
    assert len(statements(api, card, write)) == without

    listen(bistro, 1)
    assert len(statements(api, card, write)) == with_one

    # Their rows go in one batch, and what they see is read once for all.
    listen(bistro, 4)
    assert len(statements(api, card, write)) == with_one
    assert Event.objects.for_account(bistro.account).exists()
