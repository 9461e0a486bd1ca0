"""The answer to a request for access: one ZIP with a file for machines and a page for people."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers.models import Customer
from customers.subject import Record, Section, held_on, left_out
from desk.labels import label_of, word_of
from hubcustomers import exact_json

# Records of at most so many plain values stand in a table.
_MOST_COLUMNS = 7
# What lies deeper in a client's own data stays JSON.
_DEEPEST = 5
Held = list[tuple[Section, list[Record]]]


def gather(customer: Customer) -> Held:
    """Return everything that is held on the person, section by section."""
    return list(held_on(customer))


def pack(customer: Customer, held: Held, *, language: str) -> bytes:
    """Return the ZIP: ``subject.json`` and ``index.html``.

    Args:
        customer: Whose data it is.
        held: What ``gather`` returned.
        language: Of the page, like ``fr``; the file for machines is in English.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        with translation.override("en"):
            file.writestr("subject.json", as_json(customer, held))
        with translation.override(language):
            file.writestr("index.html", as_page(customer, held, language))
    return packed.getvalue()


def name_of(customer: Customer) -> str:
    """Return the name of the ZIP."""
    return f"customer-{customer.public_id}-{timezone.now():%Y-%m-%d}.zip"


# --- for machines -----------------------------------------------------------------------


def as_json(customer: Customer, held: Held) -> bytes:
    """Return everything as JSON."""
    zone = ZoneInfo(customer.account.timezone)
    told = {
        "created_at": timezone.now(),
        "account": {"id": customer.account.public_id, "name": customer.account.name},
        "customer_id": customer.public_id,
        **{section.name: records for section, records in held},
        "not_shown": {name: str(reason) for name, reason in sorted(left_out().items())},
    }
    return exact_json.dumps(_plain(told, zone))


def _plain(value: Any, zone: ZoneInfo) -> Any:
    match value:
        case dict():
            return {name: _plain(member, zone) for name, member in value.items()}
        case list():
            return [_plain(member, zone) for member in value]
        case datetime():
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
        case _:
            return value


# --- for people -------------------------------------------------------------------------


def as_page(customer: Customer, held: Held, language: str) -> str:
    """Return everything as one page that needs nothing else, in the language set now."""
    zone = ZoneInfo(customer.account.timezone)
    tables = {table for section, _records in held for table in section.tables}
    context = {
        "language": language,
        "account": customer.account.name,
        "customer_id": customer.public_id,
        "created": _moment(timezone.now(), zone),
        "sections": [
            {
                "title": section.title,
                "count": len(records),
                **_section(records, zone),
            }
            for section, records in held
            if records
        ],
        "empty": [section.title for section, records in held if not records],
        "not_shown": [
            (name, reason)
            for name, reason in sorted(left_out().items())
            if name.partition(".")[0] in tables
        ],
    }
    return render_to_string("desk/subject.html", context)


def _section(records: list[Record], zone: ZoneInfo) -> dict[str, Any]:
    shown = [_filled(record) for record in records]
    columns = list(dict.fromkeys(name for record in shown for name in record))
    plain = all(not isinstance(value, dict | list) for one in shown for value in one.values())
    if len(records) > 1 and plain and len(columns) <= _MOST_COLUMNS:
        return {
            "headers": [label_of(name) for name in columns],
            "rows": [[_text(one.get(name), zone, name) for name in columns] for one in shown],
        }
    return {"records": [list(_pairs(one, zone)) for one in shown]}


def _filled(record: Record) -> Record:
    return {name: value for name, value in record.items() if value not in (None, "", [], {})}


def _pairs(record: Record, zone: ZoneInfo, depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        yield label_of(name), _node(value, zone, name, depth)


def _node(value: Any, zone: ZoneInfo, name: str = "", depth: int = 0) -> Any:
    """Return what the template shows: a text, pairs, or several of these."""
    match value:
        case dict() | list() if depth == _DEEPEST:
            return {"text": exact_json.dumps(_plain(value, zone)).decode()}
        case dict():
            return {"pairs": list(_pairs(_filled(value), zone, depth + 1))}
        case list() if any(isinstance(member, dict | list) for member in value):
            return {"several": [_node(member, zone, "", depth + 1) for member in value]}
        case list():
            return {"text": ", ".join(_text(member, zone) for member in value)}
        case _:
            return {"text": _text(value, zone, name)}


def _text(value: Any, zone: ZoneInfo, name: str = "") -> str:
    match value:
        case None:
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case datetime():
            return _moment(value, zone)
        case date():
            return date_format(value, "j F Y")
        case str():
            return word_of(name, value)
        case _:
            return str(value)


def _moment(value: datetime, zone: ZoneInfo) -> str:
    return date_format(value.astimezone(zone), "j F Y, H:i")
