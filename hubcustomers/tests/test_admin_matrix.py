"""The back-office's matrix: every URL below admin/, for staff of every kind and for others.

A page of a row that is out of reach answers as for a row that never was, tells nothing of it
and changes nothing. ``admin_matrix.py`` says in tables who may open what.
"""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as DjangoClient

from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.admin_matrix import MODELS, OPEN, PAGES_FOUND, UNPROVEN, Found, unknown
from hubcustomers.tests.desk import Desk, boss_desk, member_desk, staff
from hubcustomers.tests.planting import OURS, PHONES, THEIRS, everything, plant

each_role = pytest.mark.parametrize("role", Role.values)
each_model = pytest.mark.parametrize("model", MODELS)
# No row has it.
NOBODYS_ID = 987_654_321
# What a page might take for a confirmation.
YES = {"post": "yes", "typed": "x", "name": "x", "next": "https://evil.example/"}
CONFIRM = "/admin/security/confirm/"


@pytest.fixture
def ours(db: None) -> SimpleNamespace:
    """What the staff of the test may see, as far as their role allows."""
    return plant(OURS)


@pytest.fixture
def theirs(db: None) -> SimpleNamespace:
    """What they must never see."""
    return plant(THEIRS)


def row_of(planted: SimpleNamespace, label: str) -> Any:
    return next(row for model, row in planted.rows.items() if model._meta.label_lower == label)


def pages_of(label: str) -> list[Found]:
    return [found for found in PAGES_FOUND if found.model == label]


def address(found: Found, pk: int) -> str:
    return found.address(*[pk] * found.of_a_row)


def content(answer: Any) -> str:
    """Return everything that the answer holds, and its headers."""
    body = answer.getvalue() if answer.streaming else answer.content
    return f"{answer.headers}{body.decode(errors='replace')}"


def outcome(answer: Any, pk: int) -> tuple[Any, ...]:
    """Return what can be told from an answer, whichever row it is about."""
    told = (answer.get("Location", ""), answer.content.decode())
    return answer.status_code, *(re.sub(rf"(?<=/){pk}(?=/)", "ID", text) for text in told)


def test_every_url_below_admin_is_in_the_tables() -> None:
    assert unknown() == []


def test_every_model_of_the_tables_is_planted(ours: SimpleNamespace) -> None:
    assert {model._meta.label_lower for model in ours.rows} == set(MODELS)


# --- staff of another account -----------------------------------------------------------


