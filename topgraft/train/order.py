"""In which order rows are learned from: batches of rows, and the minibatches of a batch, from one seed."""

import random
from collections.abc import Iterator
from typing import Any

import torch

from topgraft.records import Batch


class Order:
    """Draws from passes over the rows, each in a new random order; a batch may span two passes."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows = rows
        self._rng = random.Random(seed)
        self._queue: list[int] = []

    def batch(self, size: int) -> list[int]:
        """Numbers of the next `size` rows, or of all where there are fewer."""
        while len(self._queue) < min(size, self.rows):
            self._queue += self._rng.sample(range(self.rows), self.rows)
        found, self._queue = self._queue[:size], self._queue[size:]
        return found

    def minibatches(self, batch: Batch, size: int, epochs: int) -> Iterator[Batch]:
        """The batch's items, cut into minibatches, in a new random order in every epoch."""
        for _ in range(epochs):
            if size >= len(batch):
                yield batch
                continue
            order = self._rng.sample(range(len(batch)), len(batch))
            for part in torch.tensor(order, device=batch.tokens.ids_BT.device).split(size):
                yield batch.rows(part)

    def state(self) -> dict[str, Any]:
        """Where it stands."""
        return {"rng": self._rng.getstate(), "queue": self._queue}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        version, numbers, gauss = state["rng"]
        self._rng.setstate((version, tuple(numbers), gauss))
        self._queue = list(state["queue"])
