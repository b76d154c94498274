"""Kahneman-Tversky optimisation (Ethayarajh et al. 2024, arXiv 2402.01306, eq. 8).

Answers are desirable or undesirable one by one; a pair brings one of each. The value of an answer is a sigmoid of its
log-ratio to the reference, less a reference point: the KL of policy and reference, estimated on the prompts of the
batch, each with the answer of another.

Departs from the paper in that the reference point is estimated once for a batch, and that a prompt keeps the foreign
answers that it is given, those of the next row: their trunk states are then kept too.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from pydantic import Field

from topgraft.algorithms.protocol import Actors, OfflineSettings, Prepared
from topgraft.algorithms.references import Reference, implicit_rewards, learning_ratios, ratios
from topgraft.algorithms.slot import RowsLearner, pairs_of
from topgraft.objectives.preference import kto_loss, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rollout.rows import Pair


class Options(OfflineSettings):
    """[kto]"""

    learning_rate: float = Field(5e-5, gt=0)
    """Peak rate of the optimizer."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most, in whole batches."""
    beta: float = Field(0.1, gt=0)
    """Slope of the value in the log-ratio to the reference: larger keeps the policy nearer to it."""
    desirable: float = Field(1.0, gt=0)
    """Weight of desirable answers."""
    undesirable: float = Field(1.0, gt=0)
    """Weight of undesirable answers."""


class KTO(RowsLearner):
    """Policy in slot `slot`, a copy of the frozen `reference` slot (None: the base model). Batch rows alternate:
    desirable, undesirable."""

    learns_from = "pairs"
    options: Options

    def __init__(self, actors: Actors, options: Options, slot: str, *, reference: str | None = None) -> None:
        super().__init__(actors, options, slot, reference=reference)
        self.reference = Reference(actors, reference)
        self._strangers: dict[Comparison, Comparison] = {}

    def prepare(self, rows: list[Comparison], held_out: list[Comparison]) -> Iterator[Prepared]:
        """The trunk states of all answers, to their own prompt and to the one that they are strangers to, and the
        reference's log-probabilities of them."""
        self._meet(rows)
        self._meet(held_out)
        pairs = [*pairs_of([*rows, *held_out]), *self._foreign([*rows, *held_out])]
        yield from self.actors.cache.fill(pairs, self.actors.processes)
        yield from self.reference.fill(pairs)

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and trunk states of both answers of every pair, the reference's log-probability of each, and the
        reference point under the policy as it is now."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        batch = self.actors.kept(pairs, siblings=2)
        reference_B, point = self.reference(pairs, batch), self._point(rows)
        extras = {"reference_B": reference_B, "point_B": point.expand(len(pairs))}
        return replace(batch, extras=extras, metrics={"kl/point": point.item()})

    def count(self, minibatch: Batch) -> float:
        """Answers."""
        return float(len(minibatch.tokens))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Weight less value, per answer."""
        ratio_B = learning_ratios(self.actors, self.slot, micro)
        value = self._loss(ratio_B, micro).sum() / count
        rewards = implicit_rewards(ratio_B, self.options.beta, pairs=count / 2)
        return Loss(value=value, metrics={"loss/total": value.item(), **rewards})

    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss on held-out answers, and how often the desirable one of a pair gained more (a tie counts 1/2)."""
        batch = self.collect(rows)
        ratio_B = ratios(self.actors, self.slot, batch)
        return {
            "eval/loss": self._loss(ratio_B, batch).mean().item(),
            "eval/accuracy": pair_accuracy(*ratio_B.view(-1, 2).unbind(1)).mean().item(),
        }

    @torch.no_grad()
    def _point(self, rows: list[Comparison]) -> torch.Tensor:
        """The reference point []: max(0, mean of log(policy / reference)) over prompts with the answers of another row;
        0 where no row has met another."""
        self._meet(rows)
        pairs = self._foreign(rows)
        if not pairs:
            return torch.zeros((), device=self.actors.model.device)
        batch = self.actors.kept(pairs)
        batch = replace(batch, extras={"reference_B": self.reference(pairs, batch)})
        return ratios(self.actors, self.slot, batch).mean().clamp(min=0)

    def _meet(self, rows: list[Comparison]) -> None:
        """Each row that has met no other meets the next one with another prompt."""
        if len({row.prompt for row in rows}) == 1:
            return
        for place, row in enumerate(rows):
            others = (rows[(place + steps) % len(rows)] for steps in range(1, len(rows)))
            self._strangers.setdefault(row, next(other for other in others if other.prompt != row.prompt))

    def _foreign(self, rows: list[Comparison]) -> list[Pair]:
        """The prompts of the rows, each with both answers of the row that it has met."""
        met = [(row.prompt, self._strangers[row]) for row in rows if row in self._strangers]
        return [(prompt, answer) for prompt, other in met for _, answer in other.pairs]

    def _loss(self, ratio_B: torch.Tensor, batch: Batch) -> torch.Tensor:
        desirable_B = torch.arange(len(ratio_B), device=ratio_B.device) % 2 == 0
        options = self.options
        weights = options.desirable, options.undesirable
        return kto_loss(ratio_B, desirable_B, batch.extras["point_B"], options.beta, weights)
