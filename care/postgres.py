"""PostgreSQL's own programs, and how they reach the database of the hub."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.embedded_postgres.places import ServerUser
from hubcustomers.embedded_postgres.programs import find_programs
from hubcustomers.embedded_postgres.server import STATE_DIR

# Where Debian and Red Hat put the programs of each version.
_USUAL = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class NoProgram(Exception):
    """No program of a fitting version is here; the message says what to install."""


class ProgramFailed(Exception):
    """A program ended with an error; the message is what it said."""


@dataclass(frozen=True)
class Address:
    """Where a database is, as libpq's settings."""

    values: Mapping[str, Any]

    @classmethod
    def of_hub(cls) -> "Address":
        """Return the address of the hub's own database."""
        # The embedded server is started by the first connection.
        connection.ensure_connection()
        known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
        given = connection.get_connection_params()
        left_out = {"options", "application_name"}
        return cls({k: v for k, v in given.items() if k in known - left_out and v})

    @classmethod
    def read(cls, url: str) -> "Address":
        """Return the address that a URL or a string of settings names.

        Raises:
            psycopg.ProgrammingError: It names none.
        """
        return cls({k: v for k, v in conninfo_to_dict(url).items() if v is not None})

    def named(self, database: str) -> "Address":
        """Return the address of another database of that server."""
        return Address({**self.values, "dbname": database})

    @property
    def text(self) -> str:
        """Return it as one string, without the password."""
        return make_conninfo(**{k: v for k, v in self.values.items() if k != "password"})

    @property
    def secret_text(self) -> str:
        """Return it as one string, with the password: for the environment of a child only."""
        return make_conninfo(**self.values)

    def connect(self) -> "psycopg.Connection[Any]":
        """Return a connection that commits each statement."""
        return psycopg.connect(self.secret_text, autocommit=True)

    def major(self) -> int:
        """Return the major version of the server."""
        with self.connect() as opened:
            return opened.info.server_version // 10000

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that connects there."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # Everybody may read the arguments of a process.
        password = str(self.values.get("password", ""))
        return {**kept, **({"PGPASSWORD": password} if password else {}), "LC_ALL": "C"}


def _folders() -> Iterator[Path]:
    """Yield where programs may be: as told, on the path, where systems put them, our own."""
    if settings.POSTGRES_PROGRAMS:
        yield Path(settings.POSTGRES_PROGRAMS)
        return
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in _USUAL:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))
    # Those that came along serve for any server that is not newer.
    ourselves = ServerUser(os.geteuid(), os.getegid())
    with contextlib.suppress(EmbeddedPostgresError):
        yield find_programs(ourselves, STATE_DIR).folder / "bin"


def _major_of(program: Path) -> int | None:
    try:
        told = subprocess.run(  # noqa: S603 - one of PostgreSQL's
            [program, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", told)
    return int(found[1]) if found else None


def find_program(name: str, *, server: int) -> Path:
    """Return the program whose version is nearest to the server's, and not below it.

    Raises:
        NoProgram: There is none.
    """
    found: dict[int, Path] = {}
    for folder in _folders():
        major = _major_of(folder / name)
        if major is not None:
            found.setdefault(major, folder / name)
    # What a pg_restore of 17 or later says first, an older server does not understand.
    newest = 16 if name == "pg_restore" and server < 17 else max(found, default=0)
    fitting = [major for major in found if server <= major <= newest]
    if fitting:
        return found[min(fitting)]
    wanted = f"{server} or later" if server >= 17 or name != "pg_restore" else f"{server} to 16"
    seen = ", ".join(str(major) for major in sorted(found)) or "none at all"
    raise NoProgram(
        f"The server is PostgreSQL {server} and needs a {name} of version {wanted};"
        f" found here: {seen}. Install postgresql-client-{server}, or name the folder of its"
        " programs in HUB_POSTGRES_PROGRAMS."
    )


def run(program: Path, *arguments: str, address: Address) -> None:
    """Run a program to its end.

    Raises:
        ProgramFailed: It ended with an error.
    """
    start(program, *arguments, address=address).finish()


class Running:
    """A program at work."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Take the process."""
        self._process = process

    def is_over(self, *, seconds: float) -> bool:
        """Wait so long for its end; return whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def finish(self) -> None:
        """Wait for its end.

        Raises:
            ProgramFailed: It ended with an error.
        """
        _, said = self._process.communicate()
        if self._process.returncode:
            raise ProgramFailed(said.strip() or f"It ended with {self._process.returncode}.")


def start(program: Path, *arguments: str, address: Address) -> Running:
    """Start a program that connects there."""
    return Running(
        subprocess.Popen(  # noqa: S603 - one of PostgreSQL's
            [program, *arguments],
            env=address.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
