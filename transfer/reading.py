"""Files as they come: CSV or JSON Lines, read record by record in bounded memory.

Nothing is believed about a file. It is looked through from beginning to end before the
first row of it is written, and what makes it unreadable is said in one sentence.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from django.utils.translation import gettext as _

from hubcustomers import exact_json

MAX_RECORD_BYTES = 1024 * 1024
MAX_COLUMNS = 500
_DELIMITERS = (",", ";", "\t")
_OTHER_ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# What no column is called: an e-mail, a phone.
_VALUE = re.compile(r"\S+@\S+\.\S+|\+?[\d\s().-]{7,}")
_BOM = b"\xef\xbb\xbf"

# Cells of a CSV row, the members of a JSON line, or the text of a line that is not JSON.
Cells = list[str | None] | dict[str, Any] | str


class UnreadableFile(ValueError):
    """The file cannot be imported; the message says why, and where."""


@dataclass(frozen=True)
class Layout:
    """What kind of file it is.

    Attributes:
        format: ``csv`` or ``jsonl``.
        columns: The header; of JSON Lines the keys of the first rows.
        delimiter: Between the cells of CSV.
    """

    format: str
    columns: list[str]
    delimiter: str = ","


class Record(NamedTuple):
    """One row of a file: where it begins, what it says, and where it ends."""

    line: int
    cells: Cells
    offset: int = 0
    last_line: int = 0


class _Lines:
    """The lines of a file as text, none of them too long, with the place of each."""

    def __init__(self, file: BinaryIO, *, offset: int = 0, line: int = 0) -> None:
        self.file, self.offset, self.line = file, offset, line
        self.first = line + 1
        self._record = 0
        file.seek(offset)

    def __iter__(self) -> Iterator[str]:
        return self

    def begin_record(self) -> None:
        self.first, self._record = self.line + 1, 0

    def __next__(self) -> str:
        raw = self.file.readline(MAX_RECORD_BYTES + 1)
        if not raw:
            raise StopIteration
        self.line += 1
        self.offset += len(raw)
        self._record += len(raw)
        if len(raw) > MAX_RECORD_BYTES:
            raise UnreadableFile(_("Line %d is longer than 1 MB.") % self.line)
        if self._record > MAX_RECORD_BYTES:
            raise UnreadableFile(
                _(
                    "The row that begins in line %d is longer than 1 MB: a quote in it is not"
                    " closed."
                )
                % self.first
            )
        if b"\0" in raw:
            raise UnreadableFile(
                _("Line %d contains a NUL byte: this is no text file.") % self.line
            )
        if self.line == 1:
            raw = raw.removeprefix(_BOM)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise UnreadableFile(
                _(
                    "The file is not UTF-8 (line %(line)d has the byte %(byte)s); it may be"
                    " Windows-1252 or Latin-1. Save it as UTF-8 and try again."
                )
                % {"line": self.line, "byte": f"{raw[error.start]:#04x}"}
            ) from error


# --- what kind of file it is ------------------------------------------------------------


def examine(file: BinaryIO, name: str) -> tuple[Layout, int]:
    """Look through the whole file; return its layout and how many rows it has.

    Raises:
        UnreadableFile: It cannot be imported.
    """
    layout = find_layout(file, name)
    return layout, sum(1 for _ in all_records(file, layout))


def all_records(file: BinaryIO, layout: Layout) -> Iterator[Record]:
    """Yield every row, and add the keys of JSON Lines to the layout.

    Raises:
        UnreadableFile: It cannot be imported; whoever wrote rows must take them back.
    """
    empty, known = True, set(layout.columns)
    for record in records(file, layout):
        empty = False
        if isinstance(record.cells, dict) and not known.issuperset(record.cells):
            layout.columns.extend(key for key in record.cells if key not in known)
            known.update(record.cells)
            if len(known) > MAX_COLUMNS:
                raise UnreadableFile(_("The file has more than %d different keys.") % MAX_COLUMNS)
        yield record
    if empty:
        raise UnreadableFile(_("The file has no rows."))


def find_layout(file: BinaryIO, name: str) -> Layout:
    """Return the layout, from the first line; keys of JSON Lines are left open.

    Raises:
        UnreadableFile: There is no first line, or it is no header.
    """
    file.seek(0)
    start = file.read(4)
    for mark, encoding in _OTHER_ENCODINGS.items():
        if start.startswith(mark):
            raise UnreadableFile(_("The file is %s. Save it as UTF-8 and try again.") % encoding)
    lines = _Lines(file)
    first = next(lines, "")
    if not first.strip():
        raise UnreadableFile(_("The file is empty, or its first line is."))
    begin = first.strip()
    if name.lower().endswith((".jsonl", ".ndjson", ".json")) or begin.startswith(("{", "[{")):
        if begin.startswith("["):
            raise UnreadableFile(
                _("The file is one JSON array. JSON Lines are needed: one object in each line.")
            )
        return Layout("jsonl", [])
    delimiter = _sniff(first)
    header = next(_csv_records(_Lines(file), delimiter), None)
    return Layout("csv", _checked_header(header.cells if header else []), delimiter)


def _sniff(first: str) -> str:
    # Outside quotes: a column may be called "Name, first".
    outside = "".join(first.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _checked_header(cells: Any) -> list[str]:
    columns = [(cell or "").strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) > MAX_COLUMNS:
        raise UnreadableFile(
            _("The file has %(count)d columns; at most %(most)d are read.")
            % {"count": len(columns), "most": MAX_COLUMNS}
        )
    for column in columns:
        if _VALUE.fullmatch(column):
            raise UnreadableFile(
                _("The first line must name the columns; in this file it is a customer already.")
            )
        if not column:
            raise UnreadableFile(_("A column in the middle of the first line has no name."))
        if columns.count(column) > 1:
            raise UnreadableFile(_("The column %r appears twice in the first line.") % column[:80])
    return columns


# --- rows -------------------------------------------------------------------------------


def records(file: BinaryIO, layout: Layout, *, offset: int = 0, line: int = 0) -> Iterator[Record]:
    """Yield the rows from a place on, without the header; empty lines are left out.

    Raises:
        UnreadableFile: The file cannot be read any further.
    """
    lines = _Lines(file, offset=offset, line=line)
    if layout.format == "jsonl":
        yield from _json_records(lines)
        return
    found = _csv_records(lines, layout.delimiter)
    if offset == 0:
        next(found, None)
    yield from found


def _csv_records(lines: _Lines, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(MAX_RECORD_BYTES)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_record()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise UnreadableFile(_csv_sentence(str(error), lines)) from error
        if cells is None:
            return
        if cells:
            yield Record(lines.first, list(cells), lines.offset, lines.line)


def _csv_sentence(error: str, lines: _Lines) -> str:
    if "unexpected end" in error:
        return _("The quote that opens in the row of line %d is never closed.") % lines.first
    if "new-line" in error:
        return (
            _("Line %d has a carriage return in it: lines must end with LF or CR LF.") % lines.line
        )
    return _("Line %(line)d is not CSV: %(error)s.") % {"line": lines.line, "error": error}


def _json_records(lines: _Lines) -> Iterator[Record]:
    while True:
        lines.begin_record()
        text = next(lines, None)
        if text is None:
            return
        if text.strip():
            yield Record(lines.first, _json_cells(text), lines.offset, lines.line)


def _json_cells(text: str) -> Cells:
    try:
        members = exact_json.loads(text)
    except exact_json.UnreadableJSON:
        return text.strip()
    return members if isinstance(members, dict) else text.strip()


def fingerprint(file: BinaryIO) -> str:
    """Return what tells this content from any other."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
