"""Everything that writes customer lists and customers, for API, back-office and commands.

Each function expects to run inside a transaction or opens one; the database judges last.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db import connection as database

from accounts.idempotency import erase_answers
from accounts.models import Account, Client, Connection, Location
from callbacks.outbox import any_listener, erase_states
from customers import consent
from customers.erasure import Erased, run_erasers
from customers.events import customer_update, record_customer_created, record_list_renamed
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from customers.private_refs import insert_private_ref, set_private_ref
from customers.reads import survivor_of
from hubcustomers.api.fields import merged_custom_fields
from hubcustomers.compiled import CompiledInsert
from hubcustomers.exact_json import same
from hubcustomers.exceptions import ObjectNotFound
from hubcustomers.phones import normalise_phone
from hubcustomers.tenancy.locks import lock_account

# --- lists --------------------------------------------------------------------------


@transaction.atomic
def create_list(account: Account, *, name: str, location: Location | None = None) -> CustomerList:
    """Create a list of the location, or without one of the whole account (spec 1.3).

    Raises:
        IntegrityError: The name is taken.
    """
    # Rivals for one name would else meet in the index and wait for the deadlock timer.
    lock_account(account.pk)
    return CustomerList.objects.create(account=account, location=location, name=name)


def get_list(account: Account, location: Location | None, name: str) -> CustomerList:
    """Return the list of that name that the location or account reaches; else make it.

    Raises:
        ValidationError: The name is blank, too long, taken where it cannot be reached, or that
            of lists of several locations.
    """
    rows = CustomerList.objects.for_account(account).filter(name=name.strip())
    if location is not None:
        rows = rows.filter(models.Q(location=location) | models.Q(location__isnull=True))
    # Of the account's own lists and those of one location each name is one list's.
    found = list(rows[:2])
    if len(found) > 1:
        raise ValidationError({"name": "is that of lists of several locations"})
    if found:
        return found[0]
    wanted = CustomerList(account=account, location=location, name=name.strip())
    wanted.full_clean(validate_constraints=False)
    try:
        return create_list(account, location=location, name=wanted.name)
    except IntegrityError as error:
        raise ValidationError({"name": "has already been taken"}) from error


@transaction.atomic
def rename_list(customer_list: CustomerList, *, name: str, caused_by: int | None = None) -> None:
    """Rename the list (spec 1.4); listeners are told, but the client that causes it.

    Raises:
        ObjectNotFound: The list has gone meanwhile.
        IntegrityError: The name is taken.
    """
    lock_account(customer_list.account_id)
    rows = CustomerList.objects.for_account(customer_list.account_id).filter(pk=customer_list.pk)
    kept = rows.values_list("name", "version").first()
    if kept is None:
        raise ObjectNotFound
    old_name, version = kept
    customer_list.name = name
    if name == old_name:
        return
    rows.update(name=name, version=version + 1)
    record_list_renamed(customer_list, old_name=old_name, version=version + 1, caused_by=caused_by)


@transaction.atomic
def delete_list(customer_list: CustomerList) -> None:
    """Delete the list with its customers, their cards and operations; no event (spec 1.5)."""
    account_id = customer_list.account_id
    with database.cursor() as cursor:
        # A large list takes longer than a request usually may.
        cursor.execute("SET LOCAL statement_timeout = 0")
    # A key of two columns cannot be set to null by the database itself.
    Connection.objects.for_account(account_id).filter(customer_list=customer_list).update(
        customer_list=None
    )
    rows = CustomerList.objects.for_account(account_id).filter(pk=customer_list.pk)
    rows._raw_delete(using=rows.db)


# --- customers ----------------------------------------------------------------------

_CUSTOMER_FIELDS = (
    *ANONYMISED_FIELDS,
    "city",
    "state",
    "country",
    "sms_marketing",
    "email_marketing",
    "custom_fields",
)


def create_customer(
    *,
    account_id: int,
    customer_list_id: int,
    client: Client | None,
    country: str,
    data: dict[str, Any],
    source: consent.Source | None = None,
) -> tuple[int, int, dict[str, Any]]:
    """Create a customer in the list (spec 2.3).

    Args:
        account_id: The account.
        customer_list_id: The list, known to be in reach.
        client: Whose private ref it is; None where there is none to set.
        country: Where a national phone number is at home if the customer names no country.
        data: Validated fields.
        source: Where consent comes from; None for the client.

    Returns:
        The row's number, its creation in seconds since 1970, and the fields as kept.

    Raises:
        IntegrityError: The private ref is taken.
        InvalidField: The custom fields are too large.
    """
    kept = {"sms_marketing": False, "email_marketing": False, **data}
    if kept.get("phone"):
        # Blanks alone are no number.
        kept["phone"] = normalise_phone(kept["phone"], kept.get("country") or country) or None
    kept["custom_fields"] = merged_custom_fields({}, kept.get("custom_fields"))
    row = {**kept, "account": account_id, "customer_list": customer_list_id, "anonymised": False}
    if kept["sms_marketing"] or kept["email_marketing"]:
        told = str(source or consent.of_client(client))
        customer_id, created_at, _ = _consenting_insert().insert(row, told)
    else:
        customer_id, created_at = _customer_insert().insert(row)
    if client is not None and kept.get("private_ref") is not None:
        insert_private_ref(account_id, customer_list_id, customer_id, client, kept["private_ref"])
    record_customer_created(
        account_id=account_id,
        customer_list_id=customer_list_id,
        customer_id=customer_id,
        caused_by=None if client is None else client.pk,
    )
    return customer_id, created_at, kept


def update_customer(
    customer: Customer,
    *,
    client: Client | None,
    country: str,
    data: dict[str, Any],
    source: consent.Source | None = None,
) -> bool:
    """Change the given fields of a locked customer (spec 2.4); return whether any changed.

    Args:
        customer: The customer, locked.
        client: The client that changes it; None for the back-office.
        country: Where a national phone number is at home if the customer names no country.
        data: Validated fields.
        source: Where consent comes from; None for the client.

    Raises:
        IntegrityError: The private ref is taken.
        InvalidField: The custom fields are too large.
    """
    changes = dict(data)
    if changes.get("phone"):
        home = changes.get("country", customer.country) or country
        changes["phone"] = normalise_phone(changes["phone"], home) or None
    if "custom_fields" in changes:
        changes["custom_fields"] = merged_custom_fields(
            customer.custom_fields, changes["custom_fields"]
        )
    with _told(customer, client):
        changed_ref = "private_ref" in changes and set_private_ref(
            customer, client, changes.pop("private_ref")
        )
        changed = [
            name for name, value in changes.items() if not same(getattr(customer, name), value)
        ]
        for name in changed:
            setattr(customer, name, changes[name])
        if not set(changed).isdisjoint(consent.FLAGS):
            consent.tell_source(source or consent.of_client(client))
        if changed:
            customer.save(update_fields=changed)
    return bool(changed) or changed_ref


def keep_list(account_id: int, customer_list_id: int) -> None:
    """Let nobody delete the list before the transaction ends.

    For who is going to lock a customer and then write what refers to the list: whoever
    deletes the list locks the two in this order, too.
    """
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM customers_customerlist WHERE account_id = %s AND id = %s FOR KEY SHARE",
            [account_id, customer_list_id],
        )


def lock_customer(
    account_id: int, customer_list_id: int, customer_id: int, *, keeps_list: bool = False
) -> Customer:
    """Return the customer, locked until the transaction ends; for a merged one, the other.

    Args:
        account_id: The account.
        customer_list_id: The customer's list.
        customer_id: The customer.
        keeps_list: A private ref may be written, which refers to the list.

    Raises:
        ObjectNotFound: There is none.
    """
    if keeps_list:
        keep_list(account_id, customer_list_id)
    rows = Customer.objects.for_account(account_id).filter(customer_list_id=customer_list_id)
    customer = rows.filter(pk=customer_id).select_for_update(no_key=True).first()
    if customer is None:
        other = survivor_of(account_id, customer_id)
        customer = rows.filter(pk=other).select_for_update(no_key=True).first()
    if customer is None:
        raise ObjectNotFound
    return customer


def anonymise_customer(customer: Customer, *, client: Client | None = None) -> bool:
    """Erase the private fields of a locked customer for good (spec 2.5).

    Also in its orders, in every stored event and in the answers kept for repeated requests,
    and of everybody who was merged into it.

    Args:
        customer: The customer, locked.
        client: The client that causes it and hears no event; None for the back-office.

    Returns:
        False where the customer was anonymised before, and nothing changed.
    """
    return anonymise_customers([customer], client=client) > 0


def anonymise_customers(customers: Sequence[Customer], *, client: Client | None = None) -> int:
    """Do the same to several locked customers of one account, in few statements.

    Returns:
        How many were not anonymised before.
    """
    wanted = [customer for customer in customers if not customer.anonymised]
    if not wanted:
        return 0
    account_id = wanted[0].account_id
    numbers = [customer.pk for customer in wanted]
    # Nobody changes these without the lock of the one who stands for them.
    merged = Customer.with_merged.for_account(account_id).filter(
        merged_into__in=numbers, anonymised=False
    )
    erased = [
        Erased(customer, {name: getattr(customer, name) for name in ANONYMISED_FIELDS})
        for customer in [*wanted, *merged.exclude(pk__in=numbers)]
    ]
    ids = [customer.pk for customer, _before in erased]
    caused_by = None if client is None else client.pk
    _blank([customer for customer, _before in erased], client)
    run_erasers(erased, caused_by=caused_by)
    erase_states(account_id, "customer", ids, ANONYMISED_FIELDS)
    public_ids = [customer.public_id for customer, _before in erased]
    erase_answers(account_id, public_ids, ANONYMISED_FIELDS)
    return len(wanted)


def _blank(customers: list[Customer], client: Client | None) -> None:
    """Blank the rows; where somebody listens, one by one, each with its event."""
    for customer in customers:
        customer.anonymised = True
        for name in ANONYMISED_FIELDS:
            setattr(customer, name, None)
    account_id = customers[0].account_id
    caused_by = None if client is None else client.pk
    alone = len(customers) == 1
    if alone or any_listener(account_id, "customer", "update", caused_by=caused_by):
        for customer in customers:
            # Nobody listens any more to a customer that was merged.
            merged = customer.merged_into_id is not None
            with nullcontext() if merged else _told(customer, client, erase=True):
                customer.save(update_fields=["anonymised", *ANONYMISED_FIELDS])
        return
    rows = Customer.with_merged.for_account(account_id)
    rows.filter(pk__in=[customer.pk for customer in customers]).update(
        anonymised=True, **dict.fromkeys(ANONYMISED_FIELDS)
    )


def _told(
    customer: Customer, client: Client | None, *, erase: bool = False
) -> AbstractContextManager[None]:
    return customer_update(
        account_id=customer.account_id,
        customer_list_id=customer.customer_list_id,
        customer_id=customer.pk,
        caused_by=None if client is None else client.pk,
        erase=erase,
    )


@cache
def _customer_insert(returning: str = "") -> CompiledInsert:
    return CompiledInsert(
        Customer,
        ["account", "customer_list", "anonymised", *_CUSTOMER_FIELDS],
        returning=f"id, floor(extract(epoch FROM created_at))::bigint{returning}",
    )


def _consenting_insert() -> CompiledInsert:
    # RETURNING is computed before triggers that come after the row: no statement more.
    return _customer_insert(f", {consent.SET_SOURCE}")
