"""Nobody gets round the borders of the accounts: by queries, searches, choices, actions, forms.

That every single page keeps to them is for the matrix, ``test_admin_matrix.py``.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.test import Client as DjangoClient
from django.urls import reverse

from accounts.models import Connection, Membership
from customers.models import Customer, CustomerList
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import ScopedModelAdmin
from hubcustomers.tests.admin_matrix import MODELS as TABLE
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    boss_desk,
    code_of,
    enrol,
    list_url,
    member_desk,
    sign_in,
    staff,
    url,
)
from hubcustomers.tests.planting import OURS, PHONES, THEIRS, everything, pages_of, plant
from loyalty.models import LoyaltyCard


@pytest.fixture
def ours(db: None) -> SimpleNamespace:
    """What the member may see."""
    return plant(OURS)


@pytest.fixture
def theirs(db: None) -> SimpleNamespace:
    """What the member must never see."""
    return plant(THEIRS)


MODELS = list(admin.site._registry)
NAMES = [model._meta.label for model in MODELS]
each_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)
# What a member of an account works with; the rest is for superusers.
MEMBERS_WORK_WITH = {model for model in MODELS if TABLE[model._meta.label_lower].view}


def test_every_admin_derives_from_the_scoped_base_and_is_in_the_matrix(ours) -> None:
    assert all(isinstance(made, ScopedModelAdmin) for made in admin.site._registry.values())
    assert set(MODELS) == set(ours.rows)


# --- members ----------------------------------------------------------------------------


@each_model
def test_a_member_works_with_their_own_account(model, ours, theirs) -> None:
    desk = member_desk(ours.account)

    answers = {page: desk.get(page) for page in pages_of(model, ours.rows[model])}

    if model not in MEMBERS_WORK_WITH:
        assert {answer.status_code for answer in answers.values()} <= {302, 403}
        return
    for page in (list_url(model), url(ours.rows[model]), url(ours.rows[model], "history")):
        assert answers[page].status_code == 200, page
    shown = answers[url(ours.rows[model])].content.decode()
    assert OURS in shown
    for answer in answers.values():
        assert THEIRS not in answer.content.decode()


@each_model
def test_the_query_string_opens_no_way_round(model, ours, theirs) -> None:
    desk = member_desk(ours.account)
    fields = [field.name for field in model._meta.concrete_fields]
    filters = [
        {name: getattr(theirs, thing).pk}
        for name, thing in (
            ("account", "account"),
            ("location", "location"),
            ("list", "customer_list"),
            ("card", "card"),
        )
    ]
    lookups = [{f"{name}__gte": "A"} for name in fields]
    lookups += [{"account__name__startswith": THEIRS}, {"customer_list__name__gte": "A"}]
    sorts = [{"o": str(number)} for number in range(9)]
    windows = [{"_popup": "1", "_to_field": name} for name in fields]
    odd = [{"all": ""}, {"p": "99"}, {"p": "x"}, {"e": "1"}, {"_facets": "1"}, {"list": "\0"}]
    odd += [{"account": "9" * 40}, {"anonymised": "maybe"}]

    for params in [*filters, *lookups, *sorts, *windows, *odd]:
        answer = desk.get(list_url(model), **params)
        assert answer.status_code in {200, 302, 400, 403}, params
        shown = answer.content.decode().replace(f"account__name__startswith={THEIRS}", "")
        assert THEIRS not in shown, params
        assert PHONES[THEIRS] not in shown, params


@each_model
def test_a_search_finds_nothing_foreign(model, ours, theirs) -> None:
    desk = member_desk(ours.account)
    row = theirs.rows[model]
    terms = [THEIRS, f"{THEIRS} ref", f"{THEIRS}@example.com", PHONES[THEIRS], "+44 7700 90", "\0"]
    terms += [getattr(row, "public_id", THEIRS), theirs.customer.public_id, theirs.card.public_id]

    for term in terms:
        answer = desk.get(list_url(model), q=term)
        if model in MEMBERS_WORK_WITH:
            assert list(answer.context["cl"].result_list) in (
                [],
                [ours.rows[model]] * (term == "\0"),
            )
        else:
            assert answer.status_code == 403


@each_model
def test_a_field_other_than_the_key_names_no_row(model, ours, theirs) -> None:
    desk = member_desk(ours.account)
    row = theirs.rows[model]
    # A count in the row may happen to be the key of another, which is that other's to show.
    other_keys = {str(key) for key in model._base_manager.values_list("pk", flat=True)}
    other_keys.remove(str(row.pk))
    before = everything()

    for field in model._meta.concrete_fields:
        value = getattr(row, field.attname)
        if str(value) in other_keys:
            continue
        page = reverse(list_url_name(model), args=[str(value).replace("/", "_") or "x"])
        for answer in (
            desk.get(page, _to_field=field.name),
            desk.post(page, _to_field=field.name, name="x"),
        ):
            assert answer.status_code in {302, 400, 403}, field.name
            assert THEIRS not in answer.content.decode()

    assert everything() == before


def list_url_name(model: Any) -> str:
    return f"admin:{model._meta.label_lower.replace('.', '_')}_change"


@each_model
def test_actions_leave_foreign_rows_alone(model, ours, theirs, rf) -> None:
    desk = member_desk(ours.account)
    boss = rf.get("/")
    boss.user = User.objects.create_superuser("boss")
    names = {*admin.site.get_model_admin(model).get_actions(boss), "delete_selected"}
    before = everything()

    def act(name: str, across: str) -> None:
        data = {"action": name, "select_across": across, "post": "yes"}
        answer = desk.post(list_url(model), _selected_action=[theirs.rows[model].pk], **data)
        # An export is sent piece by piece, outside the transaction of this test.
        assert answer.streaming or THEIRS not in answer.content.decode()

    for name in names:
        act(name, across="0")
    assert everything() == before

    for name in names:
        # Across all pages means all rows in reach: ours may change, theirs never.
        act(name, across="1")
    assert Connection.objects.get(account=theirs.account).blocked_at is None
    assert theirs.connection.tokens.get().revoked_at is None


def test_autocompletes_offer_nothing_foreign(ours, theirs) -> None:
    desk = member_desk(ours.account)
    asked = 0
    terms = (
        "",
        THEIRS,
        THEIRS.lower(),
        PHONES[THEIRS],
        "07700 900123",
        "\0",
        theirs.customer.public_id,
    )

    for model in apps.get_models():
        for field in model._meta.get_fields():
            if not isinstance(field, models.ForeignKey | models.ManyToManyField):
                continue
            for term in terms:
                answer = desk.get(
                    reverse("admin:autocomplete"),
                    app_label=model._meta.app_label,
                    model_name=model._meta.model_name,
                    field_name=field.name,
                    term=term,
                )
                asked += 1
                shown = answer.content.decode()
                assert answer.status_code in {200, 403, 404}
                assert THEIRS not in shown
                assert theirs.customer.public_id not in shown
                assert theirs.card.public_id not in shown

    assert asked > 50


def test_an_autocomplete_offers_what_is_ours(ours, theirs) -> None:
    answer = member_desk(ours.account).get(
        reverse("admin:autocomplete"),
        app_label="loyalty",
        model_name="loyaltycard",
        field_name="customer",
        term="06 11 22",
    )

    assert [row["text"] for row in answer.json()["results"]] == [str(ours.customer)]


def foreign_forms(ours: Any, theirs: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Return forms with a foreign id in each place where one fits."""
    connection = {
        "account": ours.account.pk,
        "location": ours.location.pk,
        "client": ours.client.pk,
        "scope": "location[customer_list.write]",
        "customer_list": ours.customer_list.pk,
    }
    return [
        (CustomerList, {"account": theirs.account.pk, "name": "x"}),
        (CustomerList, {"account": ours.account.pk, "location": theirs.location.pk, "name": "x"}),
        (Customer, {"customer_list": theirs.customer_list.pk, "first_name": "x"}),
        (LoyaltyCard, {"customer": theirs.customer.pk, "name": "x"}),
        *[
            (Connection, {**connection, name: getattr(theirs, name).pk})
            for name in ("account", "location", "client", "customer_list")
        ],
    ]


