"""What is held on a person in orders: each order whole, its refs, and the events about it."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from customers.holdings import audited_events, events_about
from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, told
from hubcustomers.api.fields import money
from orders.models import Order, OrderPrivateRef


def register_holdings() -> None:
    """Register the sections, and what of these tables is not shown."""
    label = Order._meta.label_lower
    register_section(
        Section(
            "orders",
            _("Orders"),
            ("orders_order", "orders_orderprivateref"),
            _orders,
            audited=lambda customer: {label: _ids(customer)},
        )
    )
    register_section(
        Section(
            "order_events",
            _("Messages to connected applications about orders"),
            ("callbacks_event", "callbacks_deliveryattempt"),
            lambda customer: events_about(customer, "order", _ids(customer)),
            audited=lambda customer: audited_events(customer, "order", _ids(customer)),
        )
    )
    leave_out(
        {
            "orders_order.customer_id": _("The customer."),
            "orders_order.version": _("A technical counter."),
            "orders_orderprivateref.location_id": _("The location of the order."),
            "orders_orderprivateref.order_id": _("The order."),
        }
    )


def _ids(customer: Customer) -> Iterable[int]:
    rows = Order.objects.for_account(customer.account_id).filter(customer=customer)
    return list(rows.values_list("pk", flat=True))


def _orders(customer: Customer) -> list[Record]:
    account = Account.objects.get(pk=customer.account_id)
    orders = Order.objects.for_account(account).filter(customer=customer)
    refs: dict[int, list[Any]] = {}
    own = OrderPrivateRef.objects.for_account(account).filter(order__in=_ids(customer))
    for ref in own.select_related("client").order_by("pk"):
        refs.setdefault(ref.order_id, []).append(told(ref))
    return [
        told(order, total=money(order.total, account.currency), private_refs=refs.get(order.pk, []))
        for order in orders.select_related("client", "location").order_by("created_at", "pk")
    ]
