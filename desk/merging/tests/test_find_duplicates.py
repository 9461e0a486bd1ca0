"""Who may be one person twice: the search, and ``manage.py find_duplicates``."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import anonymise_customer, lock_customer
from desk.merging import duplicates
from desk.merging.factories import boss, merge, undo
from desk.merging.models import PossibleDuplicate
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(customer_list: CustomerList) -> Any:
    def person(first: str, last: str, code: str | None = "75001", **fields: Any) -> Customer:
        return CustomerFactory(
            customer_list=customer_list,
            first_name=first,
            last_name=last,
            postal_code=code,
            **fields,
        )

    return person


def search(customer_list: CustomerList) -> dict[tuple[int, int], list[str]]:
    list(duplicates.search(customer_list))
    pairs = duplicates.pairs_of_list(customer_list)
    return {(pair.first_id, pair.second_id): pair.reasons for pair in pairs}


def test_the_same_phone_or_mail_makes_a_pair(customer_list: CustomerList, person: Any) -> None:
    one = person("Anna", "Durand", email="Anna@Example.com", phone="+33612345678")
    other = person("A.", "D.", None, email="anna@example.COM", phone="+33612345678")
    person("Bob", "Smith", email="bob@example.com", phone="+33699999999")
    third = person("Carl", "Jung", phone="+33612345678")

    assert search(customer_list) == {
        (one.pk, other.pk): ["phone", "email"],
        (one.pk, third.pk): ["phone"],
        (other.pk, third.pk): ["phone"],
    }


@pytest.mark.parametrize(
    ("first", "last", "code", "near"),
    [
        ("Jérôme", "Lefèvre", "75001", True),
        ("JEROME", "LEFEVRE", "75 001", True),
        ("Lefevre", "Jerome", "75001", True),
        ("Jérôme", "Le-Fèvre", "75001", True),
        ("Jerome", "Lefebvre", "75001", True),
        ("Jerme", "Lefevre", "75001", True),
        ("Jeromme", "Lefevre", "75001", True),
        ("Jreome", "Lefevre", "75001", True),
        ("Jerone", "Lefevre", "75001", True),
        ("Jerome", "Lefevre", "75002", False),
        ("Jerome", "Lefevre", None, False),
        ("Jeanne", "Lefevre", "75001", False),
        ("Jerome", "Laurent", "75001", False),
    ],
)
def test_near_names_at_one_postal_code_make_a_pair(
    customer_list: CustomerList, person: Any, first: str, last: str, code: str | None, near: bool
) -> None:
    one = person("Jerome", "Lefevre")
    other = person(first, last, code)

    assert search(customer_list) == ({(one.pk, other.pk): ["name"]} if near else {})


def test_another_letter_makes_another_short_name(customer_list: CustomerList, person: Any) -> None:
    person("Li", "Wu")
    person("Lu", "Wu")

    assert search(customer_list) == {}


def test_a_number_that_many_share_tells_nothing(customer_list: CustomerList, person: Any) -> None:
    for n in range(51):
        person(f"Person{n}", "Somebody", f"{n:05}", phone="+33100000000")
    few = [person(f"Guest{n}", "Anybody", f"9{n:04}", email="x@y.z") for n in range(7)]

    # Of seven, each beside the oldest.
    assert search(customer_list) == {(few[0].pk, one.pk): ["email"] for one in few[1:]}


def test_only_one_list_is_searched_and_nobody_who_is_gone(
    customer_list: CustomerList, person: Any
) -> None:
    one = person("Anna", "Durand", phone="+33612345678")
    CustomerFactory(
        customer_list=CustomerListFactory(account=customer_list.account), phone=one.phone
    )
    CustomerFactory(phone=one.phone)
    gone = person("Anna", "Durand", phone=one.phone)
    assert len(search(customer_list)) == 1

    anonymise_customer(lock_customer(gone.account_id, customer_list.pk, gone.pk))

    assert not PossibleDuplicate.objects.exists()
    assert search(customer_list) == {}


def test_a_search_forgets_what_is_no_more_and_keeps_what_was_decided(
    customer_list: CustomerList, person: Any
) -> None:
    one, other, third = (person(f"P{n}", "Q", None, phone="+33612345678") for n in range(3))
    assert len(search(customer_list)) == 3
    duplicates.part(other, one, user=boss())
    Customer.objects.filter(pk=third.pk, account_id=third.account_id).update(phone="+33600000000")

    assert search(customer_list) == {}
    assert list(PossibleDuplicate.objects.values_list("first_id", "second_id", "parted_by")) == [
        (one.pk, other.pk, "boss")
    ]
    assert duplicates.suspects_of(one) == []


def test_who_was_merged_is_no_duplicate_until_the_merge_is_undone(
    customer_list: CustomerList, person: Any
) -> None:
    one, other = (person(f"P{n}", "Q", None, phone="+33612345678") for n in range(2))
    found = search(customer_list)
    kept = merge(one, other)

    assert list(duplicates.pairs_of_list(customer_list)) == []
    assert search(customer_list) == {}
    undo(kept)

    assert search(customer_list) == found


def test_a_customer_has_its_own_suspects_without_a_search(
    customer_list: CustomerList, person: Any
) -> None:
    one = person("Anna", "Durand", email="a@b.c", phone="+33612345678")
    mail = person("X", "Y", None, email="A@B.C")
    phone = person("Ánna", "DURAND", phone="+33612345678")
    near = person("Ana", "Durand")

    assert duplicates.suspects_of(one) == [(mail, ["email"]), (phone, ["phone", "name"])]
    search(customer_list)
    assert [other for other, _reasons in duplicates.suspects_of(one)] == [mail, phone, near]
    assert [other for other, _reasons in duplicates.suspects_of(near)] == [one, phone]


# --- the command ------------------------------------------------------------------------


def test_the_command_prints_ids_and_reasons_and_no_value(
    customer_list: CustomerList, person: Any
) -> None:
    one, other = (person("Anna", "Durand", phone="+33612345678") for _ in range(2))

    shown = run("find_duplicates", "--list", customer_list.public_id)
    printed = json.loads(run("find_duplicates", "--list", customer_list.public_id, "--json").out)

    assert printed == {
        "customer_list": customer_list.public_id,
        "pairs": [{"customers": [one.public_id, other.public_id], "reasons": ["phone", "name"]}],
    }
    assert f"{one.public_id} {other.public_id}  phone, name" in shown.out
    assert "1 pairs" in shown.out
    assert "612345678" not in shown.out


def test_a_list_that_is_not_there_is_wrong_usage(db: None) -> None:
    with pytest.raises(CommandError) as error:
        call_command("find_duplicates", "--list", "zzzzz")
    assert error.value.returncode == 2
