"""Subject access: everything that is held on one person, shown to whoever asks for it.

Apps register what they hold here when Django starts, section by section. A section shows
every column of its rows but those left out by name, each with its reason: what somebody adds
to a table later is shown without further ado, and a test finds a table that nobody named.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise

from accounts.models import Client, Location, Membership
from customers.models import Customer
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.audit import COMMAND_LINE
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.public_ids import (
    account_ids,
    customer_ids,
    customer_list_ids,
    event_ids,
    loyalty_card_ids,
    loyalty_operation_ids,
    order_ids,
)

Record = dict[str, Any]
Collect = Callable[[Customer], Iterable[Record]]
# The numbers of rows that the audit trail may tell of, by the model's label.
Audited = Callable[[Customer], Mapping[str, Iterable[int]]]

# What rows are called outside, by their table; the numbers inside mean nothing to the person.
_IDS = {
    "accounts_account": account_ids,
    "customers_customerlist": customer_list_ids,
    "customers_customer": customer_ids,
    "callbacks_event": event_ids,
    "loyalty_loyaltycard": loyalty_card_ids,
    "loyalty_loyaltyoperation": loyalty_operation_ids,
    "orders_order": order_ids,
}


@dataclass(frozen=True)
class Section:
    """One part of what is held.

    Attributes:
        name: Its key in the file.
        title: How it is called.
        tables: Whose rows it shows.
        collect: Returns them, the oldest first.
        audited: Which rows the audit trail may tell of.
    """

    name: str
    title: str | Promise
    tables: tuple[str, ...]
    collect: Collect
    audited: Audited = field(default=lambda customer: {})


_sections: dict[str, Section] = {}
# Tables and columns (``table.column``) that are not shown, each with its reason.
_left_out: dict[str, str | Promise] = {}


def register_section(section: Section) -> None:
    """Have the section be part of what a person is shown."""
    _sections[section.name] = section


def leave_out(reasons: Mapping[str, str | Promise]) -> None:
    """Say which tables and columns are not shown, and why."""
    _left_out.update(reasons)


def sections() -> list[Section]:
    """Return all sections, in the order of the apps."""
    return list(_sections.values())


def left_out() -> dict[str, str | Promise]:
    """Return what is not shown, and why."""
    return dict(_left_out)


def held_on(customer: Customer) -> Iterator[tuple[Section, list[Record]]]:
    """Yield each section with its records, those of whom the person was merged with included."""
    merged = Customer.with_merged.for_account(customer.account_id).filter(merged_into=customer)
    people = [customer, *merged.order_by("pk")]
    for section in _sections.values():
        yield section, [record for one in people for record in section.collect(one)]


def told(obj: Any, **more: Any) -> Record:
    """Return all columns of a row but those left out, under their names.

    Args:
        obj: The row; a related client or location is shown by name.
        more: What is added, or replaces a column.
    """
    record: Record = {}
    table = obj._meta.db_table
    for column in obj._meta.concrete_fields:
        if f"{table}.{column.column}" in _left_out or column.column == "account_id":
            continue
        if column.primary_key:
            if table in _IDS:
                record["id"] = _IDS[table].encode(obj.pk)
        elif column.is_relation:
            record.update(_related(obj, column))
        else:
            record[column.name] = _plain(getattr(obj, column.name))
    return {**record, **more}


def _related(obj: Any, column: Any) -> Record:
    number = getattr(obj, column.attname)
    ids = _IDS.get(column.related_model._meta.db_table)
    if ids is not None:
        return {f"{column.name}_id": None if number is None else ids.encode(number)}
    if column.related_model in (Client, Location):
        return {column.name: None if number is None else str(getattr(obj, column.name))}
    return {column.name: number}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    return value


# --- who did it -------------------------------------------------------------------------


def audit_records(customer: Customer) -> list[Record]:
    """Return what staff did to the person's rows; of staff only the role is told."""
    roles = roles_in(customer.account_id)
    found: list[tuple[int, Record]] = []
    for section in _sections.values():
        for label, numbers in section.audited(customer).items():
            entries = AuditEntry.objects.filter(resource_type=label, resource_id__in=list(numbers))
            found += [(entry.pk, _audit_record(entry, roles)) for entry in entries]
    return [record for _number, record in sorted(found, key=lambda one: one[0])]


def _audit_record(entry: AuditEntry, roles: Mapping[int, str]) -> Record:
    return told(entry, by=role_of(entry.user_id, entry.user_name, roles))


def roles_in(account_id: int) -> dict[int, str]:
    """Return the role of each member of the account."""
    return dict(Membership.objects.filter(account_id=account_id).values_list("user_id", "role"))


def role_of(user_id: int | None, user_name: str, roles: Mapping[int, str]) -> str:
    """Return what somebody is here: the role, or that it was a command."""
    if user_id is None and user_name == COMMAND_LINE:
        return "command line"
    role = roles.get(user_id or 0)
    return "staff" if role is None else str(Role(role).value)
