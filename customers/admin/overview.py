"""What the page of a customer shows below the form: cards, operations, orders, events."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from callbacks.models import Event
from customers.admin.lists import place_of
from customers.models import ConsentChange, Customer
from hubcustomers.api.fields import money, plain_decimal
from hubcustomers.backoffice import audit
from hubcustomers.backoffice.display import cell, link, local

_LATEST = 10
# Of more cards than that the latest operations are not gathered.
_MOST_CARDS = 20

Table = dict[str, Any]
Tables = Callable[[Customer, HttpRequest], list[Table]]
_before: list[Tables] = []
_after: list[Tables] = []


def register_tables(tables: Tables, *, first: bool = False) -> None:
    """Have the pages show what an app further up knows of a customer.

    Args:
        tables: Returns the tables, as far as the user may look at what is in them.
        first: Whether they stand before all others, as something to be done.
    """
    (_before if first else _after).append(tables)


def tables_of(customer: Customer, request: HttpRequest) -> list[Table]:
    """Return the tables, as far as the user may look at what is in them."""
    cards = list(_cards(customer))
    tables = [table for more in _before for table in more(customer, request)]
    tables.append(_card_table(customer, cards, request))
    if cards:
        tables.append(_operation_table(customer, cards[:_MOST_CARDS]))
    tables.append(_order_table(customer))
    tables += _event_table(customer, request)
    tables += _consent_table(customer, request)
    tables += [table for more in _after for table in more(customer, request)]
    entries = audit.entries_about(customer)[:_LATEST]
    return [*tables, audit.table_of(entries, place_of(customer.customer_list))]


# Apps further up are reached by the reverse relations: customers know nothing of them.


def _cards(customer: Customer) -> Any:
    cards: Any = customer.loyalty_cards
    return cards.order_by("pk")[:500]


def _card_table(customer: Customer, cards: list[Any], request: HttpRequest) -> Table:
    related: Any = customer.loyalty_cards
    card_admin: Any = site.get_model_admin(related.model)
    add = f"{reverse('admin:loyalty_loyaltycard_add')}?customer={customer.pk}"
    may_add = card_admin.reach(request, "add").covers(customer.account_id)
    return {
        "title": _("Loyalty cards"),
        "links": [(_("Add a card"), add)] if may_add else [],
        "headers": [_("id"), _("name"), _("ref"), _("balance")],
        "rows": [
            [
                link(card, card.public_id),
                cell(card.name) or _("(no name)"),
                cell(card.ref or "-"),
                plain_decimal(card.balance),
            ]
            for card in cards
        ],
    }


def _operation_table(customer: Customer, cards: list[Any]) -> Table:
    # The latest of each card, because no index orders the operations of several.
    latest = [list(card.operations.order_by("-sequence")[:_LATEST]) for card in cards]
    operations = sorted((one for some in latest for one in some), key=lambda one: -one.pk)
    by_id = {card.pk: card for card in cards}
    zone = place_of(customer.customer_list)
    return {
        "title": _("Latest operations"),
        "headers": [_("time"), _("points"), _("new balance"), _("card"), _("reason")],
        "rows": [
            [
                link(one, local(one.created_at, zone)),
                plain_decimal(one.delta),
                plain_decimal(one.new_balance),
                cell(by_id[one.card_id].name) or _("(no name)"),
                cell(one.reason or "-"),
            ]
            for one in operations[:_LATEST]
        ],
    }


def _order_table(customer: Customer) -> Table:
    related: Any = customer
    orders = related.orders.select_related("location").order_by("-created_at", "-pk")
    return {
        "title": _("Latest orders"),
        "headers": [_("time"), _("id"), _("location"), _("status"), _("total")],
        "rows": [
            [
                local(order.created_at, order.location),
                order.public_id,
                cell(order.location.name),
                order.status,
                money(order.total, customer.account.currency),
            ]
            for order in orders[:_LATEST]
        ],
    }


def _event_table(customer: Customer, request: HttpRequest) -> list[Table]:
    events: Any = site.get_model_admin(Event)
    if not events.has_view_permission(request):
        return []
    rows = (
        events.get_queryset(request)
        .filter(account_id=customer.account_id, resource_type="customer", resource_id=customer.pk)
        .select_related("connection__client", "connection__location", "connection__account")
    )
    every = reverse("admin:callbacks_event_changelist")
    zone = place_of(customer.customer_list)
    return [
        {
            "title": _("Latest events"),
            "links": [(_("All events"), f"{every}?q={customer.public_id}")],
            "headers": [_("time"), _("event"), _("to"), _("state")],
            "rows": [
                [
                    link(event, local(event.created_at, zone)),
                    event.event_type,
                    cell(str(event.connection)),
                    events.state(event),
                ]
                for event in rows.order_by("-pk")[:_LATEST]
            ],
        }
    ]


def _consent_table(customer: Customer, request: HttpRequest) -> list[Table]:
    history: Any = site.get_model_admin(ConsentChange)
    changes: Any = customer.consent_changes
    rows = list(changes.select_related("account").order_by("-pk")[:_LATEST])
    if not rows or not history.has_view_permission(request, customer):
        return []
    every = reverse("admin:customers_consentchange_changelist")
    return [
        {
            "title": _("History of consent"),
            "links": [(_("All changes"), f"{every}?q={customer.public_id}")],
            "headers": [_("time"), _("marketing by"), _("old value"), _("new value"), _("from")],
            "rows": [
                [
                    link(row, history.changed(row)),
                    history.flag_word(row),
                    history.old(row),
                    history.new(row)[1],
                    cell(history.origin(row)),
                ]
                for row in rows
            ],
        }
    ]
