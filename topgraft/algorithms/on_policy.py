"""What learners from their own samples (PPO, GRPO, RLOO) share: drawing, their metrics, validation."""

from typing import Any

import torch
from pydantic import Field

from topgraft.algorithms.drawn import Drawn
from topgraft.algorithms.kl_control import KLController
from topgraft.algorithms.protocol import Actors, OnPolicySettings
from topgraft.algorithms.slot import SlotLearner
from topgraft.errors import UserError
from topgraft.model.split import FULL
from topgraft.objectives.kl import k1, k2, k3
from topgraft.objectives.masked import masked_mean, spread
from topgraft.records import Batch, Demonstration, Rollouts, Scores
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample


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

    learns_from = "samples"

    def __init__(self, actors: Actors, options: OnPolicySettings, slot: str, *, reference: str | None = None) -> None:
        if actors.sampling.temperature == 0:
            name = type(self).__name__
            raise UserError(f"{name} needs random responses: set sampling.temperature above 0.")
        super().__init__(actors, slot, reference)
        self.options, self.reference = options, reference
        self.inner_epochs = options.inner_epochs
        self.minibatch_size = options.minibatch_size
        self.tokens_kept = 0
        self.controller = KLController(options.beta, options.kl)
        self.beta = options.beta  # that of the rollout at hand; the controller has the next one's
        self._fresh = False  # True between a rollout and the first loss on it, where the ratio must be 1

    @torch.no_grad()
    def draw(self, rows: list[Demonstration]) -> Drawn:
        """Sample the responses to each prompt, next to one another, and score them."""
        actors, shares = self.actors, self.actors.processes.blocks(len(rows))
        asked = [row for row in rows for _ in range(self.options.samples)]
        prompts = [actors.template.encode_prompt(row.prompt) for row in asked]
        of_rows = shares.rows(self.options.samples)
        with actors.model.slots.use(self.slot):
            own = sample(actors.model, actors.template, prompts, actors.sampling, actors.generator, rows=of_rows.mine)
        self.tokens_kept += own.trunk.distinct_tokens
        self._fresh = True
        self.beta = self.controller.beta
        drawn = Drawn(
            keys=[row.key for row in asked],
            own=own,
            shares=shares,
            rollouts=own,
            scores=score(actors, [asked[row] for row in of_rows.mine], own),
            old_BT=old_logprobs(actors, self.slot, own, self.options.old_logprobs),
            reference_BT=rollout_logprobs(actors, self.reference, own),
        )
        return drawn.known_to_all()

    def state(self) -> dict[str, Any]:
        """The next rollout's beta."""
        return {"beta": self.controller.beta}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with it."""
        self.controller.beta = state["beta"]

    def total(self, drawn: Drawn) -> torch.Tensor:
        """Scores [B], less the penalty of those that did not end by themselves."""
        penalised_B = drawn.score_B - self.options.missing_end_penalty
        return torch.where(drawn.rollouts.ended_B, drawn.score_B, penalised_B)

    def observe(self, drawn: Drawn) -> dict[str, float]:
        """The metrics of a rollout, whose KL moves the beta of the next."""
        metrics = {**rollout_metrics(drawn), "kl/beta": self.beta}
        self.controller.update(metrics["kl/token"], responses=len(drawn.rollouts.tokens))
        return metrics

    def read(self, micro: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The policy at a micro-batch: final states [B, 1 + L, H], log-probabilities of the response tokens [R] and
        entropies [R]."""
        model, temperature = self.actors.model, self.actors.sampling.temperature
        with model.slots.use(self.slot, learning=True):
            final_BLH = model.branch(micro.trunk)
        logprobs_R, entropy_R = model.logprobs(
            final_BLH,
            micro.tokens,
            temperature=temperature,
            entropy=True,
            entropy_learns=self.options.entropy_weight > 0,
        )
        assert entropy_R is not None
        return final_BLH, logprobs_R, entropy_R

    def with_bonus(self, loss: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
        """The policy's loss less the weighted entropy, token by token or response by response."""
        weight = self.options.entropy_weight
        return loss - weight * entropy if weight else loss

    def gap(self, logprobs_R: torch.Tensor, old_R: torch.Tensor) -> dict[str, float]:
        """At the first look at a rollout, the largest difference of a log-probability to what it was while sampling."""
        if not self._fresh:
            return {}
        self._fresh = False
        return {"rollout/logprob_gap": (logprobs_R - old_R).abs().max().item()}

    @torch.no_grad()
    def validate(self, rows: list[Demonstration]) -> dict[str, float]:
        """Mean score of greedy responses to held-out prompts."""
        actors, shares = self.actors, self.actors.processes.blocks(len(rows))
        own = [rows[place] for place in shares.mine]
        prompts = [actors.template.encode_prompt(row.prompt) for row in own]
        with actors.model.slots.use(self.slot):
            rollouts = sample(actors.model, actors.template, prompts, greedy(actors.sampling), torch.Generator())
        return {"eval/reward": shares.all(score(actors, own, rollouts).total_B).mean().item()}


def score(actors: Actors, rows: list[Demonstration], rollouts: Rollouts) -> Scores:
    """Scores of responses to the prompts of `rows`."""
    assert actors.score is not None
    return actors.score([row.prompt for row in rows], rollouts.texts, rollouts.tokens, rollouts.trunk)


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


def rollout_metrics(drawn: Drawn) -> dict[str, float]:
    """KL of the sampled tokens to the reference, the shape of the responses, and how far from the policy they were
    drawn."""
    rollouts, old_BT, reference_BT = drawn.rollouts, drawn.old_BT, drawn.reference_BT
    counted_BT = rollouts.tokens.counted_BT
    parts = drawn.scores.parts
    sampler_BT = k1(rollouts.drawn_logprobs_BT, rollouts.sampled_logprobs_BT)
    return {
        "kl/token": masked_mean(drawn.kl_BT, counted_BT).item(),
        "kl/response": drawn.kl_B.mean().item(),
        "kl/k2": masked_mean(k2(old_BT, reference_BT), counted_BT).item(),
        "kl/k3": masked_mean(k3(old_BT, reference_BT), counted_BT).item(),
        "rollout/length": counted_BT.sum(1).float().mean().item(),
        "rollout/ended": rollouts.ended_B.float().mean().item(),
        "rollout/sampler_kl": masked_mean(sampler_BT, counted_BT).item(),
        **{f"reward/part/{name}": value_B.nanmean().item() for name, value_B in parts.items() if len(parts) > 1},
    }


def policy_parts(
    logprobs_R: torch.Tensor,
    old_R: torch.Tensor,
    entropy_R: torch.Tensor,
    ratio_R: torch.Tensor,
    clipped_R: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """What is logged of an update, token by token; the learner averages it as it does its loss."""
    return {
        "policy/ratio": ratio_R,
        "policy/clip_fraction": clipped_R.float(),
        "policy/approx_kl": k3(old_R, logprobs_R),
        "policy/entropy": entropy_R,
    }
