"""Every reply on disk at once: a call is known by what was asked, and is never paid twice.

A call's name is a digest of model, messages and parameters, not of the endpoint. Replies are appended, one line each,
to the run's own file and to one in the user's cache folder that all runs share; the cache holds no prompts and no
answers, only the judge's replies. A line that is not as it was written counts for nothing: the call is made again."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

from topgraft.evaluate.judge.rubric import Message
from topgraft.runs.caches import caches
from topgraft.runs.writing import append_line, is_whole, read_lines, summed

Parameters = dict[str, Any]


def digest_of(model: str, messages: list[Message], parameters: Parameters) -> str:
    """SHA-256 of what is asked, in hexadecimal digits."""
    asked = {"model": model, "messages": messages, "parameters": parameters}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def shared_file(model: str) -> Path:
    """The model's file in the user's cache folder."""
    return caches() / "judge" / f"{hashlib.sha256(model.encode()).hexdigest()[:16]}.jsonl"


class Kept:
    """The replies that are known: those in the run's file and those that any run left in the shared one."""

    def __init__(self, own: Path, shared: Path) -> None:
        self.own, self.shared = own, shared
        self._lock = threading.Lock()
        self._in_own = {record["digest"]: record for record in read_lines(own) if _whole(record)}
        self._known = {record["digest"]: record for record in read_lines(shared) if _whole(record)} | self._in_own

    def find(self, digest: str) -> dict[str, Any] | None:
        """The reply's record; one that another run left is taken into this run's file."""
        with self._lock:
            record = self._known.get(digest)
            if record is not None and digest not in self._in_own:
                append_line(self.own, record)
                self._in_own[digest] = record
            return record

    def keep(self, record: dict[str, Any]) -> None:
        """Write a new reply down, in the shared file first."""
        with self._lock:
            record = summed(record)
            append_line(self.shared, record)
            append_line(self.own, record)
            self._known[record["digest"]] = self._in_own[record["digest"]] = record


def _whole(record: Any) -> bool:
    texts = isinstance(record, dict) and all(isinstance(record.get(name), str) for name in ("digest", "reply"))
    return texts and is_whole(record)
