"""How long the deletion of a large list takes, and how long everybody else waits meanwhile.

    python -m benchmarks.list_deletion [--customers 100000] [--operations 3]

Makes a fresh durable PostgreSQL in a temporary folder, one list with that many customers,
each with a private ref, a card and operations, and one in five with an order, and a small
list beside it. While one HTTP request deletes the large list, others create customers, post
operations, place orders, create lists and read, in the same account.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

# Customers of the list that stays.
_BESIDE = 1000
_QUIET_SECONDS = 5.0

# Method, path below /v1 and body.
Request = tuple[str, str, dict[str, Any] | None]

_FILL = """
INSERT INTO customers_customer (account_id, customer_list_id, anonymised, email, first_name,
    last_name, phone, city, country, sms_marketing, custom_fields)
SELECT {account}, {list}, false, 'person' || n || '@example.org', 'First', 'Last',
    '+336' || lpad(n::text, 8, '0'), 'Paris', 'FR', false, '{{}}'
FROM generate_series(1, {customers}) n;
INSERT INTO customers_customerprivateref
    (account_id, customer_list_id, customer_id, client_id, ref)
SELECT account_id, customer_list_id, id, {client}, 'crm-' || id
FROM customers_customer WHERE customer_list_id = {list};
INSERT INTO loyalty_loyaltycard
    (account_id, customer_list_id, customer_id, name, ref, balance, last_sequence)
SELECT account_id, customer_list_id, id, '', 'card-' || id, {operations}, {operations}
FROM customers_customer WHERE customer_list_id = {list};
INSERT INTO loyalty_loyaltyoperation (account_id, card_id, sequence, delta, new_balance, reason)
SELECT account_id, id, n, 1, n, 'Points earned'
FROM loyalty_loyaltycard, generate_series(1, {operations}) n WHERE customer_list_id = {list};
INSERT INTO orders_order (account_id, location_id, customer_id, status, customer_snapshot,
    coupon_codes, items, deals, discounts, charges, payments, total, custom_fields)
SELECT account_id, {location}, id, 'completed', '{{"first_name": "First"}}',
    '[]', '[]', '{{}}', '[]', '[]', '[]', 0, '{{}}'
