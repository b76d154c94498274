"""A branch that keeps only the input of each block for the backward pass, and runs the block again there.

The backward pass comes when the context of the adapter slot is long closed, and perhaps another slot is in use. Each
block therefore takes the slot along that it ran under, its dropout included, and puts it back while it runs again.
"""

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from topgraft.model.adapters import Slots
from topgraft.model.whole import Copies


def checkpointed(branch: nn.Module, blocks_name: str, slots: Slots | Copies) -> nn.Module:
    """A shallow copy of `branch`, sharing its weights, whose blocks are run again in the backward pass."""
    part = copy.copy(branch)
    blocks = nn.ModuleList(_Rerun(block, slots) for block in getattr(branch, blocks_name))
    part._modules = {**branch._modules, blocks_name: blocks}
    return part


class _Rerun(nn.Module):
    """Stands for a block; what the decoder asks of it (its kind of attention, say) the block answers."""

    def __init__(self, block: nn.Module, slots: Slots | Copies) -> None:
        super().__init__()
        self.block, self.slots = block, slots

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("block"), name)

    def forward(self, *given: Any, **named: Any) -> Any:
        """What the block makes; its random numbers are drawn alike the second time."""
        slot, learning = self.slots.in_use

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), self.slots.use(slot, learning=learning)

        if not torch.is_grad_enabled():
            return self.block(*given, **named)
        return checkpoint(self.block, *given, use_reentrant=False, context_fn=contexts, **named)
