"""Two customers of one list become one, and within 30 days two again.

The row of the merged customer stays as it was, hidden, and names the survivor who stands for
it: its id, its refs and its emptied cards go on to be understood (``survivor_of``,
``standing_card``). Everything happens in one transaction. Locks: the list, the customers that
stand for themselves in the order of their keys, those merged before, then cards and orders.
"""

from contextlib import ExitStack
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from customers import consent
from customers.events import customer_update
from customers.merging import (
    MERGED_FIELDS,
    Choices,
    link,
    set_values,
    unlink,
    values_after,
    values_before,
)
from customers.models import ANONYMISED_FIELDS, Customer
from customers.private_refs import give_back_refs, take_refs
from customers.services import keep_list
from desk.merging.models import Merge
from hubcustomers.backoffice import audit
from loyalty.joining import HandedOver, hand_over_cards, take_back_cards
from orders import statistics
from orders.events import orders_change_hands
from orders.services import hand_over_orders

UNDO_DAYS = 30


def state_of(*customers: Customer) -> str:
    """Return what tells whether the customers are still as a page showed them."""
    shown = [[str(getattr(customer, name)) for name in MERGED_FIELDS] for customer in customers]
    return sha256(repr(shown).encode()).hexdigest()


@transaction.atomic
def merge(
    survivor: Customer, merged: Customer, *, choices: Choices, user: Any, seen: str | None = None
) -> Merge:
    """Make one customer of two.

    Args:
        survivor: The one who stays.
        merged: The one whose cards, orders and refs the survivor takes over.
        choices: Whose value survives, by field; what is not named goes by the proposal.
        user: The staff user who does it.
        seen: ``state_of`` the two as the user saw them; None where nobody looked.

    Raises:
        ValidationError: The two cannot be merged, or changed since they were seen.
        InvalidField: Custom fields, a balance or a total would be too large.
    """
    survivor, merged = _lock_two(survivor, merged)
    if seen is not None and seen != state_of(survivor, merged):
        raise ValidationError(_("One of them changed meanwhile. Look at them and send again."))
    kept = Merge(
        account_id=survivor.account_id,
        customer_list_id=survivor.customer_list_id,
        survivor=survivor,
        merged=merged,
        user_name=user.get_username()[:255],
    )
    with (
        _told(survivor),
        orders_change_hands(survivor.account_id, giver=merged.pk, taker=survivor.pk),
    ):
        kept.moved = {
            "between": [merged.public_id, survivor.public_id],
            "customers": link(survivor, merged),
            "cards": hand_over_cards(merged, survivor).as_json(),
            "orders": hand_over_orders(survivor.account_id, giver=merged.pk, taker=survivor.pk),
            "refs": take_refs(survivor, merged),
        }
        values = values_after(survivor, merged, choices)
        changes = set_values(survivor, values, source=consent.of_user(user))
        statistics.recompute(survivor.account_id, [survivor.pk, merged.pk])
    kept.changes = {name: [_plain(value) for value in values] for name, values in changes.items()}
    kept.save(force_insert=True)
    audit.record(user, survivor, "merged", fields=list(changes))
    audit.record(user, merged, "merged")
    return kept


def _lock_two(one: Customer, other: Customer) -> tuple[Customer, Customer]:
    keep_list(one.account_id, one.customer_list_id)
    rows = Customer.with_merged.for_account(one.account_id).filter(pk__in=[one.pk, other.pk])
    locked = {row.pk: row for row in rows.order_by("pk").select_for_update(no_key=True)}
    fault = fault_of_merging(locked.get(one.pk), locked.get(other.pk))
    if fault:
        raise ValidationError(fault)
    return locked[one.pk], locked[other.pk]


def fault_of_merging(survivor: Customer | None, merged: Customer | None) -> str:
    """Return why the two cannot be merged, "" where they can."""
    if survivor is None or merged is None:
        return _("There is no such customer any more.")
    if survivor.pk == merged.pk:
        return _("These are not two customers but one.")
    if survivor.customer_list_id != merged.customer_list_id:
        return _("Only customers of one list can be merged.")
    if survivor.merged_into_id or merged.merged_into_id:
        return _("One of them was merged already.")
    if survivor.anonymised or merged.anonymised:
        return _("A customer who is anonymised cannot be merged.")
    return ""


# --- undo ---------------------------------------------------------------------------


