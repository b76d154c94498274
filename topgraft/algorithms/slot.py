"""What learners have in common whose weights are those of one slot."""

from pathlib import Path
from typing import Any

from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings
from topgraft.algorithms.references import start_from


class SlotLearner:
    """Trains slot `slot`, which begins as a copy of slot `reference` (None: the base model)."""

    def __init__(self, actors: Actors, slot: str, reference: str | None) -> None:
        self.actors, self.slot = actors, slot
        start_from(actors.model, slot, reference)

    def trainable(self) -> list[nn.Parameter]:
        """The slot's weights."""
        return self.actors.model.slots.weights(self.slot)

    def finish(self, rows: list[Any]) -> None:
        """Nothing to do."""

    def save(self, folder: Path) -> None:
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
