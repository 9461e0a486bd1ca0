"""The refs that clients give customers: one for each client, unique among its own in the list."""

from collections.abc import Mapping
from functools import cache

from accounts.models import Client
from customers.models import Customer, CustomerPrivateRef
from hubcustomers.compiled import CompiledInsert


@cache
def _ref_insert() -> CompiledInsert:
    return CompiledInsert(
        CustomerPrivateRef,
        ["account", "customer_list", "customer", "client", "ref"],
        returning="id",
    )


def insert_private_ref(
    account_id: int, customer_list_id: int, customer_id: int, client: Client, ref: str
) -> None:
    """Give a customer without one the client's ref.

    Raises:
        IntegrityError: The ref is taken.
    """
    _ref_insert().insert(
        {
            "account": account_id,
            "customer_list": customer_list_id,
            "customer": customer_id,
            "client": client.pk,
            "ref": ref,
        }
    )


def set_private_ref(customer: Customer, client: Client | None, ref: str | None) -> bool:
    """Set, change or (None) remove the client's ref; return whether that changed anything."""
    if client is None:
        return False
    own = CustomerPrivateRef.objects.for_account(customer.account_id).filter(
        customer_id=customer.pk, client=client
    )
    if ref is None:
        return own.delete()[0] > 0
    current = own.values_list("ref", flat=True).first()
    if current != ref and _exchange_refs(customer, client, ref, current):
        return True
    if current is None:
        insert_private_ref(customer.account_id, customer.customer_list_id, customer.pk, client, ref)
    elif current != ref:
        own.update(ref=ref)
    return current != ref


def _exchange_refs(customer: Customer, client: Client, ref: str, current: str | None) -> bool:
    """Take the ref from who was merged into the customer, and leave the current one there.

    Both refs find the customer before and after; only which one is shown changes.
    """
    refs = CustomerPrivateRef.objects.for_account(customer.account_id).filter(client=client)
    held = refs.filter(customer_list_id=customer.customer_list_id, ref=ref)
    held = held.filter(customer__merged_into_id=customer.pk)
    merged_id = held.values_list("customer_id", flat=True).first()
    if merged_id is None:
        return False
    refs.filter(customer_id__in=[customer.pk, merged_id]).delete()
    place = (customer.account_id, customer.customer_list_id)
    insert_private_ref(*place, customer.pk, client, ref)
    if current is not None:
        insert_private_ref(*place, merged_id, client, current)
    return True


# --- when two customers become one -----------------------------------------------


def take_refs(survivor: Customer, merged: Customer) -> dict[str, str]:
    """Give the survivor the refs of clients that have none for it.

    A client that has refs for both keeps both: the other one's goes on to find the survivor.

    Returns:
        The refs that the other one had, by the client's public id.
    """
    refs = CustomerPrivateRef.objects.for_account(survivor.account_id)
    named = set(refs.filter(customer_id=survivor.pk).values_list("client_id", flat=True))
    had = dict(refs.filter(customer_id=merged.pk).values_list("client__client_id", "ref"))
    refs.filter(customer_id=merged.pk).exclude(client_id__in=named).update(customer_id=survivor.pk)
    return had


def give_back_refs(survivor: Customer, merged: Customer, had: Mapping[str, str]) -> None:
    """Give back the refs that the other one had, where the survivor still has them."""
    refs = CustomerPrivateRef.objects.for_account(survivor.account_id)
    for client_id, ref in had.items():
        client = Client.objects.filter(client_id=client_id).first()
        own = refs.filter(client=client)
        if client is None or not own.filter(customer_id=survivor.pk, ref=ref).exists():
            continue
        left = own.filter(customer_id=merged.pk).values_list("ref", flat=True).first()
        # A client has one ref for a customer: the one that was left behind goes first.
        own.filter(customer_id=merged.pk).delete()
        own.filter(customer_id=survivor.pk).update(customer_id=merged.pk)
        if left is not None:
            place = (survivor.account_id, survivor.customer_list_id)
            insert_private_ref(*place, survivor.pk, client, left)
