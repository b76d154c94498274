"""The learned reward: a branch with its own adapter slot and a scalar head at the last real token."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from topgraft.model.heads import ScalarHead
from topgraft.model.split_model import SplitModel, last_states
from topgraft.records import Scores, Tokens, TrunkState

Reward = Callable[[Tokens, TrunkState], Scores]
"""What an algorithm may know of rewards: tokens and their trunk states in, scores out."""


@dataclass(frozen=True)
class LearnedReward:
    """Scores responses with slot `slot` and `head`, starting from kept trunk states."""

    model: SplitModel
    slot: str
    head: ScalarHead
    rows_at_once: int = 16

    @torch.no_grad()
    def __call__(self, tokens: Tokens, trunk: TrunkState) -> Scores:
        """Score every row at its last real token."""
        index = torch.arange(len(tokens), device=tokens.ids_BT.device)
        with self.model.slots.use(self.slot):
            pieces = [
                self.head(last_states(self.model.branch(trunk.rows(part)), tokens.rows(part)))
                for part in index.split(self.rows_at_once)
            ]
        total_B = torch.cat(pieces)
        return Scores(total_B=total_B, parts={self.slot: total_B})
