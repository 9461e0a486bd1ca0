"""How long the pages of the back-office take in a large hub, and what they ask the database.

    python -m benchmarks.back_office [--customers 1000000] [--operations 3] [--pages PATTERN]

Makes a fresh durable PostgreSQL in a temporary folder (or a database of its own on the server of
DATABASE_URL) with that many customers, each with a private ref, a card and operations, and one in
five with an order. Then a manager, and a superuser, open every list page, search it in each way
that its box offers, filter it by each choice, and open the pages of a customer and a card.

Server time is the median of five requests, whole: middleware, statements, template. Prints a table
in Markdown, the slowest first, with the slowest statement of each; nothing is left behind.
"""

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from benchmarks.machine import database_server, fresh_database

_MARK_MS = 300

_FILL = """
INSERT INTO customers_customer (account_id, customer_list_id, anonymised, email, first_name,
    last_name, phone, postal_code, city, country, sms_marketing, has_card,
    custom_fields, created_at)
SELECT %(account)s, %(list)s, false, 'person' || n || '@example.org', 'First' || n %% 1000,
    'Last' || n %% 50000, '+336' || lpad(n::text, 8, '0'), lpad((n %% 95000)::text, 5, '0'),
    'Paris', 'FR', n %% 3 = 0, true, '{}', now() - (n %% 700) * interval '1 day'
FROM generate_series(1, %(customers)s) n;
INSERT INTO customers_customerprivateref
    (account_id, customer_list_id, customer_id, client_id, ref)
SELECT account_id, customer_list_id, id, %(client)s, 'crm-' || id FROM customers_customer;
INSERT INTO loyalty_loyaltycard
    (account_id, customer_list_id, customer_id, name, ref, balance, last_sequence)
SELECT account_id, customer_list_id, id, '', 'card-' || id, %(operations)s, %(operations)s
FROM customers_customer;
INSERT INTO loyalty_loyaltyoperation
    (account_id, card_id, sequence, delta, new_balance, reason, created_at)
SELECT account_id, id, n, 1, n, 'Points earned', now() - (id %% 700) * interval '1 day'
FROM loyalty_loyaltycard, generate_series(1, %(operations)s) n;
INSERT INTO orders_order (account_id, location_id, customer_id, status, customer_snapshot,
    coupon_codes, items, deals, discounts, charges, payments, total, custom_fields)
SELECT account_id, %(location)s, id, 'completed', '{"first_name": "First"}',
    '[]', '[]', '{}', '[]', '[]', '[]', 0, '{}'
FROM customers_customer WHERE id %% 5 = 0;
UPDATE customers_customer SET nb_orders = 1, first_order_date = now(), last_order_date = now()
WHERE id %% 5 = 0;
"""


@dataclass
class Measured:
    """One page: who opened it, how long it took, and what it asked."""

    who: str
    what: str
    path: str
    milliseconds: float
    cpu: float
    statements: int
    slowest: str
    database: float

    def row(self) -> str:
        """Return its row of the table."""
        return (
            f"| {self.who} | {self.what} | {self.milliseconds:.0f} | {self.cpu:.0f}"
            f" | {self.database:.0f} | {self.statements} | `{self.slowest}` |"
        )


