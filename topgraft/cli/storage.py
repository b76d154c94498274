"""A run folder that goes through an object store, for machines that share no file system.

One process writes the run; while it does, what changes in its folder is put into the store. The folders of the other
machines, and of one that takes over, are made from there. Each look puts checkpoints first, then the rest, and the
files that say that something is finished last: wherever it is cut off, a run can go on from what lies in the store.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topgraft.cli.alongside import alongside
from topgraft.errors import UserError

STATES = ".states.json"
"""Size and time of change of every file, as the machine knew them that put them there."""
SECONDS, PATIENCE = 2.0, 20.0
"""Between two looks at what has changed: so many at least, and so many times as many as the last one took."""
RECIPE, CHECKPOINTS, FINISHED = "recipe.toml", "resume", ("stage.json", "results.json", "provenance.json")
"""A folder without the first is no run; in the second, the state to go on from, which says how long other files were;
the third are written when something is done."""
ONE_AT_A_TIME = threading.Lock()
"""Held while files are put: the run and the one who follows it do it both."""


@dataclass
class Storage:
    """A folder at an address of fsspec: s3://bucket/runs/mine, gs://..., ftp://..."""

    address: str
    _put: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What lies there of this machine's files: size and time of change."""
    _got: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The same of another machine's, when this one's were made from them."""

    @property
    def shown(self) -> str:
        """The address without a password."""
        return re.sub(r"//[^@/]*@", "//", self.address)

    def open(self) -> tuple[Any, str]:
        """The file system, and the folder's path in it. Raises UserError where there is none."""
        from fsspec.core import url_to_fs

        with self._in_words():
            fs, root = url_to_fs(self.address, use_listings_cache=False)
        return fs, root.rstrip("/")

    def files(self) -> list[str]:
        """What lies there, by paths in the folder. Raises UserError where the store does not answer."""
        fs, root = self.open()
        with self._in_words():
            try:
                found = [path[len(root) :].lstrip("/") for path in fs.find(root)]
            except FileNotFoundError:
                return []
        for name in found:
            if ".." in Path(name).parts:
                raise UserError(f"{self.shown} holds a file called {name!r}, which would lie outside of the run.")
        return [name for name in found if name != STATES]

    def take(self, folder: Path) -> None:
        """Put there what has changed in `folder`, and remove there what is gone. Raises UserError where the store does
        not answer."""
        with ONE_AT_A_TIME, self._in_words():
            self._take(folder)

    def _take(self, folder: Path) -> None:
        fs, root = self.open()
        now, before = _states(folder), dict(self._put)
        for name in sorted(now, key=_turn):
            if self._put.get(name) == now[name]:
                continue
            fs.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            try:
                fs.put_file(str(folder / name), f"{root}/{name}")
            except FileNotFoundError:  # a checkpoint that a newer one has replaced
                continue
            self._put[name] = now[name]
        for name in self._put.keys() - now.keys():
            fs.rm_file(f"{root}/{name}")
            del self._put[name]
        if self._put != before:
            fs.pipe_file(f"{root}/{STATES}", json.dumps(self._put).encode())

    def bring(self, folder: Path) -> None:
        """Have in `folder` what lies there. What came from there and is gone goes; files of other origin stay. Raises
        UserError where the store does not answer."""
        fs, root = self.open()
        there, states = self.files(), self._their_states()
        for name in self._put.keys() - set(there):
            (folder / name).unlink(missing_ok=True)
        for name in there:
            path = folder / name
            if name not in states or self._got.get(name) != states[name] or not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with self._in_words():
                    fs.get_file(f"{root}/{name}", str(path))
        self._got = states
        self._put = {name: state for name, state in _states(folder).items() if name in there}

    def _their_states(self) -> dict[str, tuple[int, int]]:
        """What the last machine that put something there knew of its files; not every store tells two apart that were
        put within a second."""
        fs, root = self.open()
        with self._in_words():
            try:
                return {name: (size, at) for name, (size, at) in json.loads(fs.cat_file(f"{root}/{STATES}")).items()}
            except FileNotFoundError:
                return {}

    @contextmanager
    def following(self, folder: Path) -> Iterator[None]:
        """Inside, what changes in `folder` is put there every few seconds; in the end, all of it."""

        def follow(over: threading.Event) -> None:
            pause = SECONDS
            while not over.wait(pause):
                begun = time.monotonic()
                with suppress(Exception):  # of whatever kind the store has: the next look tries again, the last raises
                    self.take(folder)
                pause = max(SECONDS, PATIENCE * (time.monotonic() - begun))

        try:
            with alongside(follow):
                yield
        finally:
            self.take(folder)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, UserError):
            raise
        except Exception as error:  # every store has kinds of its own
            raise UserError(f"--storage {self.shown} does not answer: {type(error).__name__}: {error}") from None


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file but hidden ones, which belong to who writes them."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            try:
                state = path.stat()
            except FileNotFoundError:  # it was there a moment ago
                continue
            if path.is_file():
                found[name.as_posix()] = state.st_size, state.st_mtime_ns
    return found


def _turn(name: str) -> tuple[int, str]:
    """When a file is put, among others."""
    *folders, last = name.split("/")
    if name == RECIPE or CHECKPOINTS in folders:
        return 0, name
    return (2 if last in FINISHED else 1), name
