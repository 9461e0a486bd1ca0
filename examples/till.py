"""A till that gives points: a client of the hub with nothing but Python's standard library.

    export HUB_URL=http://127.0.0.1:8000 HUB_TOKEN=…
    python examples/till.py --list k6nx6 --phone "06 12 34 56 78" --points 4.2

It finds the customer by phone or creates one, finds the card or creates one, adds the points
and prints the new balance. Run it again with the same --ticket, and the points are not added twice.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

_TRIES = 5


class HubError(Exception):
    """The hub refused a call; ``errors`` names the fields at fault."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        """Take the status and the body of the answer."""
        super().__init__(answer.get("message", f"HTTP {status}"))
        self.status = status
        self.errors = answer.get("errors", [])


class Hub:
    """Calls the API with one token."""

    def __init__(self, url: str, token: str) -> None:
        """Take where the hub is, like https://hub.example.com, and the access token."""
        self.url = url.rstrip("/") + "/v1"
        self.token = token

    def get(self, path: str, **parameters: str) -> Any:
        """Read one object."""
        return self._call("GET", _with(path, parameters))[0]

    def pages(self, path: str, **parameters: str) -> Iterator[Any]:
        """Read all objects of an index, page by page."""
        while True:
            rows, headers = self._call("GET", _with(path, parameters))
            yield from rows
            if "X-Cursor-Next" not in headers:
                return
            parameters["cursor"] = headers["X-Cursor-Next"]

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> Any:
        """Create something; with the same key it is done once, however often it is sent."""
        return self._call("POST", path, body, key or str(uuid.uuid4()))[0]

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> tuple[Any, Any]:
        headers = {"X-Access-Token": self.token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        for attempt in range(1, _TRIES + 1):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer), answer.headers
            except urllib.error.HTTPError as refused:
                wait = refused.headers.get("Retry-After")
                if wait is None or attempt == _TRIES:
                    raise HubError(refused.code, _body_of(refused)) from None
            except OSError:
                # Nobody knows whether the call arrived; its key makes it safe to repeat.
                if attempt == _TRIES:
                    raise
                wait = "1"
            time.sleep(float(wait))
        raise AssertionError("the last try returns or raises")


def _with(path: str, parameters: dict[str, str]) -> str:
    # Encoded, so that the plus of a phone number stays one.
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _body_of(refused: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        answer = json.load(refused)
    except ValueError:
        # Not the hub, but something in between.
        return {}
    return answer if isinstance(answer, dict) else {}


def find_customer(hub: Hub, list_id: str, phone: str) -> Any:
    """Return the list's first customer with that phone number, a new one if there is none."""
    path = f"/customer_lists/{quote(list_id)}/customers"
    found = next(hub.pages(path, phone=phone), None)
    return found or hub.post(path, {"phone": phone})


def find_card(hub: Hub, customer: dict[str, Any], name: str) -> Any:
    """Return the customer's card of that name, a new one if there is none."""
    path = f"/customer_lists/{customer['customer_list_id']}/loyalty_cards"
    found = next(hub.pages(path, customer_id=customer["id"], name=name), None)
    return found or hub.post(path, {"customer_id": customer["id"], "name": name})


def main() -> int:
    """Give the points that the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Give points to a customer.")
    parser.add_argument("--list", required=True, help="id of the customer list")
    parser.add_argument("--phone", required=True, help="as the customer says it")
    parser.add_argument("--points", required=True, help="like 4.2, or -4.2 to use points")
    parser.add_argument("--card", default="", help="name of the card")
    parser.add_argument("--ticket", help="number of the ticket; the same one counts once")
    given = parser.parse_args()
    hub = Hub(os.environ["HUB_URL"], os.environ["HUB_TOKEN"])
    try:
        customer = find_customer(hub, given.list, given.phone)
        card = find_card(hub, customer, given.card)
        operation = hub.post(
            f"/customer_lists/{customer['customer_list_id']}/loyalty_cards/{card['id']}/operations",
            {"delta": given.points, "reason": "Points earned"},
            key=given.ticket,
        )
    except HubError as error:
        print(f"The hub says {error.status}: {error}", file=sys.stderr)
        return 1
    print(f"{customer['id']}: {operation['delta']} points, balance {operation['new_balance']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
