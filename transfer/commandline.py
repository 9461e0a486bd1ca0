"""What the commands of this app share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError

from customers.models import CustomerList
from hubcustomers.public_ids import customer_list_ids

# Exit status of wrong usage and of files that cannot be read: nothing was written.
WRONG = 2


def find_list(public_id: str) -> CustomerList:
    """Return the list of that id.

    Raises:
        CommandError: There is none.
    """
    rows = CustomerList.objects.select_related("account", "location")
    found: CustomerList | None = rows.filter(pk=customer_list_ids.decode(public_id) or 0).first()
    if found is None:
        raise CommandError(f"There is no customer list {public_id}.", returncode=WRONG)
    return found


@contextmanager
def output(name: str, stdout: Any) -> Iterator[TextIO | Any]:
    """Give the file to write to, ``-`` for the standard output.

    Raises:
        CommandError: It cannot be written.
    """
    if name == "-":
        yield stdout
        return
    try:
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise CommandError(
            f"{name} cannot be written: {error.strerror}", returncode=WRONG
        ) from error
