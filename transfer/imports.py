"""Imports: batches of rows, each written in one transaction with its checkpoint.

The rows come from a file that a command reads, or from an uploaded one (transfer/uploaded.py).
Of a file, one thread reads and judges the next batch while PostgreSQL writes the one before it.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from customers import consent
from customers.models import CustomerList
from hubcustomers import exact_json
from hubcustomers.api.errors import sqlstate
from transfer import jobs
from transfer.models import Job, ListMapping, RefusedRow
from transfer.reading import Cells, Layout, Record, records
from transfer.rows import Refused, RowReader, escape
from transfer.staging import Batch, Target
from transfer.writing import Writing

BATCH_ROWS = 10_000
# With events each row costs several statements, and holds its customer meanwhile.
BATCH_ROWS_WITH_EVENTS = 500
# Seconds that the thread which reads may keep the other one waiting, which has little to do
# between two statements; Python's own 0.005 cost an import three percent.
_SWITCH_SECONDS = 0.0002
# Cells kept of one batch in case a row is refused; rows may be a megabyte each.
_BATCH_BYTES = 32 * 1024 * 1024
_TRIES = 3
# What grows and is looked through, and from how many rows on it matters what is known of it.
_FILLED = (
    "customers_customer (account_id, customer_list_id, id, email_folded, phone)",
    "customers_customerprivateref (account_id, customer_list_id, client_id, customer_id, ref)",
    "loyalty_loyaltycard (account_id, customer_list_id, customer_id, name, ref)",
)
_FIRST_COUNT = 5_000
MATCHES = ("private_ref", "email", "phone")
ON_DUPLICATE = ("skip", "update", "error")
# What an import counts, and how that reads.
COUNTED = {
    "created": "customers {would}created",
    "updated": "customers {would}updated",
    "skipped": "rows {would}skipped",
    "cards": "cards {would}created",
    "refused": "rows {would}refused",
}


class UnusableOptions(ValueError):
    """What was asked for does not go together; the message says why."""


@dataclass(frozen=True)
class Options:
    """What was asked of an import; kept with its job.

    Attributes:
        client_id: Whose private refs they are.
        layout: Of the file.
        fields: The field of each column.
        match: What tells that a customer exists, None for nothing.
        on_duplicate: skip, update or error.
        events: Whether listeners are told.
        reason: Of opening operations.
        dry_run: Judge, and write nothing.
        fingerprint: Of the file's content.
    """

    client_id: int
    layout: Layout
    fields: dict[str, str]
    match: str | None = None
    on_duplicate: str = "error"
    events: bool = False
    reason: str = "Opening balance"
    dry_run: bool = False
    fingerprint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what a job keeps."""
        return asdict(self)

    @classmethod
    def of(cls, job: Job) -> "Options":
        """Return the options of a job."""
        kept = dict(job.options)
        return cls(**{**kept, "layout": Layout(**kept["layout"])})

    @property
    def left_out(self) -> list[str]:
        """Return the columns that nothing is taken from."""
        return [column for column, field in self.fields.items() if not field]

    @property
    def batch_rows(self) -> int:
        """Return how many rows one transaction takes."""
        return BATCH_ROWS_WITH_EVENTS if self.events else BATCH_ROWS


def choose_match(fields: Iterable[str], asked: str | None, on_duplicate: str | None) -> str | None:
    """Return what tells that a customer exists: what was asked, else the private ref.

    Raises:
        UnusableOptions: No column of the file has it.
    """
    known = set(fields)
    match = asked or ("private_ref" if "private_ref" in known else None)
    if match and match not in known:
        raise UnusableOptions(_("No column is %s, by which customers would be found.") % match)
    if match is None and on_duplicate in ("skip", "update"):
        raise UnusableOptions(
            _("By what are customers found? No column is private_ref; choose email or phone.")
        )
    return match


def country_of(customer_list: CustomerList) -> str:
    """Return where the list's national phone numbers are at home."""
    return (customer_list.location or customer_list.account).country


def saved_mapping(customer_list: CustomerList) -> dict[str, str]:
    """Return which columns meant which fields the last time."""
    found = ListMapping.objects.for_account(customer_list.account_id).filter(
        customer_list=customer_list
    )
    return dict(found.values_list("fields", flat=True).first() or {})


def save_mapping(customer_list: CustomerList, fields: dict[str, str]) -> None:
    """Remember the mapping for the next file; what other files had stays."""
    ListMapping.objects.update_or_create(
        account_id=customer_list.account_id,
        customer_list=customer_list,
        defaults={"fields": {**saved_mapping(customer_list), **fields}},
    )


# --- batches ----------------------------------------------------------------------------


@dataclass
class Loaded:
    """A batch that was read and judged, and is to be written.

    Attributes:
        batch: The rows that keep the rules of the API.
        cells: What each row said, by line.
        refused: Line and reason of the others.
        line: Where the last row begins.
        last_line: Where it ends.
        offset: Where the next row begins.
    """

    batch: Batch
    cells: dict[int, Cells]
    refused: list[tuple[int, str]]
    line: int = 0
    last_line: int = 0
    offset: int = 0


def load(found: Iterable[Record], reader: RowReader, options: Options) -> Iterator[Loaded]:
    """Yield batches of rows."""
    names = columns_of(options)
    loaded, begin = Loaded(Batch(names, options.match), {}, []), None
    for record in found:
        try:
            loaded.batch.add(record.line, reader.read(record.cells))
        except Refused as error:
            loaded.refused.append((record.line, str(error)))
        loaded.cells[record.line] = record.cells
        loaded.line, loaded.last_line, loaded.offset = record.line, record.last_line, record.offset
        begin = record.offset if begin is None else begin
        if len(loaded.cells) >= options.batch_rows or record.offset - begin > _BATCH_BYTES:
            yield loaded
            loaded, begin = Loaded(Batch(names, options.match), {}, []), None
    if loaded.cells:
        yield loaded


