"""Small readers for settings that come from the environment."""

import os
from pathlib import Path


class SettingError(SystemExit):
    """A setting has a value that cannot be used; the message says which and why."""


def env_str(name: str, default: str = "") -> str:
    """Return the variable, or the default where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    """Return whether the variable says yes: 1, true, yes, on (0, false, no, off for no)."""
    value = env_str(name).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    if value:
        raise SettingError(f"{name} must be 1 or 0, not {value!r}.")
    return default


def env_int(name: str, default: int) -> int:
    """Return the variable as a whole number, zero or more."""
    value = env_str(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit()):
        raise SettingError(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def env_choice(name: str, first: str, *others: str) -> str:
    """Return the variable, which must be one of these words; the first is the default."""
    value = env_str(name, first).lower()
    if value not in (first, *others):
        raise SettingError(f"{name} must be {' or '.join((first, *others))}, not {value!r}.")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts of the variable, blanks left out."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_secret(name: str) -> str:
    """Return the secret in the variable, or in the file that ``<name>_FILE`` points to."""
    path = env_str(f"{name}_FILE")
    if not path:
        return env_str(name)
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_FILE cannot be read: {error}.") from error
