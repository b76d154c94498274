"""The hidden state that crosses the split, caught while the unsplit model runs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class _Reached(Exception):
    """The states at the split are there, and nobody reads what the upper blocks would make of them."""


class Crossing:
    """Keeps, inside its context, the input of block `split_layer` of the latest pass of the unsplit model."""

    def __init__(self, blocks: nn.ModuleList, split_layer: int) -> None:
        self.hidden_BTH = torch.empty(0)
        self._enough = False
        # Before other hooks: a block that is held in shares is not gathered where the pass ends at its door.
        self._handle = blocks[split_layer].register_forward_pre_hook(self._hook, with_kwargs=True, prepend=True)

    def reach_only(self, run: Callable[[], object]) -> None:
        """Do the pass `run` up to the split; the blocks above it, and what they cache, are left out."""
        self._enough = True
        try:
            run()
        except _Reached:
            pass
        finally:
            self._enough = False

    def _hook(self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.hidden_BTH = block_input(inputs, named)
        if self._enough:
            raise _Reached

    def __enter__(self) -> "Crossing":
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()


def block_input(inputs: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
    """The hidden states [B, T, H] that a decoder block was called with, however the library passed them."""
    return inputs[0] if inputs else named["hidden_states"]
