"""Reward model: a scalar head on a branch, learned from pairs by Bradley-Terry or by margin ranking.

The branch learns with an adapter of its own, or stays the base model's and the head alone learns.

Departs from Ouyang et al. (2022) in:
1. the backbone is a branch on the shared trunk, not a model of its own (with `trains = "head"` the base model's);
2. after training the head is scaled and shifted so that the chosen answers of the training pairs have mean score 0
   (Huang et al. 2024, arXiv 2403.17031), and all answers of those pairs, or the chosen ones, standard deviation 1.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, model_validator
from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings, Prepared
from topgraft.algorithms.references import AT_ONCE
from topgraft.algorithms.slot import pairs_of
from topgraft.errors import UserError
from topgraft.model.heads import ScalarHead
from topgraft.model.load import ModelSettings
from topgraft.objectives.preference import bradley_terry, margin_ranking, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rewards.learned import READS, LearnedReward
from topgraft.rollout.rows import Pair

LOSSES = {"bradley-terry": (bradley_terry, 0.0), "margin": (margin_ranking, 1.0)}
"""Losses, each with the margin that it has where none is set."""


class Options(OfflineSettings):
    """[reward]"""

    decides_what_weights_mean = ("trains", "reads", "head")

    model: ModelSettings | None = None
    """Another base for the reward model alone ([reward.model], with the keys of [model]). It is then held beside the
    policy's, and every response is tokenised again and passes the whole of it once more."""
    trains: str = Field("branch", pattern="^(branch|head)$")
    """ "branch": an adapter and the head; "head": the head alone, on the final states of the base model."""
    reads: str = Field("last", pattern="^(last|mean)$")
    """ "last": the head reads the state at the last token; "mean": the mean of the states at the response's tokens."""
    head: str = Field("linear", pattern="^(linear|mlp)$")
    """ "linear": one linear map from the state to the score; "mlp": layers of 512 and 256 with ReLU in front of it, and
    dropout 0.1 in update passes."""
    loss: str = Field("bradley-terry", pattern="^(bradley-terry|margin)$")
    """ "bradley-terry": -log sigmoid(chosen - rejected - margin) of a pair's scores, of a tie the mean of both
    directions; "margin": max(0, margin - (chosen - rejected)), of a tie |chosen - rejected|."""
    margin: float | None = Field(None, ge=0)
    """By how much the chosen answer is to score above the rejected one, times the pair's strength. Not set, it is 0 for
    "bradley-terry" and 1 for "margin"."""
    normalise: str = Field("answers", pattern="^(answers|references|none)$")
    """Scale of the scores after training. "answers": the chosen answers of the training pairs have mean 0, all answers
    of those pairs standard deviation 1; "references": the chosen answers have mean 0 and standard deviation 1; "none":
    as they were learned."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most, in whole batches."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay."""

    def base(self, own: ModelSettings) -> ModelSettings:
        """Its own, where it has one."""
        return self.model or own

    @property
    def adapts(self) -> bool:
        """With an adapter."""
        return self.trains == "branch"

    @model_validator(mode="after")
    def _margin_is_above_0(self) -> "Options":
        if self.loss == "margin" and self.margin == 0:
            raise ValueError(
                'with loss = "margin" and margin = 0 equal scores cost nothing: set margin above 0, e.g. 1'
            )
        return self


