"""Events about orders: what listeners are told when they come and change (companion, 9)."""

from collections.abc import Iterable
from typing import Any

from accounts.models import Account
from callbacks import outbox
from callbacks.outbox import Listener, States, Subject
from orders.reads import OrderRow, customer_private_refs, private_refs
from orders.serializers import represent_order


def record_order_created(row: OrderRow, account: Account, *, caused_by: int | None) -> None:
    """Tell listeners of an order just placed, its loyalty operations included."""
    subject = _subject(row, account)
    listeners = outbox.find_listeners(subject, "create", caused_by=caused_by)
    if not listeners:
        return
    shown = _Shown(account, listeners, [row.id], row.customer_id)
    told = [States(one, shown.to(one, row)) for one in listeners]
    outbox.record(subject, "create", row.version, told)


def record_order_updated(
    before: OrderRow, after: OrderRow, account: Account, *, caused_by: int | None
) -> None:
    """Tell listeners of a change; a client's own private ref is no change to others."""
    subject = _subject(after, account)
    listeners = outbox.find_listeners(subject, "update", caused_by=caused_by)
    if not listeners:
        return
    shown = _Shown(account, listeners, [after.id], after.customer_id)
    told = [States(one, shown.to(one, after), shown.to(one, before)) for one in listeners]
    outbox.record(subject, "update", after.version, told)


def record_orders_anonymised(
    rows: Iterable[OrderRow], account: Account, customer_id: int, *, caused_by: int | None
) -> None:
    """Tell listeners of orders whose customer was anonymised; what was erased is not told."""
    rows = list(rows)
    # Who may hear of an order depends on its location alone.
    listeners = {
        location: outbox.find_listeners(_subject(row, account), "update", caused_by=caused_by)
        for location, row in {row.location_id: row for row in rows}.items()
    }
    everybody = {one for some in listeners.values() for one in some}
    shown = _Shown(account, everybody, [row.id for row in rows], customer_id)
    for row in rows:
        told = []
        for one in listeners[row.location_id]:
            new = shown.to(one, row)
            previous = {**new, "customer": {**new["customer"], "anonymised": False}}
            told.append(States(one, new, previous))
        outbox.record(_subject(row, account), "update", row.version, told)


def _subject(row: OrderRow, account: Account) -> Subject:
    return Subject(
        account_id=account.pk,
        resource_type="order",
        resource_id=row.id,
        location_id=row.location_id,
    )


class _Shown:
    """Orders of one customer, or of none, as each listener may see them."""

    def __init__(
        self,
        account: Account,
        listeners: Iterable[Listener],
        order_ids: list[int],
        customer_id: int | None,
    ) -> None:
        clients = {one.client_id for one in listeners}
        self.account = account
        self.refs = private_refs(account.pk, order_ids, clients) if clients else {}
        self.customer_refs = (
            customer_private_refs(account.pk, customer_id, clients) if clients else {}
        )

    def to(self, listener: Listener, row: OrderRow) -> dict[str, Any]:
        client = listener.client_id
        own = row._replace(
            private_ref=self.refs.get((row.id, client)),
            customer_private_ref=self.customer_refs.get(client),
        )
        return represent_order(own, self.account)
