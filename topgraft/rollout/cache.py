"""Trunk states of dataset rows: made once, kept over all epochs, stages and runs that read the same rows.

States are kept by content: those of a prompt under its token ids, those of a response under its own and its prompt's.
Rows with one prompt therefore share its states, whenever and by whomever these were made.
"""

import math
import socket
from collections.abc import Callable, Iterator, Sequence

import torch
from pydantic import Field

from topgraft.data.template import Template, pack
from topgraft.model.split_model import TOKENS_AT_ONCE, SplitModel
from topgraft.processes import Processes
from topgraft.recipe import Settings
from topgraft.records import Tokens, TrunkState
from topgraft.rollout.cache_folder import open_files
from topgraft.rollout.rows import Pair, Row, Rows, buckets_of, keys_of, prompt_numbers
from topgraft.rollout.segments import SEGMENT_BYTES


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
        self._rows = Rows(template)
        self._waiting: dict[bytes, torch.Tensor] = {}
        self._held: dict[bytes, torch.Tensor] = {}
        self._older: dict[bytes, torch.Tensor] = {}  # those that this stage has not asked for
        self._counted: set[bytes] = set()
        self._overflowed = False

    def get(self, pairs: Sequence[Pair]) -> tuple[Tokens, TrunkState]:
        """Tokens and trunk state of (prompt, response); the trunk runs on rows whose states are not kept."""
        rows = [self._rows[pair] for pair in pairs]
        tokens = pack([row[:2] for row in rows], self.template.pad_id, self.model.device)
        found = {key: piece for key in keys_of(rows) if (piece := self._find(key)) is not None}
        new = {row.response_key: place for place, row in enumerate(rows) if not found.keys() >= set(keys_of([row]))}
        if self.model.together.most(len(new)):
            places = list(new.values()) or [0]
            index = torch.tensor(places, device=self.model.device)
            self._make([rows[place] for place in places], tokens.rows(index), found)
        self._settle(SEGMENT_BYTES)
        number = prompt_numbers(rows)
        owners = [number[row.prompt_key] for row in rows]
        state = self.model.state((found[key] for key in number), owners, (found[row.response_key] for row in rows))
        return tokens, state

    def fill(self, pairs: Sequence[Pair], processes: Processes) -> Iterator[tuple[str, int, int]]:
        """Have the states of all `pairs` kept; yields "trunk", how many rows more have passed it, and of how many. Each
        of several processes makes some, and has the others from the files, or from who made them.

        They are made in batches that depend on the pairs alone, not on what is there already: a run that was killed on
        the way makes, when it goes on, the states that it would have made, to the bit.
        """
        if self.model.whole or self.model.split_layer == 0:
            return  # nothing is worth keeping: what crosses is the tokens, or the embedding
        rows = self._rows.distinct(pairs)
        buckets = buckets_of(rows, TOKENS_AT_ONCE)
        for start in range(0, len(buckets), processes.count):
            part = buckets[min(start + processes.rank, len(buckets) - 1)]
            if self._bring(part, mine=start + processes.rank < len(buckets)):
                self._settle(SEGMENT_BYTES)
                yield "trunk", len(part), len(rows)
        self._share(processes)
        self._hand_round(buckets, processes)

    def _bring(self, part: list[Row], *, mine: bool) -> bool:
        """Whether the trunk had to run, which it does where states lack that are `mine` to bring: in processes that
        hold the model in shares, those of any of them."""
        found = {key: piece for key in keys_of(part) if (piece := self._find(key)) is not None}
        runs = bool(self.model.together.most(mine and not found.keys() >= set(keys_of(part))))
        if runs:
            self._make(part, pack([row[:2] for row in part], self.template.pad_id, self.model.device), found)
        return runs

    def _share(self, processes: Processes) -> None:
        """Have the files hold what waits, and know what the others put there."""
        self._settle(0)
        processes.wait()
        if self.files is not None:
            self.files.look()

    def _hand_round(self, buckets: list[list[Row]], processes: Processes) -> None:
        """Give what this one has brought to processes that do not see its files, and take what it lacks itself; of
        those that share a folder, one takes it for all."""
        folder = f"{socket.gethostname()} {self.files.folder.resolve()}" if self.files else None
        has = [all(map(self._kept, keys_of(part))) for part in buckets]
        told = processes.everyone([folder, has])
        seen = [folder for folder, _ in told]
        takes = [folder is None or folder not in seen[:rank] for rank, folder in enumerate(seen)]
        for place, part in enumerate(buckets):
            owner = place % processes.count
            lacks = any(taking and not has[place] for taking, (_, has) in zip(takes, told, strict=True))
            if not lacks or not told[owner][1][place]:
                continue
            self._bring(part, mine=processes.rank == owner)  # a file of the owner's may turn out to be damaged
            tokens = keys_of(part)
            shape = sum(tokens.values()), self.model.hidden_size
            states_NH = torch.empty(shape, dtype=self.model.model.dtype, device=self.model.device)
            if processes.rank == owner:
                torch.cat([piece for key in tokens if (piece := self._find(key)) is not None], out=states_NH)
            pieces = processes.sent(states_NH, owner).split(list(tokens.values()))
            for key, piece in zip(tokens, pieces, strict=True):
                if takes[processes.rank] and not self._kept(key):
                    self._keep(key, piece.clone())
            self._settle(SEGMENT_BYTES)
        self._share(processes)

    def flush(self) -> None:
        """End a stage: write the states that wait, and let the next stage's take the room of those it does not use."""
        self._write()
        self._older |= self._held
        self._held = {}
        self._counted.clear()
        self._drop()

    def ids(self, pair: Pair) -> tuple[list[int], list[int]]:
        """Token ids of prompt and response, the same lists every time."""
        return self._rows[pair][:2]

    def new_tokens(self, pairs: Sequence[Pair]) -> int:
        """Tokens of those whose states are not in memory yet, each row with a prompt of its own."""
        rows = self._rows.distinct(pairs)
        return sum(len(row.prompt) + len(row.response) for row in rows if not self._in_memory(row.response_key))

    def describe(self) -> str:
        """One line about where states are kept, for the start of a run."""
        files = f", {self.files.limit / 1e9:g} GB in {self.files.folder}" if self.files else ""
        return f"trunk states: {self.limit / 1e9:g} GB in memory{files}"

    def _in_memory(self, key: bytes) -> bool:
        return key in self._held or key in self._waiting or key in self._older

    def _kept(self, key: bytes) -> bool:
        return self._in_memory(key) or (self.files is not None and key in self.files)

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

    def _make(self, rows: list[Row], tokens: Tokens, found: dict[bytes, torch.Tensor]) -> None:
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
