"""The rows that an import refused, as a file to be corrected and imported again."""

from collections.abc import Iterator

from hubcustomers import exact_json
from hubcustomers.cells import csv_lines, neutralise, restore
from transfer.models import Job, RefusedRow
from transfer.reading import Layout

_REASON = "reason"


def refused_text(job: Job) -> Iterator[str]:
    """Yield the file: the rows as they came, each with the reason in words."""
    layout = Layout(**job.options["layout"])
    rows = RefusedRow.objects.for_account(job.account_id).filter(job=job).order_by("line")
    found = rows.values_list("cells", _REASON).iterator(chunk_size=500)
    if layout.format == "jsonl":
        for cells, reason in found:
            told = cells if isinstance(cells, dict) else {"unreadable": cells}
            yield exact_json.dumps({**told, _REASON: reason}).decode() + "\n"
        return
    # A file of refused rows that is imported again has its old reasons.
    places = [place for place, column in enumerate(layout.columns) if column != _REASON]
    header = [*(layout.columns[place] for place in places), _REASON]
    lines = (_cells(layout, places, cells, reason) for cells, reason in found)
    yield from csv_lines(header, lines, layout.delimiter)


def drop_refused(job: Job) -> None:
    """Delete what is kept of the refused rows."""
    rows = RefusedRow.objects.for_account(job.account_id).filter(job=job)
    rows._raw_delete(using=rows.db)


def _cells(layout: Layout, places: list[int], cells: list[str], reason: str) -> list[str]:
    width = len(layout.columns)
    full = cells + [""] * (width - len(cells))
    # Cells that came as formulas go out as text.
    kept = [neutralise(restore(full[place])) for place in places]
    return [*kept, neutralise(reason), *cells[width:]]
