"""What the commands of this app share."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError

from accounts.models import Account
from customers.models import CustomerList
from hubcustomers.backoffice.audit import COMMAND_LINE
from hubcustomers.models import AuditEntry
from hubcustomers.progress import Progress
from hubcustomers.public_ids import account_ids, customer_list_ids

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


def find_account(told: str) -> Account:
    """Return the account of that name, else of that id.

    Raises:
        CommandError: There is none.
    """
    found = Account.objects.filter(name=told).first()
    found = found or Account.objects.filter(pk=account_ids.decode(told) or 0).first()
    if found is None:
        raise CommandError(f"There is no account {told}.", returncode=WRONG)
    return found


def record_of_hub(action: str, account: Account) -> None:
    """Add to the audit trail of the hub, not of the account, what was done with it as a whole."""
    AuditEntry.objects.create(
        user_name=COMMAND_LINE,
        action=action,
        resource_type="accounts.account",
        resource_id=account.pk,
        resource_name=account.public_id,
    )


def telling(progress: Progress) -> Callable[[str, int], None]:
    """Return what takes how much of each table is done, and tells how much of all."""
    known: dict[str, int] = {}

    def tell(table: str, done: int) -> None:
        known[table] = done
        progress.tell(sum(known.values()))

    return tell


@contextmanager
def output(name: str, stdout: Any) -> Iterator[TextIO | Any]:
    """Give the file to write to, ``-`` for the standard output.

    The file is there when all of it is written, for its owner alone: it is about people. What
    was there before stays until then.

    Raises:
        CommandError: It cannot be written.
    """
    if name == "-":
        yield stdout
        return
    path = Path(name)
    is_device = path.exists() and not path.is_file()
    draft = path if is_device else path.with_name(f"{path.name}.part")
    try:
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                yield file
            draft.replace(path)
        finally:
            if not is_device:
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(
            f"{name} cannot be written: {error.strerror}", returncode=WRONG
        ) from error
