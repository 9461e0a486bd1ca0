"""A receiver of events with nothing but Python's standard library.

    export HUB_CLIENT_SECRET=…
    python examples/receiver.py --port 9000

It checks that an event comes from the hub, answers at once, and prints one line for each event. The
hub sends an event again until somebody answers, so one may come twice: its id tells.
"""

import argparse
import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LARGEST = 4 * 1024 * 1024


class Receiver(BaseHTTPRequestHandler):
    """Takes one event by POST."""

    secret = b""
    seen: set[str] = set()

    def do_POST(self) -> None:
        """Answer 200 to an event of the hub, 401 to what anybody else sends."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(length, _LARGEST))
        # Over the bytes as they came: JSON that is written anew may differ.
        expected = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        signature = self.headers.get("X-HubRise-Hmac-SHA256", "")
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            self._answer(401)
            return
        self._answer(200)
        event = json.loads(body)
        if event["id"] not in self.seen:
            self.seen.add(event["id"])
            self.handle_event(event)

    def handle_event(self, event: dict[str, str]) -> None:
        """Do something with the event; here, print what happened to what."""
        changed = event.get("customer_id") or event.get("order_id") or event["customer_list_id"]
        print(f"{event['resource_type']}.{event['event_type']} {changed}", flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: an address or a path is nobody's business here."""


def main() -> None:
    """Receive until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receive events of the hub.")
    parser.add_argument("--port", type=int, default=9000)
    given = parser.parse_args()
    Receiver.secret = os.environ["HUB_CLIENT_SECRET"].encode()
    with ThreadingHTTPServer(("127.0.0.1", given.port), Receiver) as server:
        print(f"Listening on port {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
