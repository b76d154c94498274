"""The learned reward: a branch and a scalar head."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from topgraft.data.template import Template, pack
from topgraft.model.heads import ScalarHead
from topgraft.model.split_model import SplitModel
from topgraft.model.states import last_states, mean_states
from topgraft.records import Tokens, TrunkState

AT_ONCE = 64
"""Responses whose states are held together, where they pass another base."""
READS = {"last": last_states, "mean": mean_states}
"""Which states of a response the head reads: the one at its last token, or the mean of all."""


def on_texts(reward: "LearnedReward", template: Template) -> Callable[[Sequence[str], Sequence[str]], list[float]]:
    """The reward as a function of prompts and responses, for policies of another base: the texts are tokenised as this
    reward's base has them, and pass its trunk."""

    def score(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        pairs = [
            (template.encode_prompt(prompt), template.encode_response(response))
            for prompt, response in zip(prompts, responses, strict=True)
        ]
        found: list[float] = []
        for start in range(0, len(pairs), AT_ONCE):
            tokens = pack(pairs[start : start + AT_ONCE], template.pad_id, reward.model.device)
            found += reward(tokens, reward.model.trunk(tokens)).tolist()
        return found

    return score


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
