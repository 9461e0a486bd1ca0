"""What is held on a person in files that were imported: rows that wait, and rows refused."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from customers.clues import clues_of, telling_sql, values_of
from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, told
from transfer.models import Job, RefusedRow, StagedRow


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
    of_jobs = _("Work of members of staff; rows about customers are shown by themselves.")
    leave_out(
        {
            "transfer_job": of_jobs,
            "transfer_grantedcard": _("Which job posted an operation, which is shown by itself."),
            "transfer_listmapping": _("Names of columns in files."),
            "transfer_stagedrow.job_id": of_jobs,
            "transfer_refusedrow.job_id": of_jobs,
        }
    )


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
