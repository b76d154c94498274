"""What learners have in common whose weights are those of one slot."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings, Prepared
from topgraft.algorithms.references import start_from
from topgraft.records import Comparison
from topgraft.rollout.rows import Pair


class SlotLearner:
    """Trains slot `slot`, which begins as a copy of slot `reference` (None: the base model)."""

    def __init__(self, actors: Actors, slot: str, reference: str | None) -> None:
        self.actors, self.slot = actors, slot
        start_from(actors.model, slot, reference)

    def trainable(self) -> list[nn.Parameter]:
        """The slot's weights."""
        return self.actors.model.slots.weights(self.slot)

    def prepare(self, rows: list[Any], held_out: list[Any]) -> Iterator[Prepared]:
        """Nothing to do."""
        return iter(())

    def state(self) -> dict[str, Any]:
        """Nothing but the weights."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to do."""

    def finish(self, rows: list[Any]) -> None:
        """Nothing to do."""

    def save(self, folder: Path | None) -> None:
        """The adapter in peft's format (where every weight learns, the model in the library's)."""
        self.actors.model.slots.save(self.slot, folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        self.actors.model.slots.load(self.slot, folder)


class RowsLearner(SlotLearner):
    """Learns from rows of data: one update of each batch."""

    inner_epochs = 1

    def __init__(self, actors: Actors, options: OfflineSettings, slot: str, *, reference: str | None = None) -> None:
        super().__init__(actors, slot, reference)
        self.options = options
        self.minibatch_size = options.batch_size

    @property
    def tokens_kept(self) -> int:
        """Tokens of the rows seen so far."""
        return self.actors.cache.distinct_tokens

    def prepare(self, rows: list[Any], held_out: list[Any]) -> Iterator[Prepared]:
        """The trunk states of all rows."""
        yield from self.actors.cache.fill(pairs_of([*rows, *held_out]), self.actors.processes)


def pairs_of(rows: Sequence[Any]) -> list[Pair]:
    """(prompt, response) of demonstrations and comparisons."""
    return [
        pair for row in rows for pair in (row.pairs if isinstance(row, Comparison) else [(row.prompt, row.response)])
    ]
