"""Two customers become one: which values survive, and what changes hands at the customers.

Orders and cards are apps further up; desk/merging.py does the whole in one transaction.
"""

from collections.abc import Mapping
from typing import Any

from customers import consent
from customers.models import ANONYMISED_FIELDS, Customer
from hubcustomers.api.fields import merged_custom_fields
from hubcustomers.exact_json import same

ADDRESS_FIELDS = (
    "address_1",
    "address_2",
    "postal_code",
    "city",
    "state",
    "country",
    "latitude",
    "longitude",
    "phone_access_code",
    "delivery_notes",
)
_PERSON_FIELDS = tuple(name for name in ANONYMISED_FIELDS if name not in ADDRESS_FIELDS)
# In the order of the API.
MERGED_FIELDS = (*_PERSON_FIELDS, *ADDRESS_FIELDS, *consent.FLAGS, "custom_fields")
# Without one of these there is no address to speak of.
_PLACE = ("address_1", "address_2", "latitude")

# Whose value of a field survives: the survivor's own, the other one's, or (custom fields
# alone) those of both, the survivor's first.
KEPT, OTHER, BOTH = "kept", "other", "both"
Choices = Mapping[str, str]


def proposed_choices(survivor: Customer, merged: Customer) -> dict[str, str]:
    """Return whose value survives, field by field, where nobody says otherwise.

    The survivor's own where it has one; an address stays whole; consent is never widened.
    """
    choices = {
        name: OTHER if _is_empty(survivor, name) and not _is_empty(merged, name) else KEPT
        for name in MERGED_FIELDS
    }
    if not _is_empty(survivor, "custom_fields") and not _is_empty(merged, "custom_fields"):
        choices["custom_fields"] = BOTH
    if _has_place(survivor) or _has_place(merged):
        choices.update(dict.fromkeys(ADDRESS_FIELDS, KEPT if _has_place(survivor) else OTHER))
    for name in consent.FLAGS:
        choices[name] = OTHER if not getattr(merged, name) else KEPT
    return choices


def values_after(survivor: Customer, merged: Customer, choices: Choices) -> dict[str, Any]:
    """Return the survivor's fields as they will be.

    Raises:
        InvalidField: The custom fields of both together are too large.
    """
    sides = {**proposed_choices(survivor, merged), **choices}
    values = {
        name: getattr(merged if sides[name] == OTHER else survivor, name) for name in MERGED_FIELDS
    }
    if sides["custom_fields"] == BOTH:
        values["custom_fields"] = merged_custom_fields(merged.custom_fields, survivor.custom_fields)
    return values


def set_values(
    customer: Customer, values: Mapping[str, Any], *, source: consent.Source
) -> dict[str, list[Any]]:
    """Give a locked customer the values; return ``[before, after]`` of what that changed."""
    changes = {
        name: [getattr(customer, name), value]
        for name, value in values.items()
        if not same(getattr(customer, name), value)
    }
    for name, (_before, value) in changes.items():
        setattr(customer, name, value)
    if not changes.keys().isdisjoint(consent.FLAGS):
        consent.tell_source(source)
    if changes:
        customer.save(update_fields=list(changes))
    return changes


def values_before(customer: Customer, changes: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the values to set so that changes are taken back; what changed since stays."""
    values: dict[str, Any] = {}
    for name, (before, after) in changes.items():
        field: Any = customer._meta.get_field(name)
        if name == "custom_fields":
            values[name] = _members_before(customer.custom_fields, before, after)
        elif getattr(customer, name) == field.to_python(after):
            values[name] = field.to_python(before)
    return values


def _members_before(
    current: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    members = dict(current)
    for key in {*before, *after}:
        if current.get(key) == after.get(key) != before.get(key):
            members.pop(key, None)
            if key in before:
                members[key] = before[key]
    return members


def _is_empty(customer: Customer, name: str) -> bool:
    return getattr(customer, name) in (None, "", {})


def _has_place(customer: Customer) -> bool:
    return not all(_is_empty(customer, name) for name in _PLACE)


# --- links --------------------------------------------------------------------------


def link(survivor: Customer, merged: Customer) -> list[int]:
    """Let the survivor stand for the other one, and for those the other one stood for.

    Returns:
        The latter.
    """
    rows = Customer.with_merged.for_account(survivor.account_id)
    stood_for = rows.filter(merged_into_id=merged.pk)
    numbers = list(
        stood_for.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True)
    )
    rows.filter(pk__in=[*numbers, merged.pk]).update(merged_into_id=survivor.pk)
    return numbers


def rows_of_person(customer: Customer) -> list[Customer]:
    """Return the customer, and those that were merged into it."""
    rows = Customer.with_merged.for_account(customer.account_id)
    return [customer, *rows.filter(merged_into_id=customer.pk).order_by("pk")]


def unlink(merged: Customer, stood_for: list[int]) -> None:
    """Let the customer stand for itself again, and for those it stood for before."""
    rows = Customer.with_merged.for_account(merged.account_id)
    rows.filter(pk=merged.pk).update(merged_into_id=None)
    rows.filter(pk__in=stood_for).update(merged_into_id=merged.pk)
