"""A manager who grants points to many cards."""

from typing import Any

from hubcustomers.tests.desk import Desk
from loyalty import proof
from loyalty.models import LoyaltyCard
from transfer import grants
from transfer.jobs import Worker
from transfer.models import Job

PAGE = "/admin/customers/customer/grant/"
GIFT = {"card_name": "=", "points": "5", "reason": "Christmas"}


def send(desk: Desk, query: str = "", **changes: Any) -> Any:
    return desk.http.post(f"{PAGE}?{query}", {**GIFT, **changes})


def begin(desk: Desk, count: int, query: str = "", **changes: Any) -> Job:
    answer = send(desk, query, typed=str(count), **changes)
    assert answer.status_code == 302, answer.context["errors"]
    return Job.objects.get(kind=grants.GRANT)


def run() -> None:
    Worker().run(once=True)


def balances(cards: list[LoyaltyCard]) -> list[Any]:
    rows = LoyaltyCard.objects.filter(pk__in=[card.pk for card in cards]).order_by("pk")
    return [int(balance) for balance in rows.values_list("balance", flat=True)]


def is_sound() -> bool:
    return not [fault for _proof, faults in proof.prove(proof.Scope()) for fault in faults]
