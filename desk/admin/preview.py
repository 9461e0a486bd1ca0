"""What a page shows before two customers are merged, and before they are parted again."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from customers.consent import FLAGS
from customers.merging import BOTH, KEPT, MERGED_FIELDS, OTHER, proposed_choices
from customers.models import Customer, CustomerPrivateRef
from desk.merging.models import Merge
from hubcustomers import exact_json
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.display import local
from loyalty.joining import HandedOver
from loyalty.models import LoyaltyCard

# In the order of the page.
LABELS = {
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "company_name": gettext_lazy("Company"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "gender": gettext_lazy("Gender"),
    "birth_date": gettext_lazy("Birth date"),
    "address_1": gettext_lazy("Address 1"),
    "address_2": gettext_lazy("Address 2"),
    "postal_code": gettext_lazy("Postal code"),
    "city": gettext_lazy("City"),
    "state": gettext_lazy("State or region"),
    "country": gettext_lazy("Country"),
    "latitude": gettext_lazy("Latitude"),
    "longitude": gettext_lazy("Longitude"),
    "phone_access_code": gettext_lazy("Phone access code"),
    "delivery_notes": gettext_lazy("Delivery notes"),
    "sms_marketing": gettext_lazy("Agrees to SMS"),
    "email_marketing": gettext_lazy("Agrees to e-mail"),
    "custom_fields": gettext_lazy("Further data"),
}
_LONGEST = 300


@dataclass(frozen=True)
class Side:
    """One of the values that a field may have afterwards."""

    side: str
    value: str
    chosen: bool
    # Said under the value, like when the consent was given.
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One field of the two; ``sides`` is empty where there is nothing to choose."""

    name: str
    label: str
    value: str
    sides: list[Side]


def lines_of(survivor: Customer, merged: Customer, choices: dict[str, str]) -> list[Line]:
    """Return the fields that either of the two has, with what was chosen or is proposed."""
    chosen = {**proposed_choices(survivor, merged), **choices}
    lines = []
    for name in LABELS:
        one, other = getattr(survivor, name), getattr(merged, name)
        if one in (None, "", {}) and other in (None, "", {}):
            continue
        sides = []
        if one != other:
            values = {KEPT: one, OTHER: other}
            if name == "custom_fields" and one and other:
                values[BOTH] = {**other, **one}
            sides = [
                Side(side, _shown(value), chosen[name] == side, _note(name, side, survivor, merged))
                for side, value in values.items()
            ]
        lines.append(Line(name, str(LABELS[name]), _shown(one), sides))
    return lines


def read_choices(data: Any) -> dict[str, str]:
    """Return the choices of a form, as far as they are some."""
    allowed = {name: {KEPT, OTHER} for name in MERGED_FIELDS}
    allowed["custom_fields"] |= {BOTH}
    given = {name: data.get(f"choice-{name}") for name in MERGED_FIELDS}
    return {name: side for name, side in given.items() if side in allowed[name]}


def _note(name: str, side: str, survivor: Customer, merged: Customer) -> str:
    if side == BOTH:
        return _("Of both; where both have a value, the one that stays")
    if name not in FLAGS:
        return ""
    changes: Any = (merged if side == OTHER else survivor).consent_changes
    since = changes.filter(flag=name).order_by("-pk").values_list("changed_at", flat=True).first()
    if since is None:
        return _("never asked, as far as is known")
    return _("since %s") % local(since, place_of(survivor.customer_list))


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return _("(empty)")
        case bool():
            return _("yes") if value else _("no")
        case Decimal():
            return plain_decimal(value)
        case dict():
            text = exact_json.dumps(value).decode() if value else _("(empty)")
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def consent_differs(survivor: Customer, merged: Customer) -> bool:
    """Return whether the two answered differently whether they want marketing."""
    return any(getattr(survivor, name) != getattr(merged, name) for name in FLAGS)


# --- what changes hands ----------------------------------------------------------------


def moves_of(survivor: Customer, merged: Customer) -> list[str]:
    """Return in sentences what the survivor takes over."""
    related: Any = merged
    orders = related.orders.count()
    sentences = [_("Orders that move: %d") % orders] if orders else []
    own = {card.name: card for card in _cards(survivor)}
    for card in _cards(merged):
        name = card.name or _("(no name)")
        into = own.get(card.name)
        if into is None:
            values = {"card": card.public_id, "name": name, "points": _points(card.balance)}
            sentences.append(_("Card %(card)s, %(name)s, moves with %(points)s points") % values)
            continue
        values = {
            "card": card.public_id,
            "name": name,
            "into": into.public_id,
            "points": _points(card.balance),
            "sum": _points(card.balance + into.balance),
        }
        text = _(
            "Card %(card)s, %(name)s, gives its %(points)s points to card %(into)s,"
            " which then has %(sum)s; its id and ref go on to find that card"
        )
        sentences.append(text % values)
    return [*sentences, *_refs(survivor, merged)]


def _refs(survivor: Customer, merged: Customer) -> list[str]:
    rows = CustomerPrivateRef.objects.for_account(survivor.account_id).select_related("client")
    own = set(rows.filter(customer=survivor).values_list("client_id", flat=True))
    sentences = []
    for ref in rows.filter(customer=merged).order_by("client__name"):
        text = (
            _("Ref %(ref)s of %(client)s goes on to find the customer; another one is shown")
            if ref.client_id in own
            else _("Ref %(ref)s of %(client)s moves")
        )
        sentences.append(text % {"ref": ref.ref, "client": ref.client})
    return sentences


def returns_of(kept: Merge, survivor: Customer) -> list[str]:
    """Return in sentences what goes back when the merge is undone."""
    moved = kept.moved
    related: Any = survivor
    orders = related.orders.filter(pk__in=moved["orders"]).count()
    cards = HandedOver.of_json(moved["cards"])
    sentences = [_("Orders that go back: %d") % orders] if orders else []
    found = {card.pk: card for card in _cards(survivor)}
    for number in cards.moved:
        if number in found:
            card = found[number]
            values = {"card": card.public_id, "points": _points(card.balance)}
            sentences.append(_("Card %(card)s goes back with %(points)s points") % values)
    for join in cards.joined:
        into = found.get(join.into)
        if into is not None and Decimal(join.points):
            values = {
                "points": _points(Decimal(join.points)),
                "into": into.public_id,
                "left": _points(into.balance - Decimal(join.points)),
            }
            text = _("%(points)s points go back from card %(into)s, which then has %(left)s")
            sentences.append(text % values)
    fields = [str(label) for name, label in LABELS.items() if name in kept.changes]
    if fields:
        text = _("These fields are as before, where nobody changed them since: %s")
        sentences.append(text % ", ".join(fields))
    return sentences


def _cards(customer: Customer) -> Any:
    rows = LoyaltyCard.objects.for_account(customer.account_id).filter(customer=customer)
    return rows.order_by("pk")


def _points(points: Decimal) -> str:
    return plain_decimal(points)
