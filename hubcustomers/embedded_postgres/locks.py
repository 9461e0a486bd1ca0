"""File locks that the kernel drops when their process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file, made when missing, with no lock taken."""
    # Reading is enough for a lock, and works on a file that root made before.
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


def take_shared(path: Path) -> int:
    """Return a descriptor that holds a shared lock until it is closed."""
    descriptor = open_lock(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def try_exclusive(descriptor: int) -> bool:
    """Take the lock for us alone if nobody else holds it; a shared lock of ours is given up."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until_unused(descriptor: int) -> None:
    """Wait until nobody else holds the lock, and hold it no longer than that."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_same_file(descriptor: int, path: Path) -> bool:
    """Tell whether the path still leads to the open file, and not to a newer one."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock alone, after whoever holds it now."""
    descriptor = open_lock(path)
    try:
        with held(descriptor):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def held(descriptor: int) -> Iterator[None]:
    """Hold the lock of an open file alone, after whoever holds it now."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
