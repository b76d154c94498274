"""Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, eq. 7).

The reference's log-probabilities are taken once for each pair and kept. Chosen and rejected share their prompt, which
passes trunk and branch once for both.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from pydantic import Field
from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings
from topgraft.objectives.masked import spread
from topgraft.objectives.preference import dpo_loss, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rollout.cache import Pair


class Options(OfflineSettings):
    """[dpo]"""

    learning_rate: float = Field(5e-5, gt=0)
    """Peak rate of the optimizer."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most; the best step by validation loss is kept."""
    beta: float = Field(0.1, gt=0)
    """Weight of the log-ratio to the reference: larger keeps the policy nearer to it."""
    smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Probability with which a pair is taken to be labelled the wrong way round."""


class DPO:
    """Policy in slot `slot`, a copy of the frozen `reference` slot (None: the base model). Batch rows alternate:
    chosen, rejected."""

    inner_epochs = 1

    def __init__(self, actors: Actors, options: Options, slot: str, *, reference: str | None = None) -> None:
        self.actors, self.options, self.slot, self.reference = actors, options, slot, reference
        self.minibatch_size = options.batch_size
        actors.model.slots.add(slot, copy_of=reference)
        self._reference: dict[Pair, torch.Tensor] = {}

    @property
    def tokens_kept(self) -> int:
        """Tokens of the rows seen so far."""
        return self.actors.cache.distinct_tokens

    def trainable(self) -> list[nn.Parameter]:
        """The slot's weights."""
        return self.actors.model.slots.weights(self.slot)

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and trunk states of both answers of every pair, and the reference's log-probability of each."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        tokens, trunk = self.actors.cache.get(pairs)
        new = list({pair: place for place, pair in enumerate(pairs) if pair not in self._reference}.values())
        if new:
            index = torch.tensor(new, device=tokens.ids_BT.device)
            with torch.no_grad(), self.actors.model.slots.use(self.reference):
                found = self.actors.model.row_logprobs(trunk.rows(index), tokens.rows(index))
            self._reference.update((pairs[place], row_L.sum()) for place, row_L in zip(new, found, strict=True))
        extras = {"reference_B": torch.stack([self._reference[pair] for pair in pairs])}
        return Batch(tokens=tokens, trunk=trunk, siblings=2, extras=extras)

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """-log sigmoid of the margin per pair."""
        model, tokens = self.actors.model, micro.tokens
        with model.slots.use(self.slot, learning=True):
            final_BLH = model.branch(micro.trunk)
        logprobs_R, _ = model.logprobs(final_BLH, tokens)
        ratio_B = spread(logprobs_R, tokens.counted_BT).sum(1) - micro.extras["reference_B"]
        chosen_P, rejected_P = ratio_B.view(-1, 2).unbind(1)
        value = dpo_loss(chosen_P, rejected_P, self.options.beta, smoothing=self.options.smoothing).sum() / count
        return Loss(value=value, metrics={"loss/total": value.item(), **self._metrics(chosen_P, rejected_P, count)})

    @torch.no_grad()
    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss and accuracy (a tie counts 1/2) on held-out pairs."""
        batch = self.collect(rows)
        with self.actors.model.slots.use(self.slot):
            found = self.actors.model.row_logprobs(batch.trunk, batch.tokens)
        ratio_B = torch.stack([row_L.sum() for row_L in found]) - batch.extras["reference_B"]
        chosen_P, rejected_P = ratio_B.view(-1, 2).unbind(1)
        loss_P = dpo_loss(chosen_P, rejected_P, self.options.beta, smoothing=self.options.smoothing)
        return {
            "eval/loss": loss_P.mean().item(),
            "eval/accuracy": pair_accuracy(chosen_P, rejected_P).mean().item(),
        }

    def finish(self, rows: list[Comparison]) -> None:
        """Nothing to do."""

    def save(self, folder: Path) -> None:
        """The adapter in peft's format."""
        self.actors.model.slots.save(self.slot, folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        self.actors.model.slots.load(self.slot, folder)

    def _metrics(self, chosen_P: torch.Tensor, rejected_P: torch.Tensor, count: float) -> dict[str, float]:
        """The implicit rewards beta log(policy / reference), summed over pairs and divided by `count`."""
        with torch.no_grad():
            beta = self.options.beta
            parts: Iterable[tuple[str, torch.Tensor]] = (
                ("reward/accuracy", pair_accuracy(chosen_P, rejected_P)),
                ("reward/margin", beta * (chosen_P - rejected_P)),
                ("reward/chosen", beta * chosen_P),
                ("reward/rejected", beta * rejected_P),
            )
            return {name: (part.sum() / count).item() for name, part in parts}
