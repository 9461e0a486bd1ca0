"""Imports of uploaded files: the rows wait in the database until a worker takes them."""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from customers.models import CustomerList
from hubcustomers import exact_json
from transfer import jobs
from transfer.imports import Options, copy_rows, country_of, forget_dry_run, load, write
from transfer.models import Job, StagedRow, State
from transfer.reading import Layout, Record, all_records, find_layout
from transfer.refused import drop_refused
from transfer.rows import RowReader

KIND = "import"
# Not at work: what was asked of it can still be changed.
OPEN_TO_CHANGES = (State.DRAFT, State.CHECKED)
CLOSED = _("The import is at work already, or over.")
COUNTED: jobs.Counted = {
    "created": lambda count: ngettext("customer created", "customers created", count),
    "updated": lambda count: ngettext("customer updated", "customers updated", count),
    "skipped": lambda count: ngettext("row skipped", "rows skipped", count),
    "cards": lambda count: ngettext("card created", "cards created", count),
    "refused": lambda count: ngettext("row refused", "rows refused", count),
}
TRIED: jobs.Counted = {
    "created": lambda count: ngettext(
        "customer would be created", "customers would be created", count
    ),
    "updated": lambda count: ngettext(
        "customer would be updated", "customers would be updated", count
    ),
    "skipped": lambda count: ngettext("row would be skipped", "rows would be skipped", count),
    "cards": lambda count: ngettext("card would be created", "cards would be created", count),
    "refused": lambda count: ngettext("row would be refused", "rows would be refused", count),
}


def register_import() -> None:
    """Have workers import what was uploaded."""
    jobs.register_kind(
        KIND,
        step_of_import,
        title=_("Import"),
        counted=COUNTED,
        tried=TRIED,
        tidy=drop_staged,
    )


@transaction.atomic
def stage(customer_list: CustomerList, file: BinaryIO, *, title: str, user: Any) -> Job:
    """Keep the rows of a file for an import that is still to be described.

    Args:
        customer_list: Where they will go.
        file: What was uploaded; read from its beginning, in bounded memory.
        title: Its name.
        user: Who uploaded it.

    Raises:
        UnreadableFile: It cannot be imported; nothing is kept.
    """
    jobs.let_take_time()
    layout = find_layout(file, title)
    job = Job.objects.create(
        account_id=customer_list.account_id,
        customer_list=customer_list,
        kind=KIND,
        title=title[:255],
        user=user,
        user_name=user.get_username()[:255],
    )
    found = all_records(file, layout)
    rows = ((record.line, exact_json.dumps(record.cells).decode()) for record in found)
    job.total = copy_rows(StagedRow, job, rows, "line, cells")
    job.options = {"layout": asdict(layout)}
    job.save(update_fields=["total", "options"])
    return job


def layout_of(job: Job) -> Layout:
    """Return the layout of the job's file."""
    return Layout(**job.options["layout"])


def try_rows(job: Job, options: Options) -> None:
    """Queue the import as one that judges every row and writes none.

    Raises:
        ValidationError: It is at work already, or over.
    """
    _claim_for(job, OPEN_TO_CHANGES)
    drop_refused(job)
    job.options = replace(options, dry_run=True).as_json()
    jobs.start(job)


def begin(job: Job) -> None:
    """Queue the import that was tried.

    Raises:
        ValidationError: It was not tried, or is at work already.
    """
    _claim_for(job, (State.CHECKED,))
    drop_refused(job)
    job.options = replace(Options.of(job), dry_run=False).as_json()
    jobs.start(job)


def _claim_for(job: Job, states: Iterable[State]) -> None:
    """Lock the job until the transaction ends; two people may press at once."""
    rows = Job.objects.for_account(job.account_id).filter(pk=job.pk, state__in=list(states))
    if rows.select_for_update().first() is None:
        raise ValidationError(CLOSED)


def step_of_import(job: Job) -> bool:
    """Import the next batch of staged rows; return whether there are more."""
    options = Options.of(job)
    if options.dry_run:
        _begin_dry_run(job)
    reader = RowReader(options.layout, options.fields, country=country_of(job.customer_list))
    found = staged_records(job, after=job.checkpoint.get("line", 0), most=options.batch_rows)
    # Closed at once: a cursor that is left open until a collection of garbage closes it blocks
    # the connection for good where that comes in the middle of another statement.
    with closing(found):
        loaded = next(load(found, reader, options), None)
    if loaded is not None:
        write(job, loaded, options)
        return True
    with transaction.atomic():
        jobs.hold(job)
        if options.dry_run:
            forget_dry_run()
            jobs.finish(job, state=State.CHECKED)
        else:
            drop_staged(job)
            jobs.finish(job)
    return False


def _begin_dry_run(job: Job) -> None:
    """Begin at the first row where no step, or another worker's, went before.

    What a dry run notes for the rows to come is gone with the connection that noted it.
    """
    if job.checkpoint.get("worker") == str(job.lease_token):
        return
    forget_dry_run()
    with transaction.atomic():
        jobs.hold(job)
        drop_refused(job)
        job.counts, job.done, job.checkpoint = {}, 0, {"worker": str(job.lease_token)}
        jobs.save_progress(job)


def staged_records(job: Job, *, after: int, most: int) -> Generator[Record, None, None]:
    """Yield staged rows behind a line."""
    rows = StagedRow.objects.for_account(job.account_id).filter(job=job, line__gt=after)
    size = 0
    found = rows.order_by("line").values_list("line", "cells")[:most]
    for line, cells in found.iterator(chunk_size=200):
        size += sum(len(cell or "") for cell in cells) if isinstance(cells, list) else 1000
        yield Record(line, cells, size, line)


def drop_staged(job: Job) -> None:
    """Delete the rows of the job's file."""
    rows = StagedRow.objects.for_account(job.account_id).filter(job=job)
    rows._raw_delete(using=rows.db)
