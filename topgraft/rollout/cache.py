"""Trunk states of dataset rows: made once, kept over all epochs, stages and runs that read the same rows.

States are kept by content: those of a prompt under its token ids, those of a response under its own and its prompt's.
Rows with one prompt therefore share its states, whenever and by whomever these were made.
"""

import hashlib
import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from pydantic import Field

from topgraft.data.batching import sibling_buckets
from topgraft.data.template import Template, pack
from topgraft.model.split_model import TOKENS_AT_ONCE, SplitModel
from topgraft.processes import Processes
from topgraft.recipe import Settings
from topgraft.records import Tokens, TrunkState
from topgraft.rollout.cache_folder import open_files
from topgraft.rollout.segments import KEY_BYTES, SEGMENT_BYTES

Pair = tuple[str, str | tuple[int, ...]]
"""A prompt and its response: a text, or the ids that were sampled."""


class CacheSettings(Settings):
    """[cache]: where the trunk states of dataset rows are kept. They do not change what is trained, but for rounding:
    a state that an earlier run left was made in another batch."""

    memory_gb: float = Field(2.0, ge=0)
    """States held in memory (on CUDA the device's), besides up to 0.064 GB that wait to be written; more are read from
    the files, or made again each time where those are full."""
    disk_gb: float = Field(20.0, ge=0)
    """Size of all files in the folder at most; those used longest ago are deleted. 0: no files are read or written."""
    folder: str = ""
    """Folder of the files, which any number of runs may share; "" is topgraft/trunk in the user's cache folder
    ($XDG_CACHE_HOME, else ~/.cache)."""


class _Row(NamedTuple):
    """Token ids of a prompt and its response, and the keys of their states."""

    prompt: list[int]
    response: list[int]
    prompt_key: bytes
    response_key: bytes


