"""How values read in the back-office."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant

_Method = TypeVar("_Method", bound=Callable[..., Any])


def column(
    title: str | Promise, *, label: dict[str, str] | None = None
) -> Callable[[_Method], _Method]:
    """Make a method a column of lists and pages; a label colours its values.

    A method with a label returns ``(key, text)``; a key without a colour has its text all the same.
    """
    return display(description=title, label=None if label is None else defaultdict(str, label))


def button(
    title: str | Promise, *, icon: str, permission: str, danger: bool = False
) -> Callable[[_Method], _Method]:
    """Make a method a button of an object's page, for who has the permission."""
    variant = ActionVariant.DANGER if danger else ActionVariant.DEFAULT
    return action(description=title, icon=icon, permissions=[permission], variant=variant)


def local(when: datetime | None, place: Any) -> str:
    """Return the time as the clocks of a location or an account show it; of no place, in UTC."""
    if when is None:
        return "-"
    zone = UTC if place is None else ZoneInfo(place.timezone)
    text = date_format(localtime(when, zone), gettext("j M Y, H:i"))
    # On one line, however narrow the column.
    return f"{text} UTC".replace(" ", "\u00a0") if place is None else text.replace(" ", "\u00a0")


def clock_of(obj: Any) -> Any:
    """Return the location or the account by whose clocks an object goes; None without one."""
    places = (obj, getattr(obj, "location", None), getattr(obj, "account", None))
    return next((place for place in places if hasattr(place, "timezone")), None)


def named(name: Any, value: Any) -> str:
    """Return ``name: value``, with the space before the colon that French has."""
    return gettext("%(name)s: %(value)s") % {"name": name, "value": value}


def short(text: str) -> str:
    """Return the text, cut where a column would burst."""
    return Truncator(text).chars(60)


# So many characters without a blank are broken where the column is narrower.
_LONGEST_RUN = 24
_RUN = re.compile(rf"\S{{{_LONGEST_RUN}}}(?=\S)")


def cell(text: str) -> str:
    """Return the text for a cell of a table: cut, and no word so long that others are hidden."""
    text = short(text)
    ends = [found.end() for found in _RUN.finditer(text)]
    if not ends:
        return text
    pieces = zip([0, *ends], [*ends, len(text)], strict=True)
    return format_html_join(mark_safe("<wbr>"), "{}", ((text[a:b],) for a, b in pieces))


def change_url(obj: Any) -> str:
    """Return the address of the object's page."""
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    return reverse(name, args=[quote(obj.pk)])


def link(obj: Any, text: str) -> SafeString:
    """Return a link to the object's page."""
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', change_url(obj), text
    )
