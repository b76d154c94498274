"""Trunk states in files: many pieces packed into one segment, read through a memory map, under a budget of bytes.

A piece is the states [T, H] of one prompt, or of one response after its prompt, under a key of 16 bytes. A segment is a
safetensors file:

    hidden   [N, H]   the states of its K pieces, end to end
    keys     [K, 16]  their keys, as bytes
    lengths  [K]      their lengths in tokens
    metadata          what the states were made by, and a checksum each of the index and of the states

Segments are written beside their names and renamed, and no two writers choose one name: any number of processes may
share a folder, and a process that is killed leaves no half segment. When a segment was last used is its file's time of
change.
"""

import contextlib
import os
import re
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from topgraft.runs.writing import write_whole

SEGMENT_BYTES = 64_000_000
"""States in one segment, about."""
KEY_BYTES = 16
FORSAKEN_SECONDS = 3600.0
"""A file that was begun so long ago and has not got its name was left by a killed process."""
_OURS = re.compile(r"trunk-[0-9a-f]{16}-[0-9a-f]{32}\.safetensors")
_BEGUN = re.compile(rf"\.{_OURS.pattern}\.\d+\.part")


class Segments:
    """The pieces that one kind of trunk left in `folder`, by this run and by others; nothing else is read there.

    `made_by` is sixteen hex digits that stand for all that the states depend on besides their tokens.
    """

    def __init__(self, folder: Path, made_by: str, limit: int, say: Callable[[str], None]) -> None:
        """`limit` is the most that all segments in the folder, of whatever trunk, may hold, in bytes."""
        self.folder, self.made_by, self.limit, self.say = folder, made_by, limit, say
        self.takes_more = True
        """False once a segment could not be written."""
        self._places: dict[bytes, tuple[Path, int, int]] = {}
        self._looked_into: set[Path] = set()
        self._mapped: dict[Path, torch.Tensor] = {}
        self._written: set[Path] = set()

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def look(self) -> None:
        """Take in the segments that have appeared since the last look, and clear away what killed processes left."""
        for path in _files(self.folder, _BEGUN):
            if time.time() - _time_and_size(path)[0] > FORSAKEN_SECONDS:
                _delete(path)
        for path in _files(self.folder, _OURS):
            if path.name.startswith(f"trunk-{self.made_by}-") and path not in self._looked_into:
                self._looked_into.add(path)
                with self._refusing(path):
                    self._take_in(path, self._index(path))

    def read(self, key: bytes) -> torch.Tensor | None:
        """The piece [T, H] on the CPU, in pages of the file that are loaded as they are read; None where there is none.

        A segment's checksum is read before its first piece. Never write to what is returned.
        """
        if key not in self._places:
            return None
        path, start, length = self._places[key]
        if path not in self._mapped:
            with self._refusing(path):
                self._mapped[path] = self._hidden(path)
        return self._mapped[path][start : start + length] if path in self._mapped else None

    def write(self, pieces: Mapping[bytes, torch.Tensor]) -> None:
        """Keep pieces that no segment has yet. Where they do not fit, say so and take no more."""
        self.look()
        for part in _parts(pieces, [key for key in pieces if key not in self], min(SEGMENT_BYTES, self.limit // 8)):
            if not self.takes_more:
                return
            hidden_NH = torch.cat([pieces[key].detach().cpu() for key in part])
            lengths = [len(pieces[key]) for key in part]
            content = _packed(hidden_NH, part, lengths, self.made_by)
            if not self._make_room(len(content)):
                self._stop(f"cache.disk_gb = {self.limit / 1e9:g} is full of this run's trunk states")
                return
            path = self.folder / f"trunk-{self.made_by}-{uuid.uuid4().hex}.safetensors"
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # states tell what the texts say
                write_whole(path, content)
            except OSError as error:
                self._stop(f"trunk states cannot be written to {self.folder} ({error.strerror})")
                return
            self._looked_into.add(path)
            self._written.add(path)
            self._take_in(path, zip(part, lengths, strict=True))

    def _stop(self, why: str) -> None:
        self.takes_more = False
        self.say(f"  cache: {why}; no more are kept for later runs")

    def _take_in(self, path: Path, index: Iterable[tuple[bytes, int]]) -> None:
        start = 0
        for key, length in index:
            self._places.setdefault(key, (path, start, length))
            start += length

    def _index(self, path: Path) -> list[tuple[bytes, int]]:
        """Key and length of a segment's pieces. Raises ValueError for what cannot be ours."""
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            if told.get("made_by") != self.made_by:
                raise ValueError("was made by another model or version")
            keys, lengths = file.get_tensor("keys"), file.get_tensor("lengths")
            if told.get("index") != _checksum(keys, lengths):
                raise ValueError("is damaged (the checksum of its index differs)")
        return [(bytes(key), length) for key, length in zip(keys.tolist(), lengths.tolist(), strict=True)]

    def _hidden(self, path: Path) -> torch.Tensor:
        """All states [N, H] of a segment, as pages of the file; counted as a use of it. Raises ValueError."""
        with safe_open(path, framework="pt") as file:  # a map of its own: what the checksum loads is let go again
            hidden_NH = file.get_tensor("hidden")
            if (file.metadata() or {}).get("hidden") != _checksum(hidden_NH):
                raise ValueError("is damaged (its checksum differs)")
        with contextlib.suppress(OSError):
            os.utime(path)
        with safe_open(path, framework="pt") as file:
            return file.get_tensor("hidden")

    @contextlib.contextmanager
    def _refusing(self, path: Path) -> Iterator[None]:
        """A segment that cannot be read is forgotten; a damaged or foreign one is deleted, in one line."""
        try:
            yield
        except FileNotFoundError:  # another run needed the room
            self._forget(path)
        except OSError as error:
            self._forget(path)
            self.say(f"  cache: {path} cannot be read ({error.strerror}); its rows pass the trunk again")
        except (SafetensorError, ValueError) as error:
            self._forget(path)
            _delete(path)
            why = str(error) if isinstance(error, ValueError) else f"is damaged ({error})"
            self.say(f"  cache: {path.name} {why}; deleted, its rows pass the trunk again")

    def _forget(self, path: Path) -> None:
        self._places = {key: place for key, place in self._places.items() if place[0] != path}

    def _make_room(self, wanted: int) -> bool:
        """Delete segments used longest ago, of whatever trunk, until `wanted` bytes fit; none that this run uses."""
        files = {path: _time_and_size(path) for path in _files(self.folder, _OURS)}
        begun = sum(_time_and_size(path)[1] for path in _files(self.folder, _BEGUN))
        total = wanted + begun + sum(size for _, size in files.values())
        for path in sorted(files, key=lambda path: files[path]):
            if total <= self.limit:
                break
            if path not in self._mapped and path not in self._written:
                _delete(path)
                self._forget(path)
                total -= files[path][1]
        return total <= self.limit


def _packed(hidden_NH: torch.Tensor, keys: list[bytes], lengths: list[int], made_by: str) -> bytes:
    """The bytes of a segment."""
    index = {
        "keys": torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8).view(-1, KEY_BYTES),
        "lengths": torch.tensor(lengths),
    }
    told = {"made_by": made_by, "index": _checksum(*index.values()), "hidden": _checksum(hidden_NH)}
    return save({"hidden": hidden_NH, **index}, told)


def _checksum(*tensors: torch.Tensor) -> str:
    """Eight hex digits over types, shapes and bytes."""
    found = zlib.crc32(str([(tensor.dtype, *tensor.shape) for tensor in tensors]).encode())
    for tensor in tensors:
        found = zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def _parts(pieces: Mapping[bytes, torch.Tensor], keys: list[bytes], size: int) -> Iterator[list[bytes]]:
    """Cut `keys` into parts whose pieces hold at most `size` bytes; a larger piece is a part by itself."""
    part: list[bytes] = []
    held = 0
    for key in keys:
        if part and held + pieces[key].nbytes > size:
            yield part
            part, held = [], 0
        part.append(key)
        held += pieces[key].nbytes
    if part:
        yield part


def _files(folder: Path, named: re.Pattern[str]) -> list[Path]:
    """The files of a folder with such names; none where it cannot be listed."""
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if named.fullmatch(name)]
    except OSError:
        return []


def _time_and_size(path: Path) -> tuple[float, int]:
    """When a file was last used and its bytes; now and 0 where another process has deleted it."""
    try:
        found = path.stat()
    except OSError:
        return time.time(), 0
    return found.st_mtime, found.st_size


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
