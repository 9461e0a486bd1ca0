"""Events about orders: what listeners are told when they come and change (companion, 9)."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from accounts.models import Account
from callbacks import outbox
from callbacks.outbox import Listener, States, Subject
from orders.reads import OrderRow, customer_private_refs, orders_of_customer, private_refs
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


@contextmanager
def orders_change_hands(
    account_id: int, *, giver: int, taker: int, only: Collection[int] | None = None
) -> Iterator[None]:
    """Tell listeners of the orders that inside get another customer (a context manager).

    Args:
        account_id: The account.
        giver: The customer who has them, locked.
        taker: The one who will have them, locked.
        only: Which of the giver's orders; None for all.
    """
    everybody = outbox.listening(account_id, "order", "update", caused_by=None)
    before = orders_of_customer(account_id, giver) if everybody else []
    rows = {row.id: row for row in before if only is None or row.id in only}
    if not rows:
        yield
        return
    account = Account.objects.get(pk=account_id)
    shown = _Shown(account, everybody, list(rows), giver)
    previous = {
        (row.id, one): shown.to(one, row)
        for row in rows.values()
        for one in outbox.in_reach(everybody, _subject(row, account))
    }
    yield
    shown = _Shown(account, everybody, list(rows), taker)
    for row in orders_of_customer(account_id, taker):
        told = [
            States(one, shown.to(one, row), previous[row.id, one])
            for one in everybody
            if (row.id, one) in previous
        ]
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