class Watch:
    """Notes each statement with its time (an execute wrapper)."""

    def __init__(self) -> None:
        self.noted: list[tuple[float, str]] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Execute the statement."""
        begin = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.noted.append((time.perf_counter() - begin, sql))


def fill(customers: int, operations: int) -> Any:
    """Fill the empty database; return the account."""
    from django.core.management import call_command
    from django.db import connection, transaction

    from accounts import services as access
    from customers.services import create_list

    call_command("migrate", verbosity=0)
    place = {"timezone": "Europe/Paris", "country": "FR"}
    account = access.get_account("Benchmark", currency="EUR", **place)
    location = access.get_location(account, "Paris", **place)
    client = access.get_client("Benchmark till")
    scope = "location[orders.write,all_customer_lists.write]"
    access.create_connection(account, client, scope=scope, location=location)
    values = {
        "account": account.pk,
        "list": create_list(account, name="Everybody", location=location).pk,
        "location": location.pk,
        "client": client.pk,
        "customers": customers,
        "operations": operations,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in filter(str.strip, _FILL.split(";\n")):
            cursor.execute(statement, values)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    return account


def pages() -> Iterator[tuple[str, str]]:
    """Return what each page is, and its path."""
    from django.contrib import admin
    from django.urls import reverse

    from customers.models import Customer
    from loyalty.models import LoyaltyCard, LoyaltyOperation

    yield "home", "/admin/"
    customer = Customer.objects.order_by("pk")[1234 % Customer.objects.count()]
    card = LoyaltyCard.objects.get(customer=customer)
    operation = LoyaltyOperation.objects.filter(card=card).latest("pk")
    searches = {
        "customers_customer": _searches(customer, card),
        "loyalty_loyaltycard": {"id": card.public_id, "ref": str(card.ref)},
        "loyalty_loyaltyoperation": {"id": operation.public_id, "card": card.public_id},
    }
    for model in admin.site._registry:
        name = model._meta.label_lower.replace(".", "_")
        path = reverse(f"admin:{name}_changelist")
        title = str(model._meta.verbose_name_plural)
        yield f"list of {title}", path
        for how, term in searches.get(name, {"text": "zzz", "id": "k6nx6"}).items():
            yield f"{title}, search by {how}", f"{path}?{urlencode({'q': term})}"
    for obj in (customer, card, operation):
        name = obj._meta.label_lower.replace(".", "_")
        yield f"page of a {obj._meta.verbose_name}", reverse(f"admin:{name}_change", args=[obj.pk])


def _searches(customer: Any, card: Any) -> dict[str, str]:
    national = "0" + customer.phone.removeprefix("+33")
    spelled = " ".join([national[:2], national[2:4], national[4:6], national[6:8], national[8:]])
    return {
        "last name": customer.last_name,
        "first and last name": f"{customer.first_name} {customer.last_name}",
        "common beginning of a name": "last",
        "e-mail": customer.email,
        "beginning of an e-mail": "person12",
        "phone, spelled": spelled,
        "beginning of a phone": "06 00",
        "private ref": f"crm-{customer.pk}",
        "card ref": card.ref,
        "id": customer.public_id,
        "something that is not there": "Zzyzx",
    }


def filtered(http: Any, path: str) -> Iterator[tuple[str, str]]:
    """Return the choices of each filter that the list page offers."""
    page = http.get(path)
    changes = page.context_data.get("cl") if hasattr(page, "context_data") else None
    for spec in getattr(changes, "filter_specs", []):
        for choice in list(spec.choices(changes))[1:4]:
            shown = f"{spec.title} = {choice.get('display', '')}"
            yield shown, path + choice.get("query_string", "?")


def measure(http: Any, who: str, what: str, path: str, *, rounds: int) -> Measured:
    """Open the page several times."""
    from django.db import connection

    taken: list[float] = []
    worked: list[float] = []
    for number in range(rounds + 1):
        watch = Watch()
        with connection.execute_wrapper(watch):
            begin, cpu = time.perf_counter(), time.process_time()
            page = http.get(path)
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        if page.status_code != 200:
            raise SystemExit(f"{path} was answered with {page.status_code}")
        if number:
            taken.append(seconds)
            worked.append(cpu)
    slowest = max(watch.noted, default=(0.0, "-"))[1]
    return Measured(
        who,
        what,
        path,
        statistics.median(taken) * 1000,
        statistics.median(worked) * 1000,
        len(watch.noted),
        " ".join(slowest.split())[:160].replace("|", "/"),
        sum(seconds for seconds, _ in watch.noted) * 1000,
    )


def desks(account: Any) -> dict[str, Any]:
    """Return the browsers of a manager and of a superuser, signed in."""
    from django.contrib.auth.models import User

    from hubcustomers.backoffice.reach import Role
    from hubcustomers.tests.desk import Desk, staff

    boss = User.objects.create_superuser("boss", password="secret")
    return {
        "manager": Desk(staff("marie", account, role=Role.MANAGER)).http,
        "superuser": Desk(boss).http,
    }


def run(options: argparse.Namespace) -> None:
    """Measure all pages and print the table."""
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    account = fill(options.customers, options.operations)
    found: list[Measured] = []
    for who, http in desks(account).items():
        for what, path in pages():
            if not re.search(options.pages, what) or http.get(path).status_code != 200:
                continue  # not asked for, or no page of this role
            shown = [(what, path)]
            if what.startswith("list of "):
                shown += [(f"{what}, {choice}", inner) for choice, inner in filtered(http, path)]
            found += [measure(http, who, *page, rounds=options.rounds) for page in shown]
    found.sort(key=lambda one: -one.milliseconds)
    slow = [one for one in found if one.milliseconds > _MARK_MS]
    print(
        f"{options.customers:,} customers, {options.customers * options.operations:,} operations;"
        f" {len(found)} pages, {len(slow)} above {_MARK_MS} ms;"
        f" median {statistics.median(one.milliseconds for one in found):.0f} ms\n"
    )
    print("| who | page | ms | CPU | database | statements | slowest statement |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for one in found[: options.most]:
        print(one.row())


def main() -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.back_office",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--operations", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages", default="", help="only pages whose name this pattern finds")
    parser.add_argument("--most", type=int, default=40, help="rows of the table")
    options = parser.parse_args()
    with database_server() as server, fresh_database(server, "hub_back_office") as url:
        os.environ.update(DATABASE_URL=url, DJANGO_SETTINGS_MODULE="hubcustomers.settings")
        os.environ.setdefault("LOG_LEVEL", "warning")
        run(options)
        from django.db import connection

        connection.close()
        connection.close_pool()
    return 0


if __name__ == "__main__":
    sys.exit(main())
