"""From where a change of the marketing flags comes, told to the trigger that records it.

The trigger on the customer's table writes the history (migration 0004); it reads the source
from a setting of the transaction, so that no writer of customers can forget the history, at
worst its source.
"""

from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext_lazy as _

from accounts.models import Client

FLAGS = ("sms_marketing", "email_marketing")
# How the sources read; what is not here was written past the hub's own functions.
WORDS = {
    "api": _("API client"),
    "staff": _("back-office"),
    "import": _("import"),
    "command": _("command line"),
    "upgrade": _("known before the history began"),
}
# Sets the source until the transaction ends, as part of any statement.
SET_SOURCE = "set_config('hub.consent_source', %s, true)"


class Source(NamedTuple):
    """Where a change comes from.

    Attributes:
        kind: One of WORDS.
        name: The client, the staff user or the job; never personal data of customers.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def of_client(client: Client | None) -> Source:
    """Return the client as the source; without one it is a command."""
    return Source("command") if client is None else Source("api", client.name)


def of_user(user: Any) -> Source:
    """Return the staff user as the source."""
    return Source("staff", user.get_username())


def tell_source(source: Source) -> None:
    """Say where the changes of this transaction come from, until it ends or says otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SET_SOURCE}", [str(source)])
