"""Proximal policy optimisation for language (Ziegler et al. 2019; Huang et al. 2024, arXiv 2403.17031).

One step: sample a response to each prompt and keep the trunk states; score them; take log-probabilities of the
reference and values on the kept states; then `inner_epochs` over minibatches, branch only.

Departs from the papers in:
1. policy, reference, reward and value are branches on trunk states computed once, while sampling;
2. the value is a head on the policy's branch by default (its first values come from sampling for free), or a branch of
   its own with `value = "branch"`;
3. advantages are whitened over the whole batch of rollouts, not per minibatch, so that cutting it changes nothing;
4. with `less_others` a score is paid less the mean of the prompt's other responses (Ahmadian et al. 2024,
   arXiv 2402.14740), a baseline that a small value head learns late or never;
5. `kl_penalty` may move the KL from the reward to the loss, and an entropy bonus (Schulman et al. 2017, eq. 9) may
   join it.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from pydantic import Field, model_validator
from torch import nn

from topgraft.algorithms.on_policy import SamplesLearner, policy_parts
from topgraft.algorithms.protocol import Actors, OnPolicySettings
from topgraft.model.heads import ScalarHead
from topgraft.model.states import predicting
from topgraft.objectives.advantages import gae, leave_one_out, token_rewards
from topgraft.objectives.clipped import policy_loss, value_loss
from topgraft.objectives.kl import LOSSES
from topgraft.objectives.masked import explained_variance, spread, whiten
from topgraft.records import Batch, Demonstration, Loss, Rollouts, Tokens


class Options(OnPolicySettings):
    """[ppo]"""

    decides_what_weights_mean = ("value",)

    learning_rate: float = Field(1e-4, gt=0)
    """Peak rate of the optimizer."""
    batch_size: int = Field(64, ge=1)
    """Prompts in a rollout batch."""
    samples_per_prompt: int = Field(1, ge=1)
    """Responses to each prompt; their prompt passes once for all of them."""
    minibatch_size: int = Field(64, ge=1)
    """Prompts per optimizer step, with all their responses."""
    inner_epochs: int = Field(4, ge=1)
    """Passes over one rollout batch."""
    beta: float = Field(0.05, ge=0)
    """Weight of the per-token KL to the reference."""
    kl_penalty: str = Field("reward", pattern="^(reward|k2|k3)$")
    """Where beta acts: "reward" (k1, off each token's reward), or in the loss of the policy, on "k2" or "k3"."""
    value_clip: float = Field(0.2, gt=0)
    """A value may move this far from its old value before the loss stops rewarding it."""
    value_weight: float = Field(0.1, ge=0)
    """Weight of the value loss."""
    value: str = Field("head", pattern="^(head|branch)$")
    """ "head": on the policy's branch; "branch": adapter and head of its own."""
    gamma: float = Field(1.0, gt=0, le=1)
    """Discount."""
    lam: float = Field(0.95, ge=0, le=1)
    """Lambda of GAE."""
    whiten_rewards: bool = False
    """Scale token rewards to variance 1, keeping their mean."""
    whiten_advantages: bool = True
    """Scale the advantages of a rollout batch to mean 0 and variance 1."""
    missing_end_penalty: float = Field(1.0, ge=0)
    """Subtracted from the score of a response that did not end by itself."""
    less_others: bool = False
    """Take from each score the mean of the prompt's other responses, as RLOO does; the values then have to learn less.
    Worth it where some prompts earn much more than others; it needs samples_per_prompt of 2 or more."""

    @model_validator(mode="after")
    def _has_others(self) -> "Options":
        if self.less_others and self.samples_per_prompt == 1:
            raise ValueError("less_others takes off what a prompt's other responses score: set samples_per_prompt to 2")
        return self

    @property
    def samples(self) -> int:
        """Responses to a prompt."""
        return self.samples_per_prompt


class PPO(SamplesLearner):
    """Policy in slot `slot`, a copy of the reference slot (None: the base model). An item is a prompt's responses."""

    options: Options

    def __init__(self, actors: Actors, options: Options, slot: str, *, reference: str | None = None) -> None:
        super().__init__(actors, options, slot, reference=reference)
        self.value_slot = slot
        if options.value == "branch":
            self.value_slot = f"{slot}-value"
            actors.model.slots.add(self.value_slot, copy_of=reference)
        self.head = ScalarHead(actors.model.hidden_size, init="zero").to(actors.model.device)

    def trainable(self) -> list[nn.Parameter]:
        """Policy adapter, value head, and the value branch's adapter where it has one."""
        own = self.actors.model.slots.weights(self.value_slot) if self.value_slot != self.slot else []
        return [*super().trainable(), *own, *self.head.parameters()]

    @torch.no_grad()
    def collect(self, rows: list[Demonstration]) -> Batch:
        """Sample, score, and fix everything that the inner epochs learn from."""
        options = self.options
        drawn = self.draw(rows)
        rollouts, score_B, total_B = drawn.rollouts, drawn.score_B, self.total(drawn)
        tokens, trunk, counted_BT = rollouts.tokens, rollouts.trunk, rollouts.tokens.counted_BT
        values_BT = drawn.each(self._first_values)
        beta = self.beta if options.kl_penalty == "reward" else 0.0
        paid_B = leave_one_out(total_B.view(len(rows), -1)).flatten() if options.less_others else total_B
        rewards_BT = token_rewards(paid_B, drawn.kl_BT, counted_BT, beta)
        if options.whiten_rewards:
            rewards_BT = whiten(rewards_BT, counted_BT, keep_mean=True)
        advantages_BT, returns_BT = gae(rewards_BT, values_BT, counted_BT, gamma=options.gamma, lam=options.lam)
        metrics = {
            "reward/mean": (total_B - beta * drawn.kl_B).mean().item(),
            "reward/score": score_B.mean().item(),
            **self.observe(drawn),
            "value/explained_variance": explained_variance(values_BT, returns_BT, counted_BT),
        }
        extras = {
            "old_logprobs_BT": drawn.old_BT,
            "reference_BT": drawn.reference_BT,
            "advantages_BT": whiten(advantages_BT, counted_BT) if options.whiten_advantages else advantages_BT,
            "returns_BT": returns_BT,
            "values_BT": values_BT,
            "score_B": score_B,
        }
        return Batch(
            tokens=tokens,
            trunk=trunk,
            siblings=options.samples,
            extras=extras,
            metrics=metrics,
            samples=drawn.samples,
            shares=drawn.shares,
        )

    def count(self, minibatch: Batch) -> float:
        """Response tokens."""
        return float(minibatch.tokens.counted_BT.sum())

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Clipped policy loss (plus beta times the KL where that is in the loss) plus weighted clipped value loss, per
        response token."""
        options, model = self.options, self.actors.model
        counted_BT = micro.tokens.counted_BT
        old_R, reference_R, advantages_R, returns_R, values_R = (
            micro.extras[name][counted_BT]
            for name in ("old_logprobs_BT", "reference_BT", "advantages_BT", "returns_BT", "values_BT")
        )
        final_BLH, logprobs_R, entropy_R = self.read(micro)
        if self.value_slot != self.slot:
            with model.slots.use(self.value_slot, learning=True):
                final_BLH = model.branch(micro.trunk)
        new_values_R = self.head(predicting(final_BLH, micro.tokens))
        policy_R, ratio_R, clipped_R = policy_loss(logprobs_R, old_R, advantages_R, options.clip)
        value_R = value_loss(new_values_R, values_R, returns_R, options.value_clip)
        parts, learned_R = {"loss/policy": policy_R, "loss/value": value_R}, self.with_bonus(policy_R, entropy_R)
        if options.kl_penalty in LOSSES:
            parts["loss/kl"] = kl_R = LOSSES[options.kl_penalty](logprobs_R, reference_R)
            learned_R = learned_R + self.beta * kl_R
        value = (learned_R.sum() + options.value_weight * value_R.sum()) / count
        with torch.no_grad():
            parts |= policy_parts(logprobs_R, old_R, entropy_R, ratio_R, clipped_R)
            metrics = {name: (part.sum() / count).item() for name, part in parts.items()}
        return Loss(value=value, metrics={"loss/total": value.item(), **metrics, **self.gap(logprobs_R, old_R)})

    def save(self, folder: Path | None) -> None:
        """The policy's adapter in peft's format, the value head (and the value branch) beside it."""
        super().save(folder)
        beside = folder / "value" if folder is not None else None
        self.head.save(beside)
        if self.value_slot != self.slot:
            self.actors.model.slots.save(self.value_slot, beside)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        super().load(folder)
        self.head.load(folder / "value")
        if self.value_slot != self.slot:
            self.actors.model.slots.load(self.value_slot, folder / "value")

    def _first_values(self, rollouts: Rollouts) -> torch.Tensor:
        """Values [B, T] before the update: from the states seen while sampling, or by the value branch."""
        tokens, model = rollouts.tokens, self.actors.model
        if self.value_slot == self.slot:
            return spread(self.head(rollouts.final_RH), tokens.counted_BT)

        def read(final_BLH: torch.Tensor, part: Tokens) -> Iterable[torch.Tensor]:
            return self.head(predicting(final_BLH, part)).split(part.counted_BT.sum(1).tolist())

        with model.slots.use(self.value_slot):
            return spread(torch.cat(model.over_rows(rollouts.trunk, tokens, read)), tokens.counted_BT)
