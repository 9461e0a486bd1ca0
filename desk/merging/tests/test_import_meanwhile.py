"""An import that updates customers while somebody merges them."""

from pathlib import Path
from typing import Any

import pytest

from accounts.factories import ClientFactory
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from desk.merging.factories import merge
from transfer.judging import Judging
from transfer.tests.commands import import_file, write_csv

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("match", "value"),
    [("private_ref", "c-1"), ("email", "jo@example.com"), ("phone", "06 12 34 56 78")],
)
def test_who_is_merged_at_that_moment_is_not_updated_unseen(
    match: str, value: str, customer_list: CustomerList, tmp_path: Path, monkeypatch: Any
) -> None:
    known = CustomerFactory(
        customer_list=customer_list, email="jo@example.com", phone="+33612345678", city="Paris"
    )
    CustomerPrivateRef.objects.create(
        account=known.account,
        customer_list=customer_list,
        customer=known,
        client=ClientFactory(name="import"),
        ref="c-1",
    )
    survivor = CustomerFactory(customer_list=customer_list, email="other@example.com")
    lock_targets = Judging._lock_targets
    waiting = [survivor]

    def merged_first(judging: Judging) -> bool:
        if waiting:
            merge(waiting.pop(), known)
        return lock_targets(judging)

    monkeypatch.setattr(Judging, "_lock_targets", merged_first)
    file = write_csv(tmp_path / "x.csv", f"{match},city,card_ref", f"{value},Nice,av-1")

    words = ["--match", match, "--on-duplicate", "update"]
    assert import_file(file, customer_list, *words).status == 0

    known.refresh_from_db()
    assert known.city == "Paris"
    # The ref leads to the other one, who also took the phone; the e-mail is nobody's now.
    updated = Customer.objects.get(city="Nice")
    assert (updated == survivor) == (match != "email")
    assert updated.loyalty_cards.get().ref == "av-1"
