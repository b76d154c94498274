"""Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300, eq. 3 and 4).

No value: a response's advantage is its score less the mean over the responses to the same prompt.

One step: several responses to each prompt, which is prefilled once for all of them; score them; take the reference's
log-probabilities; then `inner_epochs` over minibatches, branch only, each prompt once for its group.

Departs from the paper in what the settings say: `scale = "none"` is Dr. GRPO (Liu et al. 2025, arXiv 2503.20783), and
`average` chooses among the paper's mean per response, DAPO's per token (Yu et al. 2025, arXiv 2503.14476, eq. 8) and
Dr. GRPO's constant.
"""

import torch
from pydantic import Field

from topgraft.algorithms.on_policy import GroupSettings, SamplesLearner, policy_parts
from topgraft.objectives.advantages import group_advantages
from topgraft.objectives.clipped import policy_loss
from topgraft.objectives.kl import LOSSES
from topgraft.records import Batch, Demonstration, Loss


class Options(GroupSettings):
    """[grpo]"""

    learning_rate: float = Field(1e-4, gt=0)
    """Peak rate of the optimizer."""
    beta: float = Field(0.04, ge=0)
    """Weight of the KL to the reference, in the loss."""
    kl_penalty: str = Field("k3", pattern="^(k2|k3)$")
    """The estimate of the KL in the loss."""
    scale: str = Field("std", pattern="^(std|none)$")
    """ "std": advantages are divided by the group's standard deviation; "none": they are not."""
    average: str = Field("response", pattern="^(response|token|limit)$")
    """How token losses are averaged: "response" (each response counts alike), "token" (each token does), or "limit" (a
    response's sum, over data.max_response_tokens)."""


class GRPO(SamplesLearner):
    """Policy in slot `slot`, a copy of the reference slot (None: the base model). An item is a group."""

    options: Options

    @torch.no_grad()
    def collect(self, rows: list[Demonstration]) -> Batch:
        """Sample a group for each prompt, score it, and fix everything that the inner epochs learn from."""
        options = self.options
        drawn = self.draw(rows)
        tokens, trunk, total_B = drawn.rollouts.tokens, drawn.rollouts.trunk, self.total(drawn)
        groups_GS = total_B.view(-1, options.group_size)
        advantages_B = group_advantages(groups_GS, scale=options.scale == "std").flatten()
        metrics = {
            "reward/mean": total_B.mean().item(),
            "reward/score": drawn.score_B.mean().item(),
            "reward/group_std": groups_GS.std(1, correction=0).mean().item(),
            **self.observe(drawn),
        }
        extras = {
            "old_logprobs_BT": drawn.old_BT,
            "reference_BT": drawn.reference_BT,
            "advantages_BT": advantages_B[:, None].expand(drawn.old_BT.shape),
        }
        return Batch(
            tokens=tokens,
            trunk=trunk,
            siblings=options.group_size,
            extras=extras,
            metrics=metrics,
            samples=drawn.samples,
            shares=drawn.shares,
        )

    def count(self, minibatch: Batch) -> float:
        """Response tokens, responses, or responses times their longest possible length."""
        if self.options.average == "token":
            return float(minibatch.tokens.counted_BT.sum())
        limit = self.actors.template.settings.max_response_tokens if self.options.average == "limit" else 1
        return float(len(minibatch.tokens) * limit)

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Clipped policy loss plus beta times the KL, averaged as `average` says."""
        options, counted_BT = self.options, micro.tokens.counted_BT
        old_R, reference_R, advantages_R = (
            micro.extras[name][counted_BT] for name in ("old_logprobs_BT", "reference_BT", "advantages_BT")
        )
        _, logprobs_R, entropy_R = self.read(micro)
        policy_R, ratio_R, clipped_R = policy_loss(logprobs_R, old_R, advantages_R, options.clip)
        kl_R = LOSSES[options.kl_penalty](logprobs_R, reference_R)
        weight_R, watched_R = self._weights(counted_BT, count)
        value = (self.with_bonus(policy_R + self.beta * kl_R, entropy_R) * weight_R).sum()
        with torch.no_grad():
            parts = {"loss/policy": policy_R * weight_R, "loss/kl": kl_R * weight_R}
            watched = policy_parts(logprobs_R, old_R, entropy_R, ratio_R, clipped_R)
            parts |= {name: part * watched_R for name, part in watched.items()}
            metrics = {name: part.sum().item() for name, part in parts.items()}
        return Loss(value=value, metrics={"loss/total": value.item(), **metrics, **self.gap(logprobs_R, old_R)})

    def _weights(self, counted_BT: torch.Tensor, count: float) -> tuple[torch.Tensor, torch.Tensor]:
        """A token's share in the loss [R], and in what is watched of the policy, which is a mean in every case: where
        the loss is over the longest possible length, each response weighs alike."""
        lengths_B = counted_BT.sum(1)
        each_R = torch.ones(int(lengths_B.sum()), device=counted_BT.device) / count
        if self.options.average == "token":
            return each_R, each_R
        limit = self.actors.template.settings.max_response_tokens
        response_R = (1 / lengths_B).repeat_interleave(lengths_B) / count
        return (response_R, response_R) if self.options.average == "response" else (each_R, response_R * limit)
