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

from topgraft.algorithms.on_policy import draw, greedy_score, policy_parts, refuse_greedy, rollout_metrics
from topgraft.algorithms.protocol import Actors, OnPolicySettings
from topgraft.algorithms.references import start_from
from topgraft.algorithms.slot import SlotLearner
from topgraft.objectives.advantages import leave_one_out
from topgraft.objectives.clipped import policy_loss
from topgraft.objectives.kl import k1
from topgraft.objectives.masked import spread
from topgraft.records import Batch, Demonstration, Loss


class Options(OnPolicySettings):
    """[rloo]"""

    learning_rate: float = Field(1e-4, gt=0)
    """Peak rate of the optimizer."""
    batch_size: int = Field(16, ge=1)
    """Prompts in a rollout batch."""
    group_size: int = Field(4, ge=2)
    """Responses to each prompt."""
    minibatch_size: int = Field(16, ge=1)
    """Prompts per optimizer step."""
    beta: float = Field(0.05, ge=0)
    """Weight of the KL to the reference (k1 of the whole response, in the reward)."""

    @property
    def samples(self) -> int:
        """A group."""
        return self.group_size


class RLOO(SlotLearner):
    """Policy in slot `slot`, a copy of the reference slot (None: the base model). An item is a group."""

    def __init__(self, actors: Actors, options: Options, slot: str, *, reference: str | None = None) -> None:
        self.actors, self.options, self.slot, self.reference = actors, options, slot, reference
        refuse_greedy(actors, "RLOO")
        self.inner_epochs = options.inner_epochs
        self.minibatch_size = options.minibatch_size
        start_from(actors.model, slot, reference)
        self.tokens_kept = 0
        self._fresh = False  # True between a rollout and the first loss on it, where the ratio must be 1

    @torch.no_grad()
    def collect(self, rows: list[Demonstration]) -> Batch:
        """Sample a group for each prompt, score it, and fix everything that the inner epochs learn from."""
        options = self.options
        drawn = draw(self.actors, self.slot, self.reference, rows, options)
        tokens, trunk, score_B = drawn.rollouts.tokens, drawn.rollouts.trunk, drawn.score_B
        kl_B = torch.where(tokens.counted_BT, k1(drawn.old_BT, drawn.reference_BT), 0).sum(1)
        reward_B = score_B - options.beta * kl_B
        self.tokens_kept += trunk.distinct_tokens
        self._fresh = True
        metrics = {
            "reward/mean": reward_B.mean().item(),
            "reward/score": score_B.mean().item(),
            "reward/group_std": score_B.view(-1, options.group_size).std(1, correction=0).mean().item(),
            **rollout_metrics(drawn, options.beta),
        }
        advantages_B = leave_one_out(reward_B.view(-1, options.group_size)).flatten()
        extras = {"old_logprobs_BT": drawn.old_BT, "advantages_B": advantages_B}
        return Batch(tokens=tokens, trunk=trunk, siblings=options.group_size, extras=extras, metrics=metrics)

    def count(self, minibatch: Batch) -> float:
        """Responses."""
        return float(len(minibatch.tokens))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Clipped policy loss of whole responses."""
        model, counted_BT = self.actors.model, micro.tokens.counted_BT
        with model.slots.use(self.slot, learning=True):
            final_BLH = model.branch(micro.trunk)
        temperature = self.actors.sampling.temperature
        logprobs_R, entropy_R = model.logprobs(final_BLH, micro.tokens, temperature=temperature, entropy=True)
        old_R = micro.extras["old_logprobs_BT"][counted_BT]
        new_B, old_B = (spread(packed_R, counted_BT).sum(1) for packed_R in (logprobs_R, old_R))
        policy_B, ratio_B, clipped_B = policy_loss(new_B, old_B, micro.extras["advantages_B"], self.options.clip)
        value = policy_B.sum() / count
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
            if self._fresh:
                metrics["rollout/logprob_gap"] = (logprobs_R - old_R).abs().max().item()
                self._fresh = False
        return Loss(value=value, metrics={"loss/total": value.item(), **metrics})

    def validate(self, rows: list[Demonstration]) -> dict[str, float]:
        """Mean score of greedy responses to held-out prompts."""
        return greedy_score(self.actors, self.slot, rows)