@each_model
@each_role
def test_rows_of_another_account_are_as_if_they_never_were(
    role: str, model: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk, foreign = member_desk(ours.account, role=role), row_of(theirs, model).pk
    before = everything()

    for found in pages_of(model):
        if not found.of_a_row:
            continue
        for ask in (desk.get, lambda path: desk.post(path, **YES)):
            answers = [ask(address(found, pk)) for pk in (foreign, NOBODYS_ID)]
            assert answers[0].status_code in {302, 403, 404}, found.name
            assert outcome(answers[0], foreign) == outcome(answers[1], NOBODYS_ID), found.name
            assert_nothing_of(theirs, answers[0], found)

    assert everything() == before


def assert_nothing_of(planted: SimpleNamespace, answer: Any, found: Found) -> None:
    mark = THEIRS if planted.account.name.startswith(THEIRS) else OURS
    shown = content(answer)
    ids = [row_of(planted, "customers.customer").public_id]
    for planted_text in (mark, PHONES[mark], *ids):
        assert planted_text not in shown, (found.name, planted_text)


@each_model
@each_role
def test_a_role_opens_what_the_tables_say_and_nothing_else(
    role: str, model: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk, own = member_desk(ours.account, role=role), row_of(ours, model).pk
    before = everything()

    for found in pages_of(model):
        path, may = address(found, own), role in found.page.roles.split()
        answer = desk.get(path)
        if may:
            assert answer.status_code in ({200, 302} if found.page.there else {404}), path
        else:
            assert answer.status_code == 403, path
            assert OURS not in content(answer), path
            refused = desk.post(path, **YES)
            assert refused.status_code == 403, path
            assert OURS not in content(refused), path
        assert_nothing_of(theirs, answer, found)

    assert everything() == before


@each_model
def test_a_superuser_opens_whatever_somebody_may(model: str, theirs: SimpleNamespace) -> None:
    desk, row = boss_desk(), row_of(theirs, model).pk

    for found in pages_of(model):
        opened = {200, 302} if found.page.there else {404}
        status = desk.get(address(found, row)).status_code
        assert status in opened | (set() if found.page.roles else {403}), found.name


@each_model
def test_what_hurts_most_asks_first_who_is_at_the_desk(model: str, ours: SimpleNamespace) -> None:
    desk = Desk(User.objects.create_superuser("boss"), proven=False)
    row = row_of(ours, model).pk
    before = everything()

    for found in pages_of(model):
        answer = desk.get(address(found, row))
        asks = answer.status_code == 302 and answer["Location"].startswith(CONFIRM)
        assert asks is found.page.asks, found.name
        if found.page.asks:
            assert desk.post(address(found, row), **YES)["Location"].startswith(CONFIRM)

    assert everything() == before


@pytest.mark.django_db(transaction=True)
@each_role
def test_a_file_holds_nothing_of_another_account(
    role: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk = member_desk(ours.account, role=role)
    sent = 0

    for found in PAGES_FOUND:
        if found.page.sends is None or role not in found.page.roles.split():
            continue
        own = address(found, row_of(ours, str(found.model)).pk)
        answer = desk.post(own, **{**ids_of(theirs), **found.page.sends})
        assert "attachment" in answer["Content-Disposition"], found.name
        assert_nothing_of(theirs, answer, found)
        sent += 1

    assert sent > 0 or role in {Role.SUPPORT, Role.OPERATOR}


ODD = [
    {"_popup": "1", "_to_field": "name"},
    {"_to_field": "account__name", "_changelist_filters": f"account__name__startswith={THEIRS}"},
    {"account": "9" * 40, "page": "x", "q": "\0", "s": "a", "e": "1"},
]


@each_model
@pytest.mark.parametrize("number", range(len(ODD)))
def test_a_query_string_gets_nothing_out_of_any_page(
    number: int, model: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk = member_desk(ours.account)
    before = everything()

    for found in pages_of(model):
        for planted in (ours, theirs):
            answer = desk.get(address(found, row_of(planted, model).pk), **ODD[number])
            assert answer.status_code < 500, found.name
            shown = content(answer).replace(f"startswith={THEIRS}", "")
            assert THEIRS not in shown.replace(f"startswith%3D{THEIRS}", ""), found.name

    assert everything() == before


@each_model
def test_foreign_ids_in_a_form_change_nothing_foreign(
    model: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk = member_desk(ours.account)
    foreign = ids_of(theirs)
    before = rows_of(theirs)

    for found in pages_of(model):
        if found.page.sends is not None:
            continue
        path = address(found, row_of(ours, model).pk)
        for body in (foreign, {**foreign, **YES}):
            answer = desk.post(path, _selected_action=[row_of(theirs, model).pk], **body)
            assert answer.status_code < 500, found.name
            assert_nothing_of(theirs, answer, found)

    assert rows_of(theirs) == before


def ids_of(planted: SimpleNamespace) -> dict[str, int]:
    """Return the keys of its rows under the names that a form may have for them."""
    ids = {row._meta.model_name: row.pk for row in planted.rows.values()}
    return {**ids, "customer_list": planted.customer_list.pk, "ids": planted.customer.pk}


def rows_of(planted: SimpleNamespace) -> dict[str, list[Any]]:
    """Return the rows that carry the mark of one account, or its key."""
    mark = THEIRS if planted.account.name.startswith(THEIRS) else OURS
    keys = {(type(row)._meta.label, row.pk) for row in planted.rows.values()}
    return {
        label: [row for row in rows if mark in str(row) or (label, row[0]) in keys]
        for label, rows in everything().items()
    }


# --- others -----------------------------------------------------------------------------


def everywhere(planted: SimpleNamespace) -> list[tuple[Found, str]]:
    """Return every page with its address; those of a row for a planted one."""
    found = [(f, address(f, row_of(planted, f.model).pk)) for f in PAGES_FOUND if f.model]
    shortcuts = {"view_on_site": (1, planted.customer.pk), "app_list": ("customers",)}
    return found + [
        (f, f.address(*shortcuts.get(f.name, ()))) for f in PAGES_FOUND if f.model is None
    ]


@pytest.mark.parametrize("who", ["nobody", "a customer", "dismissed"])
def test_whoever_is_no_staff_is_sent_to_the_login(who: str, ours: SimpleNamespace) -> None:
    desk = Desk()
    if who != "nobody":
        user = staff(who, ours.account)
        user.is_staff, user.is_active = who != "a customer", who != "dismissed"
        user.save()
        desk = Desk(user)
    before = everything()

    for found, path in everywhere(ours):
        for answer in (desk.get(path), desk.post(path, **YES)):
            assert OURS not in content(answer), path
            if found.name in OPEN or found.name == "logout":
                assert answer.status_code in {200, 302, 404, 405}, path
                continue
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/admin/login/"), path

    assert everything() == before


def test_a_password_alone_opens_nothing(ours: SimpleNamespace) -> None:
    desk = Desk()
    desk.http.force_login(staff("marie", ours.account))
    before = everything()

    for found, path in everywhere(ours):
        if found.name in UNPROVEN:
            continue
        for answer in (desk.get(path), desk.post(path, **YES)):
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/admin/security/second-factor/"), path
            assert OURS not in content(answer), path

    assert everything() == before


def test_staff_without_membership_see_nothing_and_change_nothing(ours: SimpleNamespace) -> None:
    desk = member_desk()
    before = everything()

    for found, path in everywhere(ours):
        if found.name in {"logout", "security_recovery_codes"}:
            continue
        for answer in (desk.get(path), desk.post(path, **YES)):
            assert OURS not in content(answer), path
            if found.model is not None:
                assert answer.status_code == 403, path
            assert answer.status_code < 500, path

    assert everything() == before


@each_role
def test_the_pages_of_the_site_tell_nothing_foreign(
    role: str, ours: SimpleNamespace, theirs: SimpleNamespace
) -> None:
    desk = member_desk(ours.account, role=role)

    for found, path in everywhere(theirs):
        if found.model is None and found.name != "logout":
            for params in ({}, {"s": "a", "extended": ""}, {"s": "a", "page": "x"}):
                answer = desk.get(path, **params)
                assert answer.status_code < 500, path
                assert_nothing_of(theirs, answer, found)


def test_no_page_takes_a_form_of_another_site(ours: SimpleNamespace) -> None:
    http = DjangoClient(enforce_csrf_checks=True)
    desk = member_desk(ours.account)
    http.cookies = desk.http.cookies
    before = everything()

    for _found, path in everywhere(ours):
        assert http.post(path, YES).status_code in {403, 405}, path

    assert everything() == before
