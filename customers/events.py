"""Events about customers and lists: what listeners are told when they change (companion, 9)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import connection, transaction

from accounts.models import Account
from callbacks import outbox
from callbacks.outbox import Listener, States, Subject
from customers.models import ANONYMISED_FIELDS, CustomerList, CustomerPrivateRef
from customers.reads import customer_state, survivor_of
from customers.serializers import represent_customer
from hubcustomers import exact_json

# What each listener may see of one customer.
Shown = dict[Listener, dict[str, Any]]


@contextmanager
def customer_update(
    *,
    account_id: int,
    customer_list_id: int,
    customer_id: int | Callable[[], int | None],
    caused_by: int | None,
    erase: bool = False,
) -> Iterator[None]:
    """Tell listeners of the change that is made inside (a context manager).

    Whatever changes in what a listener sees of the customer, cards included, makes one
    ``customer.update`` for it; a change that changes nothing makes none. The customer's row
    is locked first, so order the locks of one transaction customer first, then cards.

    Args:
        account_id: The account.
        customer_list_id: The list.
        customer_id: The customer, or what finds it when somebody listens.
        caused_by: The client that makes the change; None for the back-office.
        erase: The change erases private fields, so no event may show them again.
    """
    listeners = outbox.listening(account_id, "customer", "update", caused_by=caused_by)
    if listeners:
        number = customer_id() if callable(customer_id) else customer_id
        subject = _subject(account_id, customer_list_id, number or 0)
        listeners = outbox.in_reach(listeners, subject)
    if not listeners:
        yield
        return
    # The change and its events are true together, also for a caller without a transaction.
    with transaction.atomic(savepoint=False):
        version = _next_version(subject)
        if version is None:
            # Perhaps merged while we waited for its row: then it changes as the other one.
            other = survivor_of(account_id, subject.resource_id)
            subject = replace(subject, resource_id=other or 0)
            version = _next_version(subject)
        if version is None:
            yield
            return
        account = Account.objects.get(pk=account_id)
        before = _shown(subject, account, listeners)
        yield
        after = _shown(subject, account, listeners)
        if erase:
            blank = dict.fromkeys(ANONYMISED_FIELDS)
            changed = [States(one, after[one], {**before[one], **blank}) for one in listeners]
        else:
            changed = [
                States(one, after[one], before[one])
                for one in listeners
                if exact_json.dumps(before[one]) != exact_json.dumps(after[one])
            ]
        outbox.record(subject, "update", version, changed)


def record_customer_created(
    *, account_id: int, customer_list_id: int, customer_id: int, caused_by: int | None
) -> None:
    """Tell listeners of a customer just created."""
    listeners = outbox.listening(account_id, "customer", "create", caused_by=caused_by)
    if not listeners:
        return
    subject = _subject(account_id, customer_list_id, customer_id)
    listeners = outbox.in_reach(listeners, subject)
    if not listeners:
        return
    shown = _shown(subject, Account.objects.get(pk=account_id), listeners)
    outbox.record(subject, "create", 0, [States(one, shown[one]) for one in listeners])


def record_list_renamed(
    customer_list: CustomerList, *, old_name: str, version: int, caused_by: int | None
) -> None:
    """Tell listeners of a list's new name."""
    subject = Subject(
        account_id=customer_list.account_id,
        resource_type="customer_list",
        resource_id=customer_list.pk,
        customer_list_id=customer_list.pk,
        location_id=customer_list.location_id,
    )
    new = {"id": customer_list.public_id, "name": customer_list.name}
    previous = {**new, "name": old_name}
    listeners = outbox.find_listeners(subject, "update", caused_by=caused_by)
    outbox.record(subject, "update", version, [States(one, new, previous) for one in listeners])


def _subject(account_id: int, customer_list_id: int, customer_id: int) -> Subject:
    lists = CustomerList.objects.for_account(account_id).filter(pk=customer_list_id)
    return Subject(
        account_id=account_id,
        resource_type="customer",
        resource_id=customer_id,
        customer_list_id=customer_list_id,
        location_id=lists.values_list("location_id", flat=True).first(),
    )


def _next_version(subject: Subject) -> int | None:
    """Lock the customer and return its next version, None where there is no such customer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET version = version + 1"
            " WHERE account_id = %s AND customer_list_id = %s AND id = %s"
            " AND merged_into_id IS NULL RETURNING version",
            [subject.account_id, subject.customer_list_id, subject.resource_id],
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _shown(subject: Subject, account: Account, listeners: list[Listener]) -> Shown:
    row = customer_state(subject.account_id, subject.customer_list_id or 0, subject.resource_id)
    if row is None:
        return {one: {} for one in listeners}
    state = represent_customer(row, account)
    refs = dict(
        CustomerPrivateRef.objects.for_account(subject.account_id)
        .filter(customer_id=subject.resource_id, client_id__in=[one.client_id for one in listeners])
        .values_list("client_id", "ref")
    )
    return {one: {**state, "private_ref": refs.get(one.client_id)} for one in listeners}
