"""Anonymising a customer reaches the rows of files that are kept for a while."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from customers.clues import clues_of, telling_sql
from customers.erasure import Erased
from customers.models import Customer
from transfer.models import Pulled, RefusedRow, StagedRow


def erase_files(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Delete the account's staged and refused rows that tell of these customers.

    A row goes that ``prove_erasure`` would find: by what tells a person by itself, or by
    first and last name together.
    """
    account_id = erased[0].customer.account_id
    if not any(model.objects.for_account(account_id).exists() for model in (StagedRow, RefusedRow)):
        return
    for customer, before in erased:
        _erase_rows(customer, before)


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
