"""System checks of the database that serves the hub: ``manage.py check --database default``."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections

# Off, either loses operations that a till was told are safe.
MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes")


def check_durability(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a PostgreSQL that would forget what it acknowledged (design section 4)."""
    errors: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            for name in MUST_BE_ON:
                cursor.execute("SELECT current_setting(%s)", [name])
                value = cursor.fetchone()[0]
                if value == "off":
                    errors.append(
                        Error(
                            f"PostgreSQL runs with {name} = {value}: after a power cut points"
                            " would be missing that a till was told are recorded.",
                            hint=f"Set {name} = on.",
                            id="hubcustomers.E002",
                        )
                    )
    return errors