@transaction.atomic
def undo(kept: Merge, *, user: Any) -> None:
    """Make two customers again of one; what came since the merge stays with the survivor.

    Raises:
        ValidationError: It cannot be undone.
        InvalidField: A balance or a total would be too large.
        IntegrityError: A card would have the name of another one of its customer.
    """
    keep_list(kept.account_id, kept.customer_list_id)
    rows = Customer.with_merged.for_account(kept.account_id).select_for_update(no_key=True)
    survivor = rows.get(pk=kept.survivor_id)
    merged = rows.get(pk=kept.merged_id)
    kept.refresh_from_db()
    fault = fault_of_undoing(kept, survivor)
    if fault:
        raise ValidationError(fault)
    moved = kept.moved
    unlink(merged, moved["customers"])
    place = {"giver": survivor.pk, "taker": merged.pk, "only": moved["orders"]}
    with ExitStack() as told:
        for customer in sorted([survivor, merged], key=lambda row: row.pk):
            told.enter_context(_told(customer))
        told.enter_context(orders_change_hands(kept.account_id, **place))
        take_back_cards(merged, survivor, HandedOver.of_json(moved["cards"]))
        hand_over_orders(kept.account_id, **place)
        give_back_refs(survivor, merged, moved["refs"])
        values = values_before(survivor, kept.changes)
        changes = set_values(survivor, values, source=consent.of_user(user))
        statistics.recompute(kept.account_id, [survivor.pk, merged.pk])
    kept.undone_by = user.get_username()[:255]
    rows_of_merge = Merge.objects.for_account(kept.account_id).filter(pk=kept.pk)
    rows_of_merge.update(undone_at=Now(), undone_by=kept.undone_by, changes={})
    audit.record(user, survivor, "unmerged", fields=list(changes))
    audit.record(user, merged, "unmerged")


def fault_of_undoing(kept: Merge, survivor: Customer) -> str:
    """Return why the merge cannot be undone, "" where it can."""
    if kept.undone_at is not None:
        return _("The merge was undone already.")
    if survivor.anonymised:
        return _("The customer is anonymised: nobody can tell the two apart any more.")
    if survivor.merged_into_id is not None:
        return _("The customer was merged into another one since: undo that first.")
    if timezone.now() - kept.created_at > timedelta(days=UNDO_DAYS):
        return _("A merge can be undone for %d days; that time is over.") % UNDO_DAYS
    if merges_of(survivor).filter(pk__gt=kept.pk).exists():
        return _("Another customer was merged into this one since: undo that first.")
    return ""


def undoable_no_more(before: datetime) -> Any:
    """Return the merges made before that moment of which more is kept than that they were."""
    row = Customer.with_merged.filter(
        pk=OuterRef("merged_id"), account_id=OuterRef("account_id"), anonymised=False
    )
    known = Merge.objects.annotate(row=Exists(row)).filter(~Q(changes={}) | Q(row=True))
    return known.filter(created_at__lt=before, undone_at=None)


@transaction.atomic
def forget_former(before: datetime, limit: int) -> int:
    """Erase what only an undo would need: the merged customer's fields, the survivor's former ones.

    The row stays, hidden and anonymised, so that its id goes on to be understood.

    Args:
        before: Merges made before that moment, which must be past undoing.
        limit: Of how many merges at once.

    Returns:
        How many merges that were.
    """
    found = list(undoable_no_more(before).order_by("pk").values_list("pk", "merged_id")[:limit])
    # Customers before their merges, as everybody locks them; whatever is locked is left for later.
    free: Any = {"no_key": True, "skip_locked": True}
    merged = Customer.with_merged.filter(pk__in=[customer for _merge, customer in found])
    locked = merged.order_by("pk").select_for_update(**free).values_list("pk", flat=True)
    merges = undoable_no_more(before).filter(
        pk__in=[merge for merge, _customer in found], merged_id__in=list(locked)
    )
    keys = dict(
        merges.order_by("pk").select_for_update(of=["self"], **free).values_list("pk", "merged_id")
    )
    # Looked at again under the lock: one that was parted meanwhile stands for itself.
    rows = Customer.with_merged.filter(pk__in=keys.values(), merged_into__isnull=False)
    rows.update(anonymised=True, custom_fields={}, **dict.fromkeys(ANONYMISED_FIELDS))
    Merge.objects.filter(pk__in=keys).update(changes={})
    return len(keys)


def merges_of(survivor: Customer) -> Any:
    """Return the merges into the customer that stand, latest first."""
    rows = Merge.objects.for_account(survivor.account_id)
    return rows.filter(survivor_id=survivor.pk, undone_at=None).order_by("-pk")


def _told(customer: Customer) -> Any:
    return customer_update(
        account_id=customer.account_id,
        customer_list_id=customer.customer_list_id,
        customer_id=customer.pk,
        caused_by=None,
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | dict | str | None) else str(value)
