"""REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv 2402.14740, eq. 8).

A response is one action. Its reward is the score less beta times the KL of the whole response; its advantage is that
reward less the mean of the others to the same prompt. No value, and no part of a response is told from another.

One step: several responses to each prompt, which is prefilled once for all of them; score them; take the reference's
log-probabilities; then `inner_epochs` over minibatches, branch only, each prompt once for its group.

Departs from the paper in that more than one update may be made of a rollout: the ratio of the whole response's
probabilities is then clipped as PPO's is. The first update is REINFORCE's.
"""

import torch
from pydantic import Field

from topgraft.algorithms.on_policy import GroupSettings, SamplesLearner, policy_parts
from topgraft.objectives.advantages import leave_one_out
from topgraft.objectives.clipped import policy_loss
from topgraft.objectives.masked import spread
from topgraft.records import Batch, Demonstration, Loss


class Options(GroupSettings):
    """[rloo]"""

    learning_rate: float = Field(1e-4, gt=0)
    """Peak rate of the optimizer."""
    beta: float = Field(0.05, ge=0)
    """Weight of the KL to the reference (k1 of the whole response, in the reward)."""


class RLOO(SamplesLearner):
    """Policy in slot `slot`, a copy of the reference slot (None: the base model). An item is a group."""

    options: Options

    @torch.no_grad()
    def collect(self, rows: list[Demonstration]) -> Batch:
        """Sample a group for each prompt, score it, and fix everything that the inner epochs learn from."""
        options = self.options
        drawn = self.draw(rows)
        tokens, trunk, total_B = drawn.rollouts.tokens, drawn.rollouts.trunk, self.total(drawn)
        reward_B = total_B - self.beta * drawn.kl_B
        metrics = {
            "reward/mean": reward_B.mean().item(),
            "reward/score": drawn.score_B.mean().item(),
            "reward/group_std": total_B.view(-1, options.group_size).std(1, correction=0).mean().item(),
            **self.observe(drawn),
        }
        advantages_B = leave_one_out(reward_B.view(-1, options.group_size)).flatten()
        extras = {"old_logprobs_BT": drawn.old_BT, "advantages_B": advantages_B}
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
        """Responses."""
        return float(len(minibatch.tokens))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Clipped policy loss of whole responses, whose entropy is the sum of their tokens'."""
        counted_BT = micro.tokens.counted_BT
        _, logprobs_R, entropy_R = self.read(micro)
        old_R = micro.extras["old_logprobs_BT"][counted_BT]
        new_B, old_B, entropy_B = (spread(packed_R, counted_BT).sum(1) for packed_R in (logprobs_R, old_R, entropy_R))
        policy_B, ratio_B, clipped_B = policy_loss(new_B, old_B, micro.extras["advantages_B"], self.options.clip)
        value = self.with_bonus(policy_B, entropy_B).sum() / count
        with torch.no_grad():
            per_token_R = (1 / counted_BT.sum(1)).repeat_interleave(counted_BT.sum(1))
            tokens = policy_parts(logprobs_R, old_R, entropy_R, torch.exp(logprobs_R - old_R), old_R.new_zeros(()))
            parts = {
                **{name: part * per_token_R for name, part in tokens.items()},
                "loss/policy": policy_B,
                "policy/ratio": ratio_B,
                "policy/clip_fraction": clipped_B.float(),
            }
            metrics = {name: (part.sum() / count).item() for name, part in parts.items()}
        return Loss(value=value, metrics={"loss/total": value.item(), **metrics, **self.gap(logprobs_R, old_R)})