@pytest.mark.parametrize("number", range(8))
def test_a_form_takes_no_foreign_id(number: int, ours, theirs) -> None:
    desk = member_desk(ours.account)
    model, data = foreign_forms(ours, theirs)[number]
    before = everything()

    answer = desk.post(add_url(model), **data)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert THEIRS not in answer.content.decode()
    assert everything() == before


def test_a_member_of_both_mixes_no_two_accounts(ours, theirs) -> None:
    desk = member_desk(ours.account, theirs.account)
    mixed = [
        (CustomerList, {"account": ours.account.pk, "location": theirs.location.pk, "name": "x"}),
        (
            Connection,
            {
                "account": ours.account.pk,
                "location": theirs.location.pk,
                "client": ours.client.pk,
                "scope": "location[orders.read]",
            },
        ),
    ]
    before = everything()

    for model, data in mixed:
        assert "location" in desk.post(add_url(model), **data).context["adminform"].form.errors

    assert everything() == before


@pytest.mark.parametrize("model", sorted(MEMBERS_WORK_WITH, key=str))
def test_a_member_of_both_sees_both(model, ours, theirs) -> None:
    shown = member_desk(ours.account, theirs.account).get(list_url(model)).content.decode()

    assert f"{OURS} account" in shown
    assert f"{THEIRS} account" in shown


