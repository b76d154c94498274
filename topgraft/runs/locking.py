"""Locks between processes, which the system opens when the process that holds one ends, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from topgraft.errors import UserError


def lock(path: Path) -> BaseFileLock:
    """The lock whose file is `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, fallback_to_soft=False)  # a soft one would outlive its process


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Inside, no other process works in `folder`. Raises UserError where one does."""
    try:
        held = lock(folder / ".lock").acquire(blocking=False)
    except Timeout:
        raise UserError(
            f"Another process is at work in {folder}. Wait for it, or stop it; or give another folder with --out."
        ) from None
    with held:
        yield
