"""What learners from their own samples (PPO, GRPO, RLOO) share: drawing, their metrics, validation."""

from dataclasses import dataclass

import torch
from pydantic import Field

from topgraft.algorithms.protocol import Actors, OnPolicySettings
from topgraft.algorithms.slot import SlotLearner
from topgraft.errors import UserError
from topgraft.model.split import FULL
from topgraft.objectives.kl import k1, k3
from topgraft.objectives.masked import masked_mean, spread
from topgraft.records import Demonstration, Rollouts
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample


@dataclass(frozen=True)
class Drawn:
    """Responses and what stays fixed about them: scores [B], and log-probabilities [B, T] of the policy that drew them
    and of the reference."""

    rollouts: Rollouts
    score_B: torch.Tensor
    old_BT: torch.Tensor
    reference_BT: torch.Tensor

    @property
    def kl_BT(self) -> torch.Tensor:
        """k1 of the sampled tokens to the reference."""
        return k1(self.old_BT, self.reference_BT)

    @property
    def kl_B(self) -> torch.Tensor:
        """Its sum over a response."""
        return torch.where(self.rollouts.tokens.counted_BT, self.kl_BT, 0).sum(1)


class GroupSettings(OnPolicySettings):
    """Settings of algorithms that compare several responses to a prompt."""

    batch_size: int = Field(16, ge=1)
    """Prompts in a rollout batch."""
    group_size: int = Field(4, ge=2)
    """Responses to each prompt."""

    @property
    def samples(self) -> int:
        """A group."""
        return self.group_size


class SamplesLearner(SlotLearner):
    """Learns from its own samples, by a reward, held near the slot that it starts from."""

    def __init__(self, actors: Actors, options: OnPolicySettings, slot: str, *, reference: str | None = None) -> None:
        if actors.sampling.temperature == 0:
            name = type(self).__name__
            raise UserError(f"{name} needs random responses: set sampling.temperature above 0.")
        super().__init__(actors, slot, reference)
        self.options, self.reference = options, reference
        self.inner_epochs = options.inner_epochs
        self.minibatch_size = options.minibatch_size
        self.tokens_kept = 0
        self._fresh = False  # True between a rollout and the first loss on it, where the ratio must be 1

    @torch.no_grad()
    def draw(self, rows: list[Demonstration]) -> Drawn:
        """Sample the responses to each prompt, next to one another, and score them."""
        actors = self.actors
        assert actors.score is not None
        distinct = [actors.template.encode_prompt(row.prompt) for row in rows]
        prompts = [prompt for prompt in distinct for _ in range(self.options.samples)]
        with actors.model.slots.use(self.slot):
            rollouts = sample(actors.model, actors.template, prompts, actors.sampling, actors.generator)
        self.tokens_kept += rollouts.trunk.distinct_tokens
        self._fresh = True
        return Drawn(
            rollouts=rollouts,
            score_B=actors.score(rollouts.tokens, rollouts.trunk).total_B,
            old_BT=old_logprobs(actors, self.slot, rollouts, self.options.old_logprobs),
            reference_BT=rollout_logprobs(actors, self.reference, rollouts),
        )

    def gap(self, logprobs_R: torch.Tensor, old_R: torch.Tensor) -> dict[str, float]:
        """At the first look at a rollout, the largest difference of a log-probability to what it was while sampling."""
        if not self._fresh:
            return {}
        self._fresh = False
        return {"rollout/logprob_gap": (logprobs_R - old_R).abs().max().item()}

    @torch.no_grad()
    def validate(self, rows: list[Demonstration]) -> dict[str, float]:
        """Mean score of greedy responses to held-out prompts."""
        actors = self.actors
        assert actors.score is not None
        prompts = [actors.template.encode_prompt(row.prompt) for row in rows]
        with actors.model.slots.use(self.slot):
            rollouts = sample(actors.model, actors.template, prompts, greedy(actors.sampling), torch.Generator())
        return {"eval/reward": actors.score(rollouts.tokens, rollouts.trunk).total_B.mean().item()}


@torch.no_grad()
def rollout_logprobs(actors: Actors, slot: str | None, rollouts: Rollouts) -> torch.Tensor:
    """Log-probabilities [B, T] of the response tokens under a slot, on the kept states; 0 elsewhere."""
    with actors.model.slots.use(slot):
        found = actors.model.row_logprobs(rollouts.trunk, rollouts.tokens, temperature=actors.sampling.temperature)
    return spread(torch.cat(found), rollouts.tokens.counted_BT)


def old_logprobs(actors: Actors, slot: str, rollouts: Rollouts, where: str) -> torch.Tensor:
    """The policy's log-probabilities [B, T] that the ratio is taken to: "sampled" (while decoding), "recompute" (the
    branch runs once more) or "auto": sampled in float32, recomputed where decoding and a full pass round apart."""
    exact = actors.model.model.dtype in FULL
    if where == "sampled" or (where == "auto" and exact):
        return rollouts.sampled_logprobs_BT
    return rollout_logprobs(actors, slot, rollouts)


def rollout_metrics(drawn: Drawn, beta: float) -> dict[str, float]:
    """KL of the sampled tokens to the reference, the shape of the responses, and how far from the policy they were
    drawn."""
    rollouts, old_BT, reference_BT = drawn.rollouts, drawn.old_BT, drawn.reference_BT
    counted_BT = rollouts.tokens.counted_BT
    sampler_BT = k1(rollouts.drawn_logprobs_BT, rollouts.sampled_logprobs_BT)
    return {
        "kl/token": masked_mean(drawn.kl_BT, counted_BT).item(),
        "kl/response": drawn.kl_B.mean().item(),
        "kl/k3": masked_mean(k3(old_BT, reference_BT), counted_BT).item(),
        "kl/beta": beta,
        "rollout/length": counted_BT.sum(1).float().mean().item(),
        "rollout/ended": rollouts.ended_B.float().mean().item(),
        "rollout/sampler_kl": masked_mean(sampler_BT, counted_BT).item(),
    }


def policy_parts(
    logprobs_R: torch.Tensor,
    old_R: torch.Tensor,
    entropy_R: torch.Tensor | None,
    ratio_R: torch.Tensor,
    clipped_R: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """What is logged of an update, token by token; the learner averages it as it does its loss."""
    assert entropy_R is not None
    return {
        "policy/ratio": ratio_R,
        "policy/clip_fraction": clipped_R.float(),
        "policy/approx_kl": k3(old_R, logprobs_R),
        "policy/entropy": entropy_R,
    }
