"""What a trained adapter on all blocks is made of: how far it moves each block, and what each block's part is worth."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from topgraft.experiments.layers.trainings import loss
from topgraft.model.adapters import Slots
from topgraft.model.split_model import SplitModel
from topgraft.train.workplace import Workplace


@torch.no_grad()
def changes(model: SplitModel, slot: str) -> list[float]:
    """||dW|| / ||W|| [depth]: Frobenius norms over the adapted matrices of every block, dW = (alpha / rank) B A.

    LISA (arXiv 2403.17919) chooses by weights' norms; as a measure of importance it is biased: what moves far need not
    matter.
    """
    adapted = [[part for part in block.modules() if isinstance(part, LoraLayer)] for block in model.parts.blocks]
    return [
        _norm(part.get_delta_weight(slot) for part in parts) / _norm(part.get_base_layer().weight for part in parts)
        for parts in adapted
    ]


def _norm(matrices: Iterable[torch.Tensor]) -> float:
    return float(sum(matrix.double().square().sum().item() for matrix in matrices)) ** 0.5


def ablation(place: Workplace, slot: str) -> dict[str, Any]:
    """Validation loss [depth] without block l's part of the adapter, and with that part alone."""
    slots, depth = place.model.slots, len(place.model.parts.blocks)
    assert isinstance(slots, Slots)
    rows, found = place.splits.validation, dict[str, list[float]](removed=[], alone=[])
    for block in range(depth):
        for name, silent in (("removed", {block}), ("alone", set(range(depth)) - {block})):
            with silenced(slots, slot, silent):
                found[name].append(loss(place, slot, rows))
    return found


@contextmanager
def silenced(slots: Slots, slot: str, blocks: set[int]) -> Iterator[None]:
    """Inside the context the slot changes nothing in `blocks`: their B is 0."""
    weights: list[nn.Parameter] = [
        weight
        for number, inside in slots.by_block(slot).items()
        if number in blocks
        for name, weight in inside.items()
        if ".lora_B." in name
    ]
    kept = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.zero_()
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)
