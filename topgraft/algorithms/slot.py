"""What learners have in common whose weights are those of one slot."""

from pathlib import Path
from typing import Any

from torch import nn

from topgraft.algorithms.protocol import Actors


class SlotLearner:
    """Trains, saves and loads slot `slot`."""

    actors: Actors
    slot: str

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
