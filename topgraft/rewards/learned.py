"""The learned reward: a branch and a scalar head."""

from dataclasses import dataclass

import torch

from topgraft.model.heads import ScalarHead
from topgraft.model.split_model import SplitModel
from topgraft.model.states import last_states, mean_states
from topgraft.records import Tokens, TrunkState

READS = {"last": last_states, "mean": mean_states}
"""Which states of a response the head reads: the one at its last token, or the mean of all."""


@dataclass(frozen=True)
class LearnedReward:
    """Scores responses with slot `slot` (None: the base model) and `head`, starting from kept trunk states."""

    model: SplitModel
    slot: str | None
    head: ScalarHead
    reads: str = "last"

    @torch.no_grad()
    def __call__(self, tokens: Tokens, trunk: TrunkState) -> torch.Tensor:
        """The score [B] of every row."""
        return self.head(self.states(tokens, trunk))

    @torch.no_grad()
    def states(self, tokens: Tokens, trunk: TrunkState) -> torch.Tensor:
        """What the head reads [B, H]."""
        with self.model.slots.use(self.slot):
            return torch.stack(self.model.over_rows(trunk, tokens, READS[self.reads]))
