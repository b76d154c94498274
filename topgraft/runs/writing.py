"""Files that are whole or absent: atomic replacement, and JSON lines appended one whole line at a time."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` beside `path`, flush it to the disk, then rename: a reader never sees half a file.

    Where that fails, nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one JSON line with a single write. Killed in the middle of it, a writer may leave a half line; the next
    line does not join it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        os.lseek(descriptor, max(0, end - 1), os.SEEK_SET)
        if os.read(descriptor, 1) not in (
            b"",
            b"\n",
        ):  # or another writer is at work: its line is then followed by a blank
            line = b"\n" + line
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON-lines file; lines cut by a crash are left out. No file: nothing."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n") and line.strip():
                try:
                    record = json.loads(line)
                except ValueError:  # half an object, or half a letter
                    continue
                yield record
