"""Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, eq. 7), and IPO (Azar et al. 2023, arXiv
2310.12036, eq. 17).

The reference's log-probabilities are taken once for each pair and kept. Chosen and rejected share their prompt, which
passes trunk and branch once for both.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from pydantic import Field, model_validator

from topgraft.algorithms.protocol import Actors, OfflineSettings, Prepared
from topgraft.algorithms.references import Reference, implicit_rewards, learning_ratios, ratios
from topgraft.algorithms.slot import RowsLearner, pairs_of
from topgraft.objectives.preference import dpo_loss, ipo_loss, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rollout.rows import Pair


class Options(OfflineSettings):
    """[dpo]"""

    learning_rate: float = Field(5e-5, gt=0)
    """Peak rate of the optimizer."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most, in whole batches."""
    beta: float = Field(0.1, gt=0)
    """Weight of the log-ratio to the reference: larger keeps the policy nearer to it."""
    loss: str = Field("sigmoid", pattern="^(sigmoid|ipo)$")
    """ "sigmoid": DPO's, which grows the margin without end; "ipo": draws it to 1 / (2 beta)."""
    smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Probability with which a pair is taken to be labelled the wrong way round ("sigmoid" only)."""

    @model_validator(mode="after")
    def _smoothing_acts(self) -> "Options":
        if self.loss == "ipo" and self.smoothing:
            raise ValueError('smoothing acts with loss = "sigmoid" only: leave it at 0 for "ipo"')
        return self


class DPO(RowsLearner):
    """Policy in slot `slot`, a copy of the frozen `reference` slot (None: the base model). Batch rows alternate:
    chosen, rejected."""

    learns_from = "pairs"
    options: Options

    def __init__(self, actors: Actors, options: Options, slot: str, *, reference: str | None = None) -> None:
        super().__init__(actors, options, slot, reference=reference)
        self.reference = Reference(actors, reference)

    def prepare(self, rows: list[Comparison], held_out: list[Comparison]) -> Iterator[Prepared]:
        """The trunk states of all rows, and the reference's log-probabilities of their answers."""
        yield from super().prepare(rows, held_out)
        yield from self.reference.fill(pairs_of([*rows, *held_out]))

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and trunk states of both answers of every pair, and the reference's log-probability of each."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        batch = self.actors.kept(pairs, siblings=2)
        return replace(batch, extras={"reference_B": self.reference(pairs, batch)})

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """The chosen loss per pair."""
        ratio_B = learning_ratios(self.actors, self.slot, micro)
        value = self._loss(ratio_B).sum() / count
        return Loss(
            value=value, metrics={"loss/total": value.item(), **implicit_rewards(ratio_B, self.options.beta, count)}
        )

    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss and accuracy (a tie counts 1/2) on held-out pairs."""
        ratio_B = ratios(self.actors, self.slot, self.collect(rows))
        return {
            "eval/loss": self._loss(ratio_B).mean().item(),
            "eval/accuracy": pair_accuracy(*ratio_B.view(-1, 2).unbind(1)).mean().item(),
        }

    def _loss(self, ratio_B: torch.Tensor) -> torch.Tensor:
        """Per pair [P]."""
        chosen_P, rejected_P = ratio_B.view(-1, 2).unbind(1)
        options = self.options
        if options.loss == "ipo":
            return ipo_loss(chosen_P, rejected_P, options.beta)
        return dpo_loss(chosen_P, rejected_P, options.beta, smoothing=options.smoothing)
