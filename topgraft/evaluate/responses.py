"""Generate once: every arm answers the held-out prompts greedily, and the models score the answers once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from topgraft.data.batching import buckets
from topgraft.data.template import Template
from topgraft.model.split_model import TOKENS_AT_ONCE, SplitModel
from topgraft.model.states import predicting
from topgraft.objectives.masked import spread
from topgraft.records import Demonstration, Response, Rollouts
from topgraft.rewards.learned import LearnedReward
from topgraft.rollout.choosing import SamplingSettings, greedy
from topgraft.rollout.sampling import sample


@dataclass(frozen=True)
class Arm:
    """A named adapter slot (None: the base model) and the slot its training started from.

    `trained` is False for the base model, which has no start to be compared with.
    """

    name: str
    slot: str | None
    start: str | None = None
    trained: bool = True


@torch.no_grad()
def answer(
    model: SplitModel,
    template: Template,
    rows: Sequence[Demonstration],
    arm: Arm,
    rewards: dict[str, LearnedReward],
    settings: SamplingSettings,
) -> list[Response]:
    """One greedy response per row under `arm`. `rewards` may hold "reward" and "reward_check"."""
    prompts = [template.encode_prompt(row.prompt) for row in rows]
    with model.slots.use(arm.slot):
        rollouts = sample(model, template, prompts, greedy(settings), torch.Generator())
    scores = {name: reward(rollouts.tokens, rollouts.trunk).total_B.tolist() for name, reward in rewards.items()}
    kl = _kl_per_response(model, rollouts, arm).tolist() if arm.trained else [None] * len(rows)
    lengths = rollouts.tokens.counted_BT.sum(1).tolist()
    ended = rollouts.ended_B.tolist()
    return [
        Response(
            arm=arm.name,
            key=row.key,
            group=row.group,
            prompt=row.prompt,
            response=rollouts.texts[place],
            reference=row.response,
            correct=row.correct,
            tokens=lengths[place],
            ended=ended[place],
            kl_response=kl[place],
            **{name: values[place] for name, values in scores.items()},
        )
        for place, row in enumerate(rows)
    ]


def _kl_per_response(model: SplitModel, rollouts: Rollouts, arm: Arm) -> torch.Tensor:
    """KL(arm || its start) summed over response positions [B], from the full distributions on the kept states."""
    kl_B = torch.zeros(len(rollouts.tokens), device=model.device)
    for part in buckets(rollouts.tokens.lengths_B.tolist(), TOKENS_AT_ONCE):
        index = torch.tensor(part, device=model.device)
        tokens, state = rollouts.tokens.rows(index), rollouts.trunk.rows(index)
        logs = []
        for slot in (arm.slot, arm.start):
            with model.slots.use(slot):
                logs.append(torch.log_softmax(model.logits(predicting(model.branch(state), tokens)), dim=-1))
        kl_R = (logs[0].exp() * (logs[0] - logs[1])).sum(-1)
        kl_B[index] = spread(kl_R, tokens.counted_BT).sum(1)
    return kl_B
