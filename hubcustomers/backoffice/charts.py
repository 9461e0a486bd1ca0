"""Charts drawn by the server: shapes without words, with labels and a table in HTML beside.

The drawing stretches with the page and its labels do not, so that they are read on a phone
as well; who does not see it has the sentence and the table.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext

from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.display import named

Number = int | Decimal


@dataclass(frozen=True)
class Series:
    """One kind of figures of a chart, a number for each label."""

    title: str
    values: Sequence[Number]


@dataclass(frozen=True)
class Shape:
    """A bar of a chart, in hundredths of its width and height; numbers as SVG reads them."""

    x: str
    y: str
    width: str
    height: str
    series: int
    title: str


@dataclass(frozen=True)
class Chart:
    """What the template draws (templates/admin/hub/chart.html).

    Attributes:
        title: What is shown.
        summary: The chart in a sentence.
        headers: Of the table: what the labels are, then the series.
        rows: Of the table: label and figures as text.
        legend: The series, where there are several.
        bars: Of a chart with bars.
        line: The points of a line's path; "" for none.
        area: The same, closed to the bottom.
        zero: Where zero is, where that is not the bottom; "" for the bottom.
        scale: The figures at the left edge, from top to bottom.
        ends: The labels below: first, middle, last.
        empty: Whether there is nothing to draw.
        ranking: Rows of label, text and share of the largest, for a chart that is a table.
    """

    title: str
    summary: str = ""
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    legend: Sequence[str] = ()
    bars: Sequence[Shape] = ()
    line: str = ""
    area: str = ""
    zero: str = ""
    scale: Sequence[str] = ()
    ends: Sequence[str] = ()
    empty: bool = False
    ranking: Sequence[tuple[str, str, str]] = field(default_factory=list)


def bars(title: str, what: str, labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Return a chart of bars that stand side by side.

    Args:
        title: What is shown.
        what: What the labels are, like "day".
        labels: From left to right.
        series: Their values are zero or more.
    """
    top = _round_up(max((value for one in series for value in one.values), default=0))
    slot = 100 / max(len(labels), 1)
    width = slot * 0.8 / len(series)
    shapes = []
    for number, one in enumerate(series):
        for place, value in enumerate(one.values):
            height = 100 * float(value) / float(top)
            shapes.append(
                Shape(
                    x=_svg(place * slot + slot * 0.1 + number * width),
                    y=_svg(100 - height),
                    width=_svg(width),
                    height=_svg(height),
                    series=number + 1,
                    title=named(labels[place], f"{_text(value)} {one.title}".strip()),
                )
            )
    return Chart(
        title=title,
        summary=_summary(series),
        headers=[what, *(one.title for one in series)],
        rows=[
            [label, *(_text(one.values[place]) for one in series)]
            for place, label in enumerate(labels)
        ],
        legend=[one.title for one in series] if len(series) > 1 else [],
        bars=shapes,
        scale=[_short(top), _short(top / 2), "0"],
        ends=_ends(labels),
        empty=not any(value for one in series for value in one.values),
    )


def steps(
    title: str, headers: Sequence[str], moments: Sequence[tuple[float, str]], values: Sequence[Any]
) -> Chart:
    """Return a line that keeps each value until the next moment.

    Args:
        title: What is shown.
        headers: What moments and values are.
        moments: When, in seconds and as text, oldest first.
        values: The value from then on.
    """
    if not values:
        return Chart(title=title, headers=headers, empty=True)
    top, bottom = _round_up(max(*values, 0)), -_round_up(-min(*values, 0))
    bottom = Decimal(0) if min(values) >= 0 else bottom
    first, last = moments[0][0], moments[-1][0]

    def x(moment: float) -> float:
        return 100 * (moment - first) / (last - first) if last > first else 0

    def y(value: Any) -> str:
        return _svg(100 * float((top - value) / (top - bottom)))

    path = f"M{_svg(x(first))} {y(values[0])}"
    for (moment, _), value in zip(moments[1:], values[1:], strict=True):
        path += f"H{_svg(x(moment))}V{y(value)}"
    path += "H100"
    return Chart(
        title=title,
        headers=headers,
        rows=[
            [when, plain_decimal(value)] for (_, when), value in zip(moments, values, strict=True)
        ],
        line=path,
        area=f"{path}V{y(0)}H0Z",
        zero=y(0) if bottom else "",
        scale=[_short(top), _short((top + bottom) / 2), _short(bottom)],
        # What is in the middle of the rows is not in the middle of the time.
        ends=[moments[0][1], moments[-1][1]] if last > first else [moments[0][1]],
    )


def ranking(title: str, headers: Sequence[str], rows: Sequence[tuple[str, Number]]) -> Chart:
    """Return a table of which each row has a bar."""
    largest = max((value for _, value in rows), default=0)
    return Chart(
        title=title,
        headers=headers,
        ranking=[
            (label, _text(value), _svg(100 * float(value) / float(largest)) if largest else "0")
            for label, value in rows
        ],
        empty=not rows,
    )


def short_day(day: str) -> str:
    """Return a day of ISO 8601 as a label of a chart, which has no room for its year."""
    return date_format(date.fromisoformat(day), gettext("j M"))


def _summary(series: Sequence[Series]) -> str:
    totals = (named(one.title, _text(sum(one.values, Decimal(0)))) for one in series)
    return ", ".join(totals)


def _ends(labels: Sequence[str]) -> list[str]:
    if len(labels) < 3:
        return list(labels)
    return [labels[0], labels[len(labels) // 2], labels[-1]]


def _round_up(value: Any) -> Decimal:
    """Return the next of 1, 2, 5, 10, 20, 50 …, so that half of it reads well too."""
    if value <= 0:
        return Decimal(1)
    size = Decimal(10) ** math.floor(math.log10(float(value)))
    return next(size * step for step in (1, 2, 4, 6, 8, 10, 20) if size * step >= value)


def _svg(number: float) -> str:
    # Never in the language's spelling: a comma would part two numbers.
    return f"{number:.2f}"


def _short(value: Decimal) -> str:
    """Return a number of the scale, which has room for a few digits."""
    size = abs(value)
    for unit, sign in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if size >= 10 * unit or (unit > 1000 and size >= unit):
            return f"{_text(value / unit)}\u00a0{sign}"
    return _text(value)


def _text(value: Any) -> str:
    """Return a number as people write it, with up to two digits after the point."""
    exact = Decimal(value)
    rounded = exact.quantize(Decimal("0.01"))
    whole = rounded == rounded.to_integral_value()
    return number_format(
        int(rounded) if whole else rounded.normalize(), use_l10n=True, force_grouping=True
    )
