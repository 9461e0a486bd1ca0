"""What ``benchmarks.imports`` measures: one contender in a process of its own.

python -m benchmarks.import_contenders copy|staged|hub|rival FOLDER ROWS
"""

import csv
import itertools
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg

RIVAL = ("django-import-export==4.4.3", "tablib==3.9.0", "diff-match-patch==20241021")
COLUMNS = (
    "private_ref email first_name last_name phone address_1 postal_code city country"
    " email_marketing card_ref card_balance"
).split()
_TYPES = {"email_marketing": "boolean", "card_balance": "numeric"}
_MADE = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_CUSTOMER = COLUMNS[1:10]
_LIST = "(SELECT id FROM customers_customerlist)"
_ACCOUNT = "(SELECT id FROM accounts_account)"

# The least there is to do: as import_customers does it, without a look at the values.
_INSERT = f"""
ALTER TABLE staged ADD customer_id bigint;
UPDATE staged SET customer_id = nextval(pg_get_serial_sequence('customers_customer', 'id'));
INSERT INTO customers_customer
    (id, account_id, customer_list_id, anonymised, has_card, custom_fields, {", ".join(_CUSTOMER)})
SELECT customer_id, {_ACCOUNT}, {_LIST}, false, true, '{{}}', {", ".join(_CUSTOMER)} FROM staged;
INSERT INTO customers_customerprivateref
    (account_id, customer_list_id, customer_id, client_id, ref)
SELECT {_ACCOUNT}, {_LIST}, customer_id, (SELECT id FROM accounts_client), private_ref FROM staged;
WITH card AS (
    INSERT INTO loyalty_loyaltycard
        (account_id, customer_list_id, customer_id, name, ref, balance, last_sequence)
    SELECT {_ACCOUNT}, {_LIST}, customer_id, '', card_ref, card_balance, 1 FROM staged
    RETURNING id, balance
)
INSERT INTO loyalty_loyaltyoperation (account_id, card_id, sequence, delta, new_balance, reason)
SELECT {_ACCOUNT}, id, 1, balance, balance, 'Opening balance' FROM card
"""


def write_files(folder: Path, rows: int) -> None:
    """Write the customers as people have them, and as COPY takes them."""
    with (
        (folder / "customers.csv").open("w", newline="") as cells,
        (folder / "copy").open("w") as ready,
    ):
        paper = csv.writer(cells)
        paper.writerow(COLUMNS)
        for row in _rows(rows):
            paper.writerow(row)
            row[4] = f"+33{row[4][1:].replace(' ', '')}"
            row[9] = row[9][0]
            ready.write("\t".join(row) + "\n")


def _rows(rows: int) -> Iterator[list[str]]:
    for n in range(rows):
        digits = f"{n % 10**8:08}"
        yield [
            f"crm-{n}",
            f"person{n}@example.org",
            f"First{n % 1000}",
            f"Last{n % 5000}",
            "06 " + " ".join(digits[place : place + 2] for place in range(0, 8, 2)),
            f"{n % 300} Main Street",
            f"{n % 95000:05}",
            "Paris",
            "FR",
            "true" if n % 3 == 0 else "false",
            f"av-{n}",
            f"{n % 500 + 1}.5",
        ]


# --- the contenders ---------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Fill an empty database with an account and a list, both alone in it."""
    from django.core.management import call_command

    from accounts import services as access
    from customers.services import create_list

    call_command("migrate", verbosity=0)
    account = access.get_account("Benchmark", currency="EUR", timezone="Europe/Paris", country="FR")
    access.get_client("import")
    customer_list = create_list(account, name="Everybody")
    (folder / "list").write_text(customer_list.public_id)


def copy(folder: Path, table: str = "CREATE TABLE raw_copy") -> None:
    """COPY the rows into a table without a rule."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        _copy(connection, folder, table)


def _copy(connection: Any, folder: Path, table: str) -> None:
    connection.execute(f"{table} ({_MADE})")
    name = table.split()[-1]
    with (
        (folder / "copy").open("rb") as file,
        connection.cursor().copy(f"COPY {name} ({', '.join(COLUMNS)}) FROM STDIN") as target,
    ):
        while piece := file.read(1024 * 1024):
            target.write(piece)


def staged(folder: Path) -> None:
    """COPY the rows into a staging table and INSERT them into ours, in one transaction."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        _copy(connection, folder, "CREATE TEMP TABLE staged")
        for statement in _INSERT.split(";\n"):
            connection.execute(statement)


def hub(folder: Path) -> None:
    """Import the file as people do."""
    from django.core.management import execute_from_command_line

    words = ["import_customers", str(folder / "customers.csv")]
    execute_from_command_line(["manage.py", *words, "--list", (folder / "list").read_text()])


def rival(folder: Path, rows: int) -> None:
    """Import customers, refs and cards with django-import-export's defaults."""
    # By name: they are installed for the benchmark alone, so no check knows them.
    resources = import_module("import_export.resources")
    tablib = import_module("tablib")

    from accounts.models import Client
    from customers.models import Customer, CustomerList, CustomerPrivateRef
    from loyalty.models import LoyaltyCard

    everybody = CustomerList.objects.get()
    client = Client.objects.get()

    base: Any = resources.ModelResource

    def resource(of: Any, columns: list[str], **given: Any) -> Any:
        class Resource(base):
            class Meta:
                model = of
                fields = ("id", *columns)

            def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
                instance.account_id, instance.customer_list = everybody.account_id, everybody
                for name, value in given.items():
                    setattr(instance, name, value)

        return Resource()

    def load(of: Any, columns: list[str], found: Any, **given: Any) -> None:
        data = tablib.Dataset(headers=["id", *columns])
        data.extend(["", *row] for row in found)
        resource(of, columns, **given).import_data(data, dry_run=False, raise_errors=True)

    with (folder / "customers.csv").open(newline="") as file:
        told = list(itertools.islice(csv.DictReader(file), rows))
    load(Customer, _CUSTOMER, ([row[name] for name in _CUSTOMER] for row in told))
    made = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
    refs = zip(made, (row["private_ref"] for row in told), strict=True)
    load(CustomerPrivateRef, ["customer", "ref"], refs, client=client)
    cards = zip(made, (row["card_ref"] for row in told), strict=True)
    load(LoyaltyCard, ["customer", "ref"], cards)


def main() -> None:
    """Do what was asked for."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "hubcustomers.settings"
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what in ("prepare", "rival"):
        import django

        django.setup()
    if what == "rival":
        rival(folder, int(sys.argv[3]))
    else:
        {"prepare": prepare, "copy": copy, "staged": staged, "hub": hub}[what](folder)


if __name__ == "__main__":
    main()