class TrunkCache:
    """Keeps the token ids and the trunk states of every (prompt, response) it was asked for.

    A stage calls `flush` when it is done. Without settings all states stay in memory, and there are no files.
    """

    def __init__(
        self,
        model: SplitModel,
        template: Template,
        settings: CacheSettings | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        """`say` takes the lines that tell of full budgets and damaged files."""
        self.model, self.template, self.say = model, template, say
        self.limit = settings.memory_gb * 1e9 if settings else math.inf
        self.files = open_files(model, settings.folder, settings.disk_gb, say) if settings else None
        self.bytes_held = self.bytes_waiting = 0
        """Bytes of states in memory that may be dropped, and that must be written first."""
        self.distinct_tokens = 0
        """Tokens whose states the trunk made here, a prompt that new rows share counted once, a row that passes again
        in the same stage not at all: with the meter's count of tokens in, trunk passes per token."""
        self._rows: dict[Pair, _Row] = {}
        self._waiting: dict[bytes, torch.Tensor] = {}
        self._held: dict[bytes, torch.Tensor] = {}
        self._older: dict[bytes, torch.Tensor] = {}  # those that this stage has not asked for
        self._counted: set[bytes] = set()
        self._overflowed = False

    def get(self, pairs: Sequence[Pair]) -> tuple[Tokens, TrunkState]:
        """Tokens and trunk state of (prompt, response); the trunk runs on rows whose states are not kept."""
        rows = [self._row(pair) for pair in pairs]
        tokens = pack([row[:2] for row in rows], self.template.pad_id, self.model.device)
        found = {key: piece for key in _keys(rows) if (piece := self._find(key)) is not None}
        new = {row.response_key: place for place, row in enumerate(rows) if not found.keys() >= set(_keys([row]))}
        if self.model.together.most(len(new)):
            places = list(new.values()) or [0]
            index = torch.tensor(places, device=self.model.device)
            self._make([rows[place] for place in places], tokens.rows(index), found)
        self._settle(SEGMENT_BYTES)
        number = {key: place for place, key in enumerate(dict.fromkeys(row.prompt_key for row in rows))}
        owners = [number[row.prompt_key] for row in rows]
        state = self.model.state((found[key] for key in number), owners, (found[row.response_key] for row in rows))
        return tokens, state

    def fill(self, pairs: Sequence[Pair], processes: Processes) -> Iterator[tuple[str, int, int]]:
        """Have the states of all `pairs` kept; yields "trunk", how many rows more have passed it, and of how many. Each
        of several processes makes some, and finds the others in the files.

        They are made in batches that depend on the pairs alone, not on what is there already: a run that was killed on
        the way makes, when it goes on, the states that it would have made, to the bit.
        """
        if self.model.whole or self.model.split_layer == 0:
            return  # nothing is worth keeping: what crosses is the tokens, or the embedding
        rows = list({row.response_key: row for row in map(self._row, pairs)}.values())
        number = {key: place for place, key in enumerate(dict.fromkeys(row.prompt_key for row in rows))}
        prompts = {number[row.prompt_key]: len(row.prompt) for row in rows}
        lengths = [prompts[place] for place in range(len(prompts))], [len(row.response) for row in rows]
        owners = [number[row.prompt_key] for row in rows]
        buckets = list(sibling_buckets(owners, *lengths, TOKENS_AT_ONCE))
        for start in range(0, len(buckets), processes.count):
            part = [rows[place] for place in buckets[min(start + processes.rank, len(buckets) - 1)]]
            found = {key: piece for key in _keys(part) if (piece := self._find(key)) is not None}
            lacks = start + processes.rank < len(buckets) and not found.keys() >= set(_keys(part))
            if not self.model.together.most(lacks):
                continue
            self._make(part, pack([row[:2] for row in part], self.template.pad_id, self.model.device), found)
            self._settle(SEGMENT_BYTES)
            yield "trunk", len(part), len(rows)
        self._settle(0)
        processes.wait()
        if self.files is not None:
            self.files.look()

    def flush(self) -> None:
        """End a stage: write the states that wait, and let the next stage's take the room of those it does not use."""
        self._write()
        self._older |= self._held
        self._held = {}
        self._counted.clear()
        self._drop()

    def ids(self, pair: Pair) -> tuple[list[int], list[int]]:
        """Token ids of prompt and response, the same lists every time."""
        return self._row(pair)[:2]

    def new_tokens(self, pairs: Sequence[Pair]) -> int:
        """Tokens of those whose states are not in memory yet, each row with a prompt of its own."""
        rows = {row.response_key: row for row in map(self._row, pairs)}
        kept = self._held.keys() | self._waiting.keys() | self._older.keys()
        return sum(len(row.prompt) + len(row.response) for key, row in rows.items() if key not in kept)

    def describe(self) -> str:
        """One line about where states are kept, for the start of a run."""
        files = f", {self.files.limit / 1e9:g} GB in {self.files.folder}" if self.files else ""
        return f"trunk states: {self.limit / 1e9:g} GB in memory{files}"

    def _row(self, pair: Pair) -> _Row:
        if pair not in self._rows:
            prompt, response = pair
            ids = list(response) if isinstance(response, tuple) else self.template.encode_response(response)
            asked = self.template.encode_prompt(prompt)
            self._rows[pair] = _Row(asked, ids, _key(asked), _key(asked, ids))
        return self._rows[pair]

    def _find(self, key: bytes) -> torch.Tensor | None:
        """The states [T, H] under a key, on the model's device; None where they are not kept."""
        if key in self._older:
            self._held[key] = self._older.pop(key)
        kept = self._held.get(key, self._waiting.get(key))
        if kept is not None or self.files is None:
            return kept
        mapped = self.files.read(key)
        if mapped is None:
            return None
        state = mapped.to(self.model.device)
        if state is not mapped:  # on a CPU the file's pages are as good as a copy of them
            self._held[key] = state
            self.bytes_held += state.nbytes
        return state

    def _make(self, rows: list[_Row], tokens: Tokens, found: dict[bytes, torch.Tensor]) -> None:
        """Run the trunk on rows; keep the states that were not there, and add them to `found`."""
        state = self.model.trunk(tokens)
        counted_prompts: set[int] = set()
        for row, owner, response_LH in zip(rows, state.owners, state.responses, strict=True):
            if row.response_key not in self._counted:
                self._counted.add(row.response_key)
                self.distinct_tokens += len(response_LH)
                self.distinct_tokens += 0 if owner in counted_prompts else len(state.prompts[owner])
                counted_prompts.add(owner)
            for key, piece in ((row.prompt_key, state.prompts[owner]), (row.response_key, response_LH)):
                if key not in found:
                    found[key] = piece
                    self._keep(key, piece)

    def _keep(self, key: bytes, piece: torch.Tensor) -> None:
        if self.files is not None and self.files.takes_more:
            self._waiting[key] = piece
            self.bytes_waiting += piece.nbytes
        else:
            self._held[key] = piece
            self.bytes_held += piece.nbytes

    def _settle(self, most: int) -> None:
        """Write the states that wait where they are as many bytes as `most`, and keep to the limit."""
        if self.bytes_waiting >= most:
            self._write()
        self._drop()

    def _write(self) -> None:
        if self.files is not None and self._waiting:
            self.files.write(self._waiting)
        self._held |= self._waiting
        self._waiting = {}
        self.bytes_held += self.bytes_waiting
        self.bytes_waiting = 0

    def _drop(self) -> None:
        """Keep to the limit: first the states that this stage has not asked for go, then the newest ones.

        Epochs ask for all rows in turn, so that dropping the oldest would drop each state just before its use.
        """
        while self.bytes_held > self.limit:
            held = self._older or self._held
            key = next(iter(held)) if held is self._older else next(reversed(held))
            self.bytes_held -= held.pop(key).nbytes
            if not self._overflowed and (self.files is None or key not in self.files):
                self._overflowed = True
                self.say(
                    f"  cache: more trunk states than cache.memory_gb = {self.limit / 1e9:g} and the files may hold; "
                    f"the rows over it pass the trunk each time they are asked for"
                )


def _keys(rows: Sequence[_Row]) -> list[bytes]:
    return list(dict.fromkeys(key for row in rows for key in row[2:]))


def _key(*parts: Sequence[int]) -> bytes:
    """A key made from token ids; the same ids cut into other parts have another."""
    state = hashlib.blake2b(digest_size=KEY_BYTES)
    for ids in parts:
        state.update(len(ids).to_bytes(8, "little") + array("q", ids).tobytes())
    return state.digest()
