"""Files that are whole or absent: atomic replacement, and JSON lines appended one whole line at a time."""

import errno
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from topgraft.errors import UserError


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


def whole_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Have `fill` write a folder beside `path`, flush its files to the disk, then give it the name: a reader never sees
    half of it. What was there before is replaced."""
    beside = path.with_name(f".{path.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    try:
        beside.mkdir(parents=True)
        with writing_weights(beside):
            fill(beside)
        for file in (*beside.rglob("*"), beside):
            settle(file)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


@contextmanager
def writing_weights(path: Path) -> Iterator[None]:
    """Have weights that cannot be written raise OSError, as other files do: safetensors has an error of its own."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def settle(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_json(value: Any) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_whole(path, as_json(value))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none. Raises UserError where the file is damaged."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(
            f"{path} is damaged: {error}. Restore it from a copy, or begin again in another folder."
        ) from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged: it holds no object. Restore it, or begin again in another folder.")
    return found


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


def summed(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a checksum of itself, for lines that are read long after and mean money or time."""
    return {**record, "sum": _sum(record)}


def is_whole(record: dict[str, Any]) -> bool:
    """Whether a record that was `summed` is as it was."""
    return record.get("sum") == _sum({key: value for key, value in record.items() if key != "sum"})


def _sum(record: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(record, sort_keys=True).encode())


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
