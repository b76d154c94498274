"""Odds ratio preference optimisation (Hong et al. 2024, arXiv 2403.07691, eq. 6 and 7).

One loss without a reference: the chosen answer's negative log-likelihood, plus a term that grows its odds above the
rejected one's. Chosen and rejected share their prompt, which passes trunk and branch once for both.

Departs from the paper where stage `sft` has run: the policy then starts from it instead of from the base model.
"""

import torch
from pydantic import Field

from topgraft.algorithms.protocol import OfflineSettings
from topgraft.algorithms.references import response_logprobs
from topgraft.algorithms.slot import RowsLearner
from topgraft.objectives.masked import spread
from topgraft.objectives.preference import log_odds, odds_ratio_loss, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rollout.rows import Pair


class Options(OfflineSettings):
    """[orpo]"""

    learning_rate: float = Field(5e-5, gt=0)
    """Peak rate of the optimizer."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most, in whole batches."""
    weight: float = Field(0.1, gt=0)
    """Weight of the odds-ratio term beside the likelihood (the paper's lambda)."""


class ORPO(RowsLearner):
    """Policy in slot `slot`, which starts as a copy of slot `reference` (None: the base model). Batch rows alternate:
    chosen, rejected."""

    learns_from = "pairs"
    options: Options

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and trunk states of both answers of every pair."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        return self.actors.kept(pairs, siblings=2)

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Negative log-likelihood of the chosen answer's tokens plus the weighted odds-ratio loss, per pair."""
        model, tokens = self.actors.model, micro.tokens
        with model.slots.use(self.slot, learning=True):
            final_BLH = model.branch(micro.trunk)
        logprobs_R, _ = model.logprobs(final_BLH, tokens)
        mean_B = spread(logprobs_R, tokens.counted_BT).sum(1) / tokens.counted_BT.sum(1)
        chosen_P, rejected_P = mean_B.view(-1, 2).unbind(1)
        odds_P = odds_ratio_loss(chosen_P, rejected_P)
        value = (self.options.weight * odds_P - chosen_P).sum() / count
        with torch.no_grad():
            parts = {
                "loss/likelihood": -chosen_P,
                "loss/odds": odds_P,
                "reward/accuracy": pair_accuracy(chosen_P, rejected_P),
                "reward/margin": log_odds(chosen_P) - log_odds(rejected_P),
            }
            metrics = {name: (part.sum() / count).item() for name, part in parts.items()}
        return Loss(value=value, metrics={"loss/total": value.item(), **metrics})

    @torch.no_grad()
    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss and accuracy (a tie counts 1/2) on held-out pairs."""
        batch = self.collect(rows)
        total_B = response_logprobs(self.actors.model, self.slot, batch)
        chosen_P, rejected_P = (total_B / batch.tokens.counted_BT.sum(1)).view(-1, 2).unbind(1)
        loss_P = self.options.weight * odds_ratio_loss(chosen_P, rejected_P) - chosen_P
        return {
            "eval/loss": loss_P.mean().item(),
            "eval/accuracy": pair_accuracy(chosen_P, rejected_P).mean().item(),
        }
