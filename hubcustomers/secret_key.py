"""The secret key of an installation that was given none."""

import os
import secrets
from pathlib import Path


def kept_secret_key(data_dir: Path) -> str:
    """Return the key kept in the data folder, made at the first call.

    Sessions and encrypted client secrets must survive a restart, so a key that nobody
    configured is kept beside the data. Several machines need SECRET_KEY set instead.
    """
    path = data_dir / "secret_key"
    try:
        return path.read_text()
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f"secret_key.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        # Of two processes that start at once the first to link wins, whole or not at all.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()
