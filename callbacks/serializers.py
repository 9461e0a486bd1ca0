"""Callbacks and events on the wire (companion, 9)."""

from typing import Any
from zoneinfo import ZoneInfo

import orjson

from callbacks.addresses import UrlRefused, check_url
from callbacks.reads import EventRow
from hubcustomers import exact_json
from hubcustomers.api.fields import StrictField, Text, local_time
from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.public_ids import (
    customer_ids,
    customer_list_ids,
    event_ids,
    location_id,
    order_ids,
)

# What can be listened to. The hub has no catalogs and the like, so those stay silent.
_SILENT = ("create", "update", "patch", "delete")
EVENT_TYPES: dict[str, tuple[str, ...]] = {
    "customer": ("create", "update"),
    "customer_list": ("update",),
    "order": ("create", "update"),
    "catalog": _SILENT,
    "delivery": _SILENT,
    "inventory": _SILENT,
    "location": _SILENT,
}


class CallbackUrl(Text):
    """A URL that events may be sent to; ``""`` is null."""

    def __init__(self, **kwargs: Any) -> None:
        """Take Text's arguments."""
        super().__init__(max_length=2000, empty_is_null=True, one_line=True, **kwargs)

    def to_internal_value(self, data: Any) -> str | None:
        """Return the URL, its addresses judged."""
        url = super().to_internal_value(data)
        if url is None:
            return None
        try:
            check_url(url)
        except UrlRefused as refused:
            self.fail("refused", reason=str(refused))
        return url

    default_error_messages = {"refused": "{reason}"}


class EventSelection(StrictField):
    """What a callback wants to hear of: ``{"customer": ["create", "update"], …}``."""

    default_error_messages = {
        "object": 'must be an object like {{"customer": ["create", "update"]}}',
        "resource": "has an unknown resource type: {name}",
        "list": "must give a list of event types for {name}",
        "pair": "has an unknown event type for {name}: {event}",
    }

    def to_internal_value(self, data: Any) -> dict[str, list[str]]:
        """Return the selection, each event type once."""
        if not isinstance(data, dict):
            self.fail("object")
        return {name: self._types(name, events) for name, events in data.items()}

    def _types(self, name: str, events: Any) -> list[str]:
        if name not in EVENT_TYPES:
            self.fail("resource", name=_shown(name))
        if not isinstance(events, list):
            self.fail("list", name=name)
        for event in events:
            if event not in EVENT_TYPES[name]:
                self.fail("pair", name=name, event=_shown(event))
        return list(dict.fromkeys(events))


def _shown(value: Any) -> str:
    """Return what was given, as JSON, short enough for a message and without half characters."""
    try:
        text = exact_json.dumps(value).decode()
    except TypeError:
        return "(unreadable)"
    return text if len(text) <= 50 else f"{text[:50]}…"


class CallbackSerializer(KeptSerializer):
    """The body that sets a callback; what is left out is as if it were empty."""

    url = CallbackUrl(required=False, allow_null=True)
    events = EventSelection(required=False, allow_null=True)


def represent_callback(url: str | None, events: dict[str, list[str]]) -> dict[str, Any]:
    """Return ``{url, events}``; without a callback nothing is listened to."""
    return {"url": url, "events": events}


def represent_event(row: EventRow) -> dict[str, Any]:
    """Return the event without states, as the index shows it."""
    shown: dict[str, Any] = {
        "id": event_ids.encode(row.id),
        "created_at": local_time(row.created_at, ZoneInfo(row.timezone)),
        "resource_type": row.resource_type,
        "event_type": row.event_type,
    }
    if row.resource_type == "order":
        shown["location_id"] = (
            None
            if row.location_number is None
            else location_id(row.account_id, row.location_number)
        )
        shown["order_id"] = order_ids.encode(row.resource_id)
        return shown
    shown["customer_list_id"] = customer_list_ids.encode(row.customer_list_id or row.resource_id)
    if row.resource_type == "customer":
        shown["customer_id"] = customer_ids.encode(row.resource_id)
    return shown


def represent_event_with_states(row: EventRow) -> dict[str, Any]:
    """Return the whole event, as it is retrieved and delivered."""
    shown = represent_event(row)
    shown["new_state"] = orjson.Fragment(row.new_state or "null")
    if row.event_type == "update":
        shown["previous_state"] = orjson.Fragment(row.previous_state or "null")
    return shown
