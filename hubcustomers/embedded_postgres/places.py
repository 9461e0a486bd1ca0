"""Where the embedded server lives, and as whom it runs."""

import hashlib
import os
import pwd
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from hubcustomers.embedded_postgres.errors import EmbeddedPostgresError

SOCKET_NAME = ".s.PGSQL.5432"
# The smallest limit among systems is 104 bytes with the closing zero.
_LONGEST_SOCKET_PATH = 100
# A comma, a blank or a quote in the path would need care in libpq and in PostgreSQL.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class ServerUser:
    """The system user that runs the server's programs."""

    uid: int
    gid: int


def server_user(data_dir: Path) -> ServerUser:
    """Return ourselves, or for root the owner of the data, at first ``nobody``."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid())
    if data_dir.exists() and (owner := data_dir.stat()).st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root and this machine has no user nobody: "
            "start the hub as another user, or set DATABASE_URL."
        ) from None
    return ServerUser(nobody.pw_uid, nobody.pw_gid)


def can_enter(path: Path, user: ServerUser) -> bool:
    """Tell whether the user may enter (or run) the path and every folder above it."""
    steps = [step for step in (path, *path.parents) if step.exists()]
    return all(_may_enter(step.stat(), user) for step in steps)


def _may_enter(found: os.stat_result, user: ServerUser) -> bool:
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def make_folders(path: Path) -> None:
    """Make the folder and those missing above it, open to the server's user for root."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        path.chmod(0o755)


def make_private_folder(path: Path, user: ServerUser) -> None:
    """Make a folder that only the user may enter."""
    path.mkdir(mode=0o700)
    if os.geteuid() != user.uid:
        os.chown(path, user.uid, user.gid)


def socket_folder(data_dir: Path, user: ServerUser, *, inside: bool) -> Path:
    """Return the folder of the socket: the data folder where that can be, else a short one."""
    name = str(data_dir)
    length = len(os.fsencode(data_dir / SOCKET_NAME))
    if inside and length <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(name):
        return data_dir
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    # Not TMPDIR, which may differ between two processes that must meet.
    return Path(f"/tmp/hubcustomers-{user.uid}-{digest}")  # noqa: S108


def guard_socket_folder(folder: Path, user: ServerUser) -> None:
    """Make the short folder, or refuse one that somebody else made first in /tmp."""
    try:
        make_private_folder(folder, user)
    except FileExistsError:
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        # Root's own: a start that was killed between making it and giving it away.
        if private and found.st_uid == 0 == os.geteuid():
            os.chown(folder, user.uid, user.gid, follow_symlinks=False)
        elif not private or found.st_uid != user.uid:
            raise EmbeddedPostgresError(
                f"{folder} is not a private folder of the embedded PostgreSQL's user: "
                "remove it and start again."
            ) from None


@dataclass(frozen=True)
class Refuge:
    """The place of data that root keeps outside a checkout its server cannot enter.

    A note beside the data folder names the place, so that a checkout which is removed
    and made anew starts empty, as every other does.
    """

    note: Path
    state_dir: Path

    def known(self) -> Path | None:
        """Return the folder that the note names, if there is a note."""
        try:
            return Path(self.note.read_text().strip())
        except FileNotFoundError:
            return None

    def choose(self) -> Path:
        """Return the folder, naming it in the note at the first call."""
        if (known := self.known()) is not None:
            return known
        digest = hashlib.sha256(os.fsencode(self.note)).hexdigest()[:12]
        chosen = self.state_dir / f"{digest}-{secrets.token_hex(4)}"
        draft = self.note.with_name(f"{self.note.name}.draft")
        draft.write_text(f"{chosen}\n")
        draft.replace(self.note)
        return chosen