FROM customers_customer WHERE customer_list_id = {list} AND id % 5 = 0;
"""


@dataclass
class Scene:
    """What the requests need to know."""

    token: str
    doomed: str
    below: str
    cards: list[str]
    customers: list[str]


@dataclass
class Caller:
    """One kind of request, sent again and again by a thread of its own."""

    name: str
    ask: Callable[[int], Request]
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def run(self, port: int, token: str, stop: threading.Event) -> None:
        """Send until told to stop."""
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            for number in count():
                if stop.is_set():
                    return
                method, path, body = self.ask(number)
                begin = time.perf_counter()
                status = send(connection, token, method, path, body)
                self.seconds.append(time.perf_counter() - begin)
                self.statuses[status] += 1

    def line(self) -> str:
        """Return how many were answered, how fast, and with what."""
        taken = sorted(self.seconds)
        told = ", ".join(f"{status}: {number}" for status, number in sorted(self.statuses.items()))
        return (
            f"{self.name:36} {len(taken):6} {statistics.median(taken) * 1000:9.1f}"
            f" {taken[int(len(taken) * 0.99)] * 1000:9.1f} {taken[-1] * 1000:9.1f}   {told}"
        )


def send(
    connection: http.client.HTTPConnection, token: str, method: str, path: str, body: Any = None
) -> int:
    """Send one request below /v1 and return the status of its answer."""
    headers = {"Content-Type": "application/json", "X-Access-Token": token}
    content = None if body is None else json.dumps(body)
    connection.request(method, f"/v1{path}", content, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def callers(scene: Scene) -> list[Caller]:
    """Return who sends requests while the list goes."""
    unique = f"{time.time():.6f}"

    def operation(number: int) -> Request:
        card = scene.cards[number % len(scene.cards)]
        return "POST", f"{scene.below}/loyalty_cards/{card}/operations", {"delta": "1"}

    def order(number: int) -> Request:
        customer = scene.customers[number % len(scene.customers)]
        return "POST", "/location/orders", {"status": "new", "customer_id": customer}

    return [
        Caller(
            "create customer, list that stays", lambda _: ("POST", f"{scene.below}/customers", {})
        ),
        Caller("post operation, list that stays", operation),
        Caller("place order, list that stays", order),
        Caller(
            "create list", lambda n: ("POST", "/location/customer_lists", {"name": f"{unique} {n}"})
        ),
        Caller(
            "read customers, list that goes", lambda _: ("GET", f"{scene.doomed}/customers", None)
        ),
        Caller(
            "create customer, list that goes", lambda _: ("POST", f"{scene.doomed}/customers", {})
        ),
    ]


@contextmanager
def calling(port: int, scene: Scene) -> Iterator[list[Caller]]:
    """Let everybody call until the block is left."""
    stop = threading.Event()
    everybody = callers(scene)
    threads = [
        threading.Thread(target=caller.run, args=(port, scene.token, stop)) for caller in everybody
    ]
    for thread in threads:
        thread.start()
    try:
        yield everybody
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def show(title: str, everybody: list[Caller]) -> None:
    """Print one line for each kind of request."""
    print(
        f"\n{title}\n{'':36} {'number':>6} {'median ms':>9} {'p99 ms':>9} {'max ms':>9}   answers"
    )
    for caller in everybody:
        print(caller.line())


def fill(customers: int, operations: int) -> Scene:
    """Fill an empty database; the ledger's triggers judge what was written."""
    # Imported here, once the database is named.
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    from accounts import services as access
    from accounts.tokens import issue_token
    from customers.services import create_list
    from hubcustomers.public_ids import customer_ids, loyalty_card_ids

    call_command("migrate", verbosity=0)
    place = {"timezone": "Europe/Paris", "country": "FR"}
    account = access.get_account("Benchmark", currency="EUR", **place)
    location = access.get_location(account, "Paris", **place)
    client = access.get_client("Benchmark till")
    scope = "location[orders.write,all_customer_lists.write]"
    grant = access.create_connection(account, client, scope=scope, location=location)
    doomed, stays = (create_list(account, name=name, location=location) for name in "AB")
    with transaction.atomic(), connection.cursor() as cursor:
        for customer_list, number in ((doomed, customers), (stays, _BESIDE)):
            values = {"account": account.pk, "location": location.pk, "client": client.pk}
            sql = _FILL.format(
                **values, list=customer_list.pk, customers=number, operations=operations
            )
            for statement in sql.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        cursor.execute(
            "SELECT id, customer_id FROM loyalty_loyaltycard WHERE customer_list_id = %s",
            [stays.pk],
        )
        rows = cursor.fetchall()
    scene = Scene(
        token=issue_token(grant),
        doomed=f"/customer_lists/{doomed.public_id}",
        below=f"/customer_lists/{stays.public_id}",
        cards=[loyalty_card_ids.encode(card) for card, _ in rows],
        customers=[customer_ids.encode(customer) for _, customer in rows],
    )
    connection.close()
    return scene


@contextmanager
def web_server() -> Iterator[int]:
    """Run the hub's web server with two workers; give its port."""
    from hubcustomers import serve

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(serve.web_server("127.0.0.1", port), start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        serve.stop_all([server])


def delete(port: int, scene: Scene) -> float:
    """Delete the large list over HTTP; return the seconds it took."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
        begin = time.perf_counter()
        status = send(connection, scene.token, "DELETE", scene.doomed)
        if status != 200:
            raise SystemExit(f"the deletion was answered with {status}")
        return time.perf_counter() - begin


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.list_deletion",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--operations", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-deletion-", ignore_cleanup_errors=True) as name:
        # The user who runs root's PostgreSQL has to get in.
        Path(name).chmod(0o755)
        os.environ.pop("DATABASE_URL", None)
        os.environ.update(
            HUB_DATA_DIR=name, WORKERS="2", DJANGO_SETTINGS_MODULE="hubcustomers.settings"
        )
        scene = fill(options.customers, options.operations)
        with web_server() as port:
            with calling(port, scene) as quiet:
                time.sleep(_QUIET_SECONDS)
            with calling(port, scene) as meanwhile:
                time.sleep(0.5)
                seconds = delete(port, scene)
        show(f"{_QUIET_SECONDS:.0f} s without a deletion", quiet)
        show("while the list was being deleted", meanwhile)
        print(
            f"\nDELETE of a list with {options.customers:,} customers, each with a card and"
            f" {options.operations} operations: {seconds:.1f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
