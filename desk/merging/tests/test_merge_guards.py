"""What the database holds of merges, whoever writes past the hub."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from desk.merging.factories import merge
from desk.merging.tests.conftest import Twice
from hubcustomers.api.errors import constraint_name
from hubcustomers.tests.desk import settle
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard

pytestmark = pytest.mark.django_db


def refused(write: Any) -> str | None:
    """Return the constraint that refuses the write, at once or at the end."""
    try:
        with transaction.atomic():
            write()
            settle()
    except IntegrityError as error:
        return constraint_name(error)
    return None


def link(one: Customer, other: Customer | None) -> int:
    rows = Customer.with_merged.filter(pk=one.pk, account_id=one.account_id)
    return rows.update(merged_into=other)


def join(one: LoyaltyCard, other: LoyaltyCard | None) -> int:
    rows = LoyaltyCard.with_joined.filter(pk=one.pk, account_id=one.account_id)
    return rows.update(joined_into=other)


def test_only_customers_of_one_list_are_merged(customer: Customer) -> None:
    elsewhere = CustomerFactory(customer_list=CustomerListFactory(account=customer.account))
    foreign = CustomerFactory()

    for other in (elsewhere, foreign):
        assert refused(lambda other=other: link(customer, other)) == "customers_customer_merge_trg"


def test_who_stands_for_another_stands_for_itself(customer_list: CustomerList) -> None:
    first, second, third = (CustomerFactory(customer_list=customer_list) for _ in range(3))
    link(first, second)
    settle()

    assert refused(lambda: link(third, first)) == "customers_customer_merge_trg"
    assert refused(lambda: link(second, third)) == "customers_customer_merge_trg"
    assert refused(lambda: link(third, third)) == "customers_customer_merge_trg"
    # All at once is lawful: the end of the transaction is what counts.
    link(second, third)
    link(first, third)
    settle()


def test_a_new_row_is_judged_as_well(customer: Customer) -> None:
    elsewhere = CustomerListFactory(account=customer.account)

    constraint = refused(lambda: CustomerFactory(customer_list=elsewhere, merged_into=customer))

    assert constraint == "customers_customer_merge_trg"


def test_a_joined_card_is_empty_and_stays_empty(twice: Twice) -> None:
    merge(twice.anna, twice.annie)
    settle()
    emptied = LoyaltyCard.with_joined.filter(
        pk=twice.other_card.pk, account_id=twice.anna.account_id
    )

    assert refused(lambda: join(twice.kiosk_card, twice.card)) == "loyalty_card_joined_trg"
    assert refused(lambda: emptied.update(balance=5)) in {
        "loyalty_card_joined_trg",
        "loyalty_card_head_trg",
    }
    assert refused(lambda: join(twice.card, twice.card)) == "loyalty_card_joined_trg"
    post(twice.other_card, "5")
    settle()
    assert emptied.get().balance == 0


def test_a_card_is_joined_into_one_of_its_list_that_stands_for_itself(twice: Twice) -> None:
    merge(twice.anna, twice.annie)
    settle()
    elsewhere = LoyaltyCardFactory(
        customer=CustomerFactory(customer_list=CustomerListFactory(account=twice.anna.account))
    )

    assert refused(lambda: join(twice.other_card, elsewhere)) == "loyalty_card_joined_trg"
    assert refused(lambda: join(twice.other_card, twice.other_card)) == "loyalty_card_joined_trg"


def test_a_merge_is_of_two_and_stands_once(twice: Twice) -> None:
    kept = merge(twice.anna, twice.annie)
    settle()

    def again(**changes: Any) -> None:
        kept.pk = None
        for name, value in changes.items():
            setattr(kept, name, value)
        kept.save(force_insert=True)

    assert refused(again) == "desk_merge_merged_uniq"
    assert refused(lambda: again(merged=twice.anna)) == "desk_merge_two_chk"
