"""The files that a stage appends to while it works, and how they are cut back to where a checkpoint found them."""

import hashlib
import os
from pathlib import Path
from typing import Any

from topgraft.runs.writing import settle

LINE_FILES = (
    *("metrics.jsonl", "training_metrics.csv", "samples.jsonl"),
    *("rollouts.jsonl", "warnings.jsonl", "skipped.jsonl"),
)
"""Their names."""


class Lines:
    """Those of one stage. What was read of them once is not read again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[int, Any]] = {}  # bytes, and the digest of these so far

    def marks(self) -> dict[str, Any]:
        """How long each file is, and a digest of what stands in it; all of it is on the disk now."""
        found = {}
        for name in LINE_FILES:
            path = self.folder / name
            if path.exists():
                settle(path)
                size, digest = self._digest(name, path.stat().st_size)
                found[name] = {"bytes": size, "sha256": digest}
        return found

    def cut(self, marks: dict[str, Any]) -> None:
        """Cut the files back to marks; those without one go. Raises ValueError where a file is not the one that was
        marked, with nothing changed."""
        for name, mark in marks.items():
            path, wanted = self.folder / name, (mark["bytes"], mark["sha256"])
            if not path.exists() or path.stat().st_size < mark["bytes"] or self._digest(name, mark["bytes"]) != wanted:
                raise ValueError(f"belongs to another {name} than is there")
        for name in LINE_FILES:
            if name in marks:
                os.truncate(self.folder / name, marks[name]["bytes"])
            else:
                (self.folder / name).unlink(missing_ok=True)

    def _digest(self, name: str, size: int) -> tuple[int, str]:
        """Bytes and digest of a file's first `size` bytes."""
        read, digest = self._read.get(name, (0, hashlib.sha256()))
        if read > size:
            read, digest = 0, hashlib.sha256()
        with open(self.folder / name, "rb") as file:
            file.seek(read)
            while part := file.read(min(1 << 20, size - read)):
                digest.update(part)
                read += len(part)
        self._read[name] = read, digest
        return read, digest.hexdigest()
