"""Anonymising a customer reaches the rows of files that are kept for a while."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from customers.clues import clues_of, telling_sql
from customers.erasure import Erased
from customers.models import Customer
from transfer.mapping import guess
from transfer.models import Job, ListMapping, Pulled, RefusedRow, StagedRow

_ANY = """
SELECT EXISTS (SELECT FROM transfer_stagedrow WHERE account_id = %(account)s)
        OR EXISTS (SELECT FROM transfer_refusedrow WHERE account_id = %(account)s),
    EXISTS (SELECT FROM transfer_job WHERE account_id = %(account)s AND options ? 'layout')
        OR EXISTS (SELECT FROM transfer_listmapping WHERE account_id = %(account)s)
"""


def erase_files(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Erase what is kept of files about these customers: rows, and names of columns.

    What goes is what ``prove_erasure`` would find: what tells a person by itself, or first and
    last name together.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ANY, {"account": erased[0].customer.account_id})
        has_rows, has_columns = cursor.fetchone()
    for customer, before in erased:
        if has_rows:
            _erase_rows(customer, before)
        if has_columns:
            _erase_columns(customer, before)


def _erase_columns(customer: Customer, before: Mapping[str, Any]) -> None:
    """Rename columns that are called like the person: the first line of a file was no header.

    Those whose names mean a field stay.
    """
    for job in _telling(Job, "options", customer, before):
        if "layout" not in job.options:
            continue
        columns = job.options["layout"]["columns"]
        names = {
            column: column if guess(column) else f"(erased {place})"
            for place, column in enumerate(columns, 1)
        }
        job.options["layout"]["columns"] = [names[column] for column in columns]
        fields = job.options.get("fields", {})
        job.options["fields"] = {names[column]: field for column, field in fields.items()}
        job.save(update_fields=["options"])
    for mapping in _telling(ListMapping, "fields", customer, before):
        mapping.fields = {name: field for name, field in mapping.fields.items() if guess(name)}
        mapping.save(update_fields=["fields"])


def _telling(model: Any, column: str, customer: Customer, before: Mapping[str, Any]) -> Any:
    """Return the account's rows, locked, of which the column tells of the person."""
    clues = clues_of(dict(before), country=customer.country or customer.account.country)
    condition, bound = telling_sql(clues, f"{column}::text")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {model._meta.db_table} WHERE account_id = %(account)s AND {condition}",
            {**bound, "account": customer.account_id},
        )
        found = [number for (number,) in cursor.fetchall()]
    return model.objects.for_account(customer.account_id).filter(pk__in=found).select_for_update()


def _erase_rows(customer: Customer, before: Mapping[str, Any]) -> None:
    clues = clues_of(dict(before), country=customer.country or customer.account.country)
    condition, bound = telling_sql(clues, "cells::text")
    for model in (StagedRow, RefusedRow):
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {model._meta.db_table} WHERE account_id = %(account)s"
                f" AND {condition}",
                {**bound, "account": customer.account_id},
            )


def forget_fingerprints(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Forget the hashes of what was copied of these customers from another server."""
    numbers = [customer.pk for customer, _before in erased]
    Pulled.objects.for_account(erased[0].customer.account_id).filter(
        kind=Pulled.Kind.CUSTOMER, local_id__in=numbers
    ).update(fingerprint="")
