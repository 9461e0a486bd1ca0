"""What the page of a request shows below the form: the customer, how to answer, the history."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Membership
from customers.models import Customer
from desk.privacy.models import ErasureCertificate, PrivacyRequest, RequestChange
from hubcustomers.backoffice.display import link, local
from hubcustomers.public_ids import customer_ids

_MOST = 200
Table = dict[str, Any]


def tables_of(obj: PrivacyRequest, request: HttpRequest) -> list[Table]:
    """Return the tables."""
    return [*_customer_table(obj), *_certificate_table(obj), _history_table(obj)]


def _customer_table(obj: PrivacyRequest) -> list[Table]:
    if obj.customer_id is None:
        return []
    rows_of_account = Customer.with_merged.for_account(obj.account_id)
    customer = rows_of_account.filter(pk=obj.customer_id).first()
    # Who was merged since is the one who stands for it.
    customer = customer and (customer.merged_into or customer)
    if customer is None:
        rows = [[obj.customer_public_id, _("This customer is gone with the list."), "-"]]
        links = []
    else:
        gone = customer.anonymised
        state = _("anonymised") if gone else _("not anonymised")
        rows = [[link(customer, customer.public_id), state, str(customer.nb_orders)]]
        pages = [("subject_access", _("Subject access")), ("erase", _("Erase with proof"))]
        links = [
            (title, reverse(f"admin:customers_customer_{page}", args=[customer.pk]))
            for page, title in (pages[:1] if gone else pages)
        ]
    return [
        {
            "title": _("Customer"),
            "links": links,
            "headers": [_("id"), _("state"), _("orders")],
            "rows": rows,
        }
    ]


def _certificate_table(obj: PrivacyRequest) -> list[Table]:
    rows = certificate_rows(obj.account, obj.customer_id or 0)
    if not rows:
        return []
    headers = [_("searched on"), _("outcome")]
    return [{"title": _("Erasure certificates"), "headers": headers, "rows": rows}]


def certificate_rows(account: Any, customer_id: int) -> list[list[str]]:
    """Return the certificates of a customer's erasure as rows of a table."""
    found = ErasureCertificate.objects.for_account(account).filter(customer_id=customer_id)
    return [
        [
            link(one, local(one.searched_at, account)),
            _("something was found") if one.found else _("nothing found"),
        ]
        for one in found.order_by("-pk")
    ]


def _history_table(obj: PrivacyRequest) -> Table:
    changes = RequestChange.objects.for_account(obj.account_id).filter(request=obj)
    latest = list(changes.order_by("-pk")[:_MOST])
    names = _names_of(latest)
    rows = [
        [
            local(one.changed_at, obj.account),
            one.user_name or "-",
            _title_of(one.field),
            _word(one.field, one.old_value, names),
            _word(one.field, one.new_value, names),
        ]
        for one in latest
    ]
    headers = [_("time"), _("who"), _("what"), _("before"), _("after")]
    return {"title": _("History of the request"), "headers": headers, "rows": rows}


def _names_of(changes: list[RequestChange]) -> dict[str, str]:
    numbers = {
        value
        for one in changes
        if one.field == "assigned_to_id"
        for value in (one.old_value, one.new_value)
        if value
    }
    members = Membership.objects.filter(user__in=numbers).select_related("user")
    return {str(one.user_id): one.user.get_username() for one in members}


def _title_of(field: str) -> str:
    titles = {
        "created": _("recorded"),
        "kind": _("kind"),
        "received_on": _("received"),
        "extended_on": _("extended"),
        "due_on": _("due"),
        "state": _("state"),
        "outcome": _("outcome"),
        "assigned_to_id": _("assigned to"),
        "customer_id": _("customer"),
        "extension_reason": _("reason of the extension"),
        "notes": _("notes"),
    }
    return str(titles.get(field, field))


def _word(field: str, value: str | None, names: dict[str, str]) -> str:
    if not value:
        return "-"
    if field == "customer_id":
        return customer_ids.encode(int(value))
    if field == "assigned_to_id":
        return names.get(value, _("somebody who has left"))
    choices = {"kind": "Kind", "state": "State", "outcome": "Outcome", "created": "State"}
    if field in choices:
        kinds: Any = getattr(PrivacyRequest, choices[field])
        return str(kinds(value).label) if value in kinds.values else value
    return value
