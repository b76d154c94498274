"""How many tokens entered the trunk: the claim that each passes it once is counted, not assumed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from topgraft.model.crossing import block_input


class TrunkMeter:
    """Counts the tokens that enter the top trunk block, by a forward hook on that block."""

    def __init__(self, blocks: nn.ModuleList, split_layer: int) -> None:
        self.tokens_in = 0
        self.counts = split_layer > 0
        self._real: torch.Tensor | None = None
        self._paused = False
        if self.counts:
            blocks[split_layer - 1].register_forward_hook(self._hook, with_kwargs=True)

    def counting(self, real: torch.Tensor) -> "_Counting":
        """Inside this context, passes count the True entries of `real`; outside, every position counts."""
        return _Counting(self, real)

    def add(self, real: torch.Tensor) -> None:
        """Count the True entries of `real`, which enter where no hook can see it."""
        if self.counts:
            self.tokens_in += int(real.sum())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside this context nothing is counted."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def _hook(self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], _output: object) -> None:
        if self._paused:
            return
        hidden = block_input(inputs, named)
        self.tokens_in += int(self._real.sum()) if self._real is not None else hidden.shape[0] * hidden.shape[1]


class _Counting:
    def __init__(self, meter: TrunkMeter, real: torch.Tensor) -> None:
        self.meter, self.real = meter, real

    def __enter__(self) -> None:
        self.meter._real = self.real

    def __exit__(self, *_: object) -> None:
        self.meter._real = None
