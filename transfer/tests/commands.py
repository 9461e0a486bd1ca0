"""The commands of this app as tests call them."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command

from customers.models import CustomerList
from transfer.exports import Wanted, customers


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


def run(*words: Any) -> Ended:
    """Run a command as the command line would."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*map(str, words), stdout=out, stderr=err)
    except CommandError as error:
        return Ended(error.returncode, out.getvalue(), err.getvalue() + str(error))
    except SystemExit as end:
        return Ended(int(end.code or 0), out.getvalue(), err.getvalue())
    return Ended(0, out.getvalue(), err.getvalue())


def import_file(path: Path, customer_list: CustomerList, *words: Any) -> Ended:
    """Import the file into the list."""
    return run("import_customers", path, "--list", customer_list.public_id, *words)


def write_csv(path: Path, *lines: str) -> Path:
    """Write the lines to a file."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """Write one JSON object in each line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def told(customer_list: CustomerList, client: str = "import") -> list[dict[str, Any]]:
    """Return what the list holds, as an export tells it, without the hub's own numbers."""
    from accounts.models import Client

    number = Client.objects.filter(name=client).values_list("pk", flat=True).first() or 0
    rows = customers(Wanted(customer_list, client_id=number), as_cells=False)
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]
