"""How near two tables of logits are, position by position."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Agreement:
    """`difference` = the largest |a - b| of all elements, `largest` = the largest |b|; at `same` of `positions` both
    hold the same token for the likeliest. A value that is no number makes `difference` none."""

    difference: float
    largest: float
    positions: int
    same: int

    @property
    def share(self) -> float:
        """The largest difference as a share of the largest logit; 0 where both are 0."""
        return self.difference / self.largest if self.largest else self.difference

    def record(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "difference": self.difference,
            "largest_logit": self.largest,
            "positions": self.positions,
            "same_likeliest": self.same,
        }


def rms(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> float:
    """The root mean square of all differences between tables of the same shapes."""
    return float((torch.cat(list(ours)) - torch.cat(list(theirs))).square().mean().sqrt())


def agreement(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> Agreement:
    """Compare logits [positions, V], a table for each row, elementwise. Tables of other shapes are a ValueError."""
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            raise ValueError(f"logits of shape {list(a.shape)} beside {list(b.shape)}")
    a_PV, b_PV = torch.cat(list(ours)), torch.cat(list(theirs))
    return Agreement(
        difference=float((a_PV - b_PV).abs().max()),
        largest=float(b_PV.abs().max()),
        positions=len(b_PV),
        same=int((a_PV.argmax(-1) == b_PV.argmax(-1)).sum()),
    )