def columns_of(options: Options) -> set[str]:
    """Return the fields that rows may have."""
    return {name.partition(".")[0] for name in options.fields.values() if name}


def ahead(batches: Iterator[Loaded]) -> Iterator[Loaded]:
    """Yield the batches, reading the next one in a thread meanwhile."""
    ready: queue.Queue[Any] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(None)
        except Exception as error:  # noqa: BLE001 - raised again by who takes the batches
            put(error)

    thread = threading.Thread(target=read, daemon=True, name="import reader")
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


# --- writing ----------------------------------------------------------------------------


def target_of(job: Job, options: Options) -> Target:
    """Return where the job writes, and by which rules."""
    return Target(
        account_id=job.account_id,
        list_id=job.customer_list_id or 0,
        client_id=options.client_id,
        match=options.match,
        on_duplicate=options.on_duplicate,
        events=options.events,
        reason=options.reason,
        dry_run=options.dry_run,
    )


def write(job: Job, loaded: Loaded, options: Options) -> None:
    """Write a batch and the job's checkpoint, in one transaction.

    Raises:
        JobTaken: The job is another process's now; nothing is written.
    """
    for attempt in range(1, _TRIES + 1):
        before = (dict(job.counts), dict(job.checkpoint), job.done)
        judged = attempt > 1 or not _may_all_be_new(job, loaded, options)
        try:
            with transaction.atomic():
                _write(job, loaded, options, judged=judged)
            if not options.dry_run:
                _tell_planner(before[2], job.done)
            return
        except DatabaseError as error:
            job.counts, job.checkpoint, job.done = before
            # A ref was taken already, or somebody took one, or locked rows the other way round, at
            # this moment.
            again = sqlstate(error) in {"23505", "40001", "40P01"}
            if not judged and sqlstate(error) == "23505":
                job.checkpoint["taken"] = True
            if not again or attempt == _TRIES:
                raise


def _may_all_be_new(job: Job, loaded: Loaded, options: Options) -> bool:
    """Return whether the batch may be tried without looking first for what exists.

    Where a customer who exists is an error, the unique constraints of refs and cards tell it,
    and the batch is judged and written again. Once they did, looking first is quicker.
    """
    return (
        options.on_duplicate == "error"
        and options.match in (None, "private_ref")
        and not (options.dry_run or options.events or loaded.batch.repeats)
        and not job.checkpoint.get("taken")
    )


def _write(job: Job, loaded: Loaded, options: Options, *, judged: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    jobs.hold(job)
    consent.tell_source(consent.Source("import", f"job {job.pk}, {job.user_name}"))
    outcome = Writing(target_of(job, options), loaded.batch).run(judged=judged)
    refused = sorted(loaded.refused + outcome.refused)
    _keep_refused(job, [(line, loaded.cells[line], reason) for line, reason in refused])
    for name, count in {**outcome.counts, "refused": len(refused)}.items():
        job.counts[name] = job.counts.get(name, 0) + count
    job.done += len(loaded.cells)
    job.checkpoint = {
        **job.checkpoint,
        "line": loaded.line,
        "last_line": loaded.last_line,
        "offset": loaded.offset,
    }
    jobs.save_progress(job)


def _tell_planner(before: int, done: int) -> None:
    """Let PostgreSQL count again whenever the rows are four times as many; it does so too late.

    To a planner that takes the tables for empty every index is as good as any other, and the
    wrong one reads through the whole list for each row.
    """
    if done >= _FIRST_COUNT and done.bit_length() // 2 > before.bit_length() // 2:
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(_FILLED)}")


def _keep_refused(job: Job, rows: list[tuple[int, Cells, str]]) -> None:
    copy_rows(
        RefusedRow,
        job,
        ((line, exact_json.dumps(cells).decode(), reason) for line, cells, reason in rows),
        "line, cells, reason",
    )


def copy_rows(model: Any, job: Job, rows: Iterable[tuple[Any, ...]], columns: str) -> int:
    """COPY rows of a job into its table; return how many."""
    count = 0
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {model._meta.db_table} (account_id, job_id, {columns}) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            cells = (escape(str(value)) for value in row)
            copy.write("\t".join((str(job.account_id), str(job.pk), *cells)) + "\n")
            count += 1
    return count


# --- from a file ------------------------------------------------------------------------


def run_file(job: Job, path: Path, *, tell: Callable[[Job], None]) -> None:
    """Import the file from the job's checkpoint to its end.

    Args:
        job: This process's own.
        path: The file; its content is what the options' fingerprint says.
        tell: Hears of the job after each batch.
    """
    options = Options.of(job)
    reader = RowReader(options.layout, options.fields, country=country_of(job.customer_list))
    with path.open("rb") as file:
        found = records(
            file,
            options.layout,
            offset=job.checkpoint.get("offset", 0),
            line=job.checkpoint.get("last_line", 0),
        )
        try:
            for loaded in ahead(load(found, reader, options)):
                write(job, loaded, options)
                tell(job)
        finally:
            if options.dry_run:
                forget_dry_run()
    jobs.finish(job)


def forget_dry_run() -> None:
    """Drop what a dry run noted for the rows to come."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS transfer_seen")
