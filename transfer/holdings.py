"""What is held on a person in files that were imported: rows that wait, and rows refused."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.clues import clues_of, telling_sql, values_of
from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, told
from transfer.models import Job, Pulled, RefusedRow, StagedRow


def register_holdings() -> None:
    """Register the sections, and what of these tables is not shown."""
    register_section(
        Section(
            "imported_rows",
            _("Rows of imported files"),
            ("transfer_stagedrow", "transfer_refusedrow"),
            _imported_rows,
        )
    )
    register_section(
        Section(
            "copied_from",
            _("Ids in the system that the data were copied from"),
            ("transfer_pulled",),
            _copied_from,
        )
    )
    of_jobs = _("Work of members of staff; rows about customers are shown by themselves.")
    leave_out(
        {
            "transfer_job": of_jobs,
            "transfer_grantedcard": _("Which job posted an operation, which is shown by itself."),
            "transfer_listmapping": _("Names of columns in files."),
            "transfer_pulled.fingerprint": _("Tells whether a copy is up to date; says nothing."),
            "transfer_stagedrow.job_id": of_jobs,
            "transfer_refusedrow.job_id": of_jobs,
        }
    )


def _copied_from(customer: Customer) -> list[Record]:
    """Return under which ids the customer and the cards were known there."""
    cards: Any = customer.loyalty_cards
    rows = Pulled.objects.for_account(customer.account_id).filter(
        Q(kind=Pulled.Kind.CUSTOMER, local_id=customer.pk)
        | Q(kind=Pulled.Kind.CARD, local_id__in=list(cards.values_list("pk", flat=True)))
    )
    return [told(row) for row in rows.order_by("pk")]


def _imported_rows(customer: Customer) -> list[Record]:
    """Return the rows that anonymising would delete."""
    clues = clues_of(values_of(customer), country=customer.country or customer.account.country)
    condition, bound = telling_sql(clues, "cells::text")
    found: list[Any] = []
    for model in (StagedRow, RefusedRow):
        found += model.objects.raw(
            f"SELECT * FROM {model._meta.db_table} WHERE account_id = %(account)s"
            f" AND {condition} ORDER BY job_id, line",
            {**bound, "account": customer.account_id},
        )
    jobs = Job.objects.for_account(customer.account_id).in_bulk({row.job_id for row in found})
    return [told(row, file=jobs[row.job_id].title) for row in found]