@each_model
@pytest.mark.parametrize("role", Role.values)
def test_a_manager_elsewhere_may_no_more_than_the_role_says_here(
    role: str, model, ours, theirs
) -> None:
    model_admin: Any = admin.site.get_model_admin(model)
    desk = member_desk(ours.account, role=role)
    Membership.objects.create(user=desk.user, account=theirs.account, role=Role.MANAGER)
    may = model_admin.role_may.get(Role(role), frozenset())
    row = ours.rows[model]
    before = everything()

    for name in model_admin.actions_detail:
        (right,) = getattr(model_admin, name).allowed_permissions
        if right not in may:
            page = url(row, name)
            assert desk.get(page).status_code in {403, 404}, name
            assert desk.post(page, post="yes", typed="x").status_code in {403, 404}, name
            assert f'"{page}"' not in desk.get(url(row)).content.decode()
    for name in model_admin.actions or ():
        if set(getattr(model_admin, name).allowed_permissions) - may:
            desk.post(list_url(model), action=name, _selected_action=[row.pk])
    if "delete" not in may:
        assert desk.post(url(row, "delete"), post="yes", typed=str(row)).status_code in {403, 404}

    assert everything() == before


# --- others -----------------------------------------------------------------------------


@each_model
def test_a_superuser_sees_every_account(model, ours, theirs) -> None:
    desk = boss_desk()

    for page in (list_url(model), url(theirs.rows[model])):
        answer = desk.get(page)
        assert answer.status_code == 200
        assert THEIRS in answer.content.decode()


def test_a_lost_membership_counts_at_once(ours) -> None:
    desk = member_desk(ours.account)
    assert desk.get(list_url(Customer)).status_code == 200

    Membership.objects.filter(user=desk.user).delete()

    assert desk.get(list_url(Customer)).status_code == 403


# --- every page -------------------------------------------------------------------------


@each_model
def test_a_page_makes_no_outside_request(model, ours) -> None:
    desk = boss_desk()

    for page in ["/admin/", *pages_of(model, ours.rows[model])]:
        shown = desk.get(page).content.decode()
        for attribute in ('src="http', 'href="http', "src='http", "url(http", "@import"):
            assert attribute not in shown, page


@each_model
def test_forms_are_refused_without_their_csrf_token(model, ours) -> None:
    http = DjangoClient(enforce_csrf_checks=True)
    sign_in(http, User.objects.create_superuser("boss"))
    before = everything()

    for page in pages_of(model, ours.rows[model]):
        assert http.post(page, {"post": "yes", "typed": "x"}).status_code == 403

    assert everything() == before


@each_model
def test_a_query_string_cannot_sort_or_show_all_of_a_long_list(model, ours) -> None:
    page = boss_desk().get(list_url(model), o="1.-2", all="").context["cl"]

    assert page.queryset.query.order_by[0] in {"-pk", "username"}
    assert not page.queryset.query.distinct
    assert page.show_all is True
    assert page.can_show_all is False


def test_a_long_list_is_counted_to_a_thousand(ours, django_assert_num_queries) -> None:
    Customer.objects.bulk_create(
        Customer(account=ours.account, customer_list=ours.customer_list) for _ in range(1050)
    )

    page = member_desk(ours.account).get(list_url(Customer))

    assert page.context["cl"].result_count == 1000
    assert "The latest 1000 of more customers" in page.content.decode()


def test_the_login_page_lets_staff_in(ours) -> None:
    desk = Desk()
    marie = staff("marie", ours.account)
    enrol(marie)

    answer = desk.post("/admin/login/?next=/admin/", username="marie", password="secret")
    answer = desk.post(answer["Location"], code=code_of(marie))

    assert answer["Location"] == "/admin/"
    assert "Customer lists" in desk.get("/admin/").content.decode()
