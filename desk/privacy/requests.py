"""Requests of people: written under the name of who does it, answered within their time."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.clues import Clue, Haystack, clues_of, telling_sql
from customers.erasure import Erased
from customers.models import Customer
from desk.privacy.models import PrivacyRequest

# So many days before the due date a request is due soon.
SOON = timedelta(days=7)


def today_in(account: Any) -> date:
    """Return the day on the account's calendar."""
    return timezone.now().astimezone(ZoneInfo(account.timezone)).date()


def due(rows: "QuerySet[Any]", today: date) -> "QuerySet[Any]":
    """Return the open requests that are overdue or due soon."""
    return rows.filter(~Q(state=PrivacyRequest.State.CLOSED), due_on__lte=today + SOON)


@transaction.atomic
def save(request: PrivacyRequest, *, user: Any, fields: Sequence[str] | None = None) -> None:
    """Save a request; its history names the user.

    Args:
        request: New, or changed.
        user: Who does it.
        fields: What was changed; None for a new request.
    """
    _tell(user)
    if fields is None:
        request.user_name = user.get_username()[:255]
        request.save(force_insert=True)
    else:
        request.save(update_fields=list(fields))


@transaction.atomic
def extend(request: PrivacyRequest, *, reason: str, user: Any) -> None:
    """Take two months more, once, with a reason that the person is told.

    Raises:
        ValidationError: It was extended before, is closed, or there is no reason.
    """
    locked = (
        PrivacyRequest.objects.for_account(request.account_id)
        .select_for_update()
        .get(pk=request.pk)
    )
    if not reason.strip():
        raise ValidationError({"reason": _("The person must be told why.")})
    if not locked.is_open:
        raise ValidationError(_("The request is closed."))
    if locked.extended_on is not None:
        raise ValidationError(_("The request was extended before; that can be done once."))
    locked.extended_on = today_in(locked.account)
    locked.extension_reason = reason.strip()[:500]
    save(locked, user=user, fields=["extended_on", "extension_reason"])


def _tell(user: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hub.request_by', %s, true)", [user.get_username()[:255]])


# --- anonymising ------------------------------------------------------------------------


def _erase_notes(customer: Customer, before: Mapping[str, Any]) -> None:
    """Empty what staff wrote about the person, here and in requests linked to nobody.

    In requests of this customer any of the private values counts, elsewhere what tells the
    person by itself, or first and last name together.
    """
    clues = clues_of(dict(before), country=customer.country or customer.account.country)
    condition, bound = telling_sql(clues, "concat_ws(chr(1), notes, extension_reason)")
    rows = PrivacyRequest.objects.for_account(customer.account_id)
    own = [request.pk for request in rows.filter(customer_id=customer.pk) if _tells(request, clues)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hub.request_by', %s, true)", [_("(anonymising)")])
        cursor.execute(
            "UPDATE desk_privacyrequest SET notes = '', extension_reason = ''"
            f" WHERE account_id = %(account)s AND (id = ANY(%(own)s) OR {condition})",
            {**bound, "account": customer.account_id, "own": own},
        )


def erase_notes(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Empty what staff wrote about these customers, of whom most stand in no note."""
    rows = PrivacyRequest.objects.for_account(erased[0].customer.account_id)
    written = rows.exclude(notes="", extension_reason="")
    texts = Haystack(
        f"{notes}\n{reason}" for notes, reason in written.values_list("notes", "extension_reason")
    )
    for customer, before in erased:
        if texts.text and texts.may_show(before):
            _erase_notes(customer, before)


def _tells(request: PrivacyRequest, clues: list[Clue]) -> bool:
    text = f"{request.notes}\n{request.extension_reason}"
    return any(clue.pattern.search(text) for clue in clues)
