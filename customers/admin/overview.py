"""What the page of a customer shows below the form: cards, operations, orders, events."""

from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from callbacks.models import Event
from customers.admin.lists import place_of
from customers.models import Customer
from hubcustomers.api.fields import money, plain_decimal
from hubcustomers.backoffice import audit
from hubcustomers.backoffice.display import link, local, short

_LATEST = 10
# Of more cards than that the latest operations are not gathered.
_MOST_CARDS = 20

Table = dict[str, Any]


def tables_of(customer: Customer, request: HttpRequest) -> list[Table]:
    """Return the tables, as far as the user may look at what is in them."""
    cards = list(_cards(customer))
    tables = [_card_table(customer, cards)]
    if cards:
        tables.append(_operation_table(customer, cards[:_MOST_CARDS]))
    tables.append(_order_table(customer))
    tables += _event_table(customer, request)
    return [*tables, audit.table_of(audit.entries_about(customer)[:_LATEST])]


# Apps further up are reached by the reverse relations: customers know nothing of them.


def _cards(customer: Customer) -> Any:
    cards: Any = customer.loyalty_cards
    return cards.order_by("pk")[:500]


def _card_table(customer: Customer, cards: list[Any]) -> Table:
    add = reverse("admin:loyalty_loyaltycard_add")
    return {
        "title": _("Loyalty cards"),
        "links": [(_("Add a card"), f"{add}?customer={customer.pk}")],
        "headers": [_("id"), _("name"), _("ref"), _("balance")],
        "rows": [
            [
                link(card, card.public_id),
                short(card.name) or _("(no name)"),
                short(card.ref or "-"),
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
                short(by_id[one.card_id].name) or _("(no name)"),
                short(one.reason or "-"),
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
                short(order.location.name),
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
                    short(str(event.connection)),
                    events.state(event),
                ]
                for event in rows.order_by("-pk")[:_LATEST]
            ],
        }
    ]