class RewardModel:
    """Scores answers so that chosen ones stand above rejected ones. Batch rows alternate: chosen, rejected.

    `branch_slot` is the slot of its adapter, None where the head alone learns.
    """

    learns_from = "pairs"
    options: Options
    inner_epochs = 1

    def __init__(self, actors: Actors, options: Options, slot: str) -> None:
        self.actors, self.options, self.slot = actors, options, slot
        self.branch_slot = slot if options.trains == "branch" else None
        self.minibatch_size = options.batch_size
        if self.branch_slot is not None:
            actors.model.slots.add(self.branch_slot)
        head = ScalarHead(actors.model.hidden_size, init="normal", kind=options.head)
        self.head = head.to(actors.model.device)
        self._frozen: dict[Pair, torch.Tensor] = {}

    @property
    def reward(self) -> LearnedReward:
        """The trained model as a reward."""
        return LearnedReward(self.actors.model, self.branch_slot, self.head, self.options.reads)

    @property
    def tokens_kept(self) -> int:
        """Tokens of the rows seen so far."""
        return self.actors.cache.distinct_tokens

    def trainable(self) -> list[nn.Parameter]:
        """The adapter's weights, where it has one, and the head's."""
        slots = self.actors.model.slots
        own = slots.weights(self.branch_slot) if self.branch_slot is not None else []
        return [*own, *self.head.parameters()]

    def prepare(self, rows: list[Comparison], held_out: list[Comparison]) -> Iterator[Prepared]:
        """The trunk states of all answers; where the head alone learns, what it reads of the base model's states."""
        pairs = pairs_of([*rows, *held_out])
        yield from self.actors.cache.fill(pairs, self.actors.processes)
        for start in range(0, len(pairs) if self.branch_slot is None else 0, AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            self._frozen_states(part, self.actors.kept(part))
            yield "states", len(part), len(pairs)

    def state(self) -> dict[str, Any]:
        """Nothing but the weights."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to do."""

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and kept trunk states of both answers of every pair."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        batch = self.actors.kept(pairs, siblings=2)
        extras = _preferences(rows, self.actors.model.device)
        if self.branch_slot is None:
            extras["states_BH"] = self._frozen_states(pairs, batch)
        return replace(batch, extras=extras)

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """The chosen loss per pair."""
        if self.branch_slot is None:
            states_BH = micro.extras["states_BH"]
        else:
            with self.actors.model.slots.use(self.branch_slot, learning=True):
                states_BH = READS[self.options.reads](self.actors.model.branch(micro.trunk), micro.tokens)
        scores_B = self.head(states_BH, learning=True)
        value = self._loss(scores_B, micro).sum() / count
        measured = {name: per_pair.sum().item() / count for name, per_pair in _order(scores_B.detach(), micro).items()}
        return Loss(value=value, metrics={"loss/total": value.item(), **measured})

    @torch.no_grad()
    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss on held-out pairs, and accuracy (equal scores count 1/2) on those that are no ties."""
        batch = self.collect(rows)
        scores_B = batch.each(lambda own: self.reward(own.tokens, own.trunk))
        found = {"eval/loss": self._loss(scores_B, batch).mean().item()}
        if order := _order(scores_B, batch):
            found["eval/accuracy"] = order["reward/accuracy"].mean().item()
        return found

    @torch.no_grad()
    def finish(self, rows: list[Comparison]) -> None:
        """Normalise the head on the training pairs, as the settings say."""
        self.head.gain.fill_(1.0)  # measure the raw scores, also when called again
        self.head.shift.zero_()
        if self.options.normalise == "none":
            return
        batch = self.collect(rows)
        scores_P2 = batch.each(lambda own: self.reward(own.tokens, own.trunk)).view(-1, 2)
        chosen_P = scores_P2[:, 0]
        spread = (scores_P2 if self.options.normalise == "answers" else chosen_P).std(correction=0)
        gain = 1 / spread.clamp(min=1e-6)
        self.head.gain.copy_(gain)
        self.head.shift.copy_(-gain * chosen_P.mean())

    def save(self, folder: Path | None) -> None:
        """The head, and the adapter in peft's format beside it where there is one."""
        if self.branch_slot is not None:
            self.actors.model.slots.save(self.branch_slot, folder)
        self.head.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; a missing or unexpected weight is an error."""
        if self.branch_slot is not None:
            self.actors.model.slots.load(self.branch_slot, folder)
        self.head.load(folder)

    def _loss(self, scores_B: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Per pair [P]."""
        loss, margin = LOSSES[self.options.loss]
        if self.options.margin is not None:
            margin = self.options.margin
        chosen_P, rejected_P = scores_B.view(-1, 2).unbind(1)
        return loss(chosen_P, rejected_P, batch.extras["strength_B"][::2], margin)

    def _frozen_states(self, pairs: list[Pair], batch: Batch) -> torch.Tensor:
        """What the head reads [B, H] of the base model's states; they never change, so each is computed once."""
        if any(pair not in self._frozen for pair in pairs):
            states_BH = batch.each(lambda own: self.reward.states(own.tokens, own.trunk))
            for pair, state_H in zip(pairs, states_BH, strict=True):
                self._frozen.setdefault(pair, state_H)
        return torch.stack([self._frozen[pair] for pair in pairs])


def _preferences(rows: list[Comparison], device: torch.device) -> dict[str, torch.Tensor]:
    """Strength of every row's pair, and its weight in accuracy and margin: 0 of a tie, 1 on average of all pairs.

    Raises UserError where a strength is negative or no finite number.
    """
    for row in rows:
        if not 0 <= row.strength < math.inf:
            raise UserError(
                f"Pair '{row.key}' has strength {row.strength}. Write a positive number, e.g. 1, or 0 for a tie; where "
                f"the other answer is preferred, exchange the two."
            )
    strength_P = torch.tensor([row.strength for row in rows], device=device)
    clear_P = (strength_P > 0).float()
    weight_P = clear_P / clear_P.mean().clamp(min=1 / len(rows))
    return {"strength_B": strength_P.repeat_interleave(2), "weight_B": weight_P.repeat_interleave(2)}


def _order(scores_B: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
    """Of every pair, weighted: whether its scores stand in order, and by how much [P]; nothing where all are ties."""
    chosen_P, rejected_P = scores_B.view(-1, 2).unbind(1)
    weight_P = batch.extras["weight_B"][::2]
    if not weight_P.any():
        return {}
    return {
        "reward/accuracy": weight_P * pair_accuracy(chosen_P, rejected_P),
        "reward/margin": weight_P * (chosen_P - rejected_P),
    }
