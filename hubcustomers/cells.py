"""Cells of CSV files that a spreadsheet may open (docs/import.md, "Formula cells").

A cell that begins with ``= + - @``, a tab or a carriage return would be a formula there.
Exports put an apostrophe before it, imports take the apostrophe away again; a value that
has apostrophes there itself gets one more, so every value comes back unchanged. An empty
cell is no value; the empty text is a lone apostrophe.
"""

import csv
import re
from collections.abc import Iterable, Iterator

_FORMULA = re.compile(r"'*(?:[=+\-@\t\r]|\Z)")
_NEUTRALISED = re.compile(r"'+(?:[=+\-@\t\r]|\Z)")


def neutralise(value: str | None) -> str:
    """Return the value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    return f"'{value}" if _FORMULA.match(value) else value


def restore(cell: str) -> str | None:
    """Return the value of a cell, None where it is empty."""
    if cell == "":
        return None
    return cell[1:] if _NEUTRALISED.match(cell) else cell


class _Echo:
    def write(self, text: str) -> str:
        return text


def csv_lines(
    header: Iterable[str], rows: Iterable[Iterable[str]], delimiter: str = ","
) -> Iterator[str]:
    """Yield lines of CSV; cells are neutralised already."""
    # The line ends of CSV are CR LF, and with them the writer quotes what has either.
    paper = csv.writer(_Echo(), delimiter=delimiter)
    yield paper.writerow(header)
    for row in rows:
        yield paper.writerow(row)
