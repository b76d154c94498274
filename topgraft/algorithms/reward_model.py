"""Reward model: Bradley-Terry on pairs, by a branch with its own adapter and a scalar head at the last token.

Departs from Ouyang et al. (2022) in:
1. the backbone is a branch on the shared trunk, not a model of its own;
2. after training the head is scaled and shifted so that the chosen answers of the training pairs have mean score 0
   (Huang et al. 2024, arXiv 2403.17031) and all answers of the training pairs have standard deviation 1.
"""

from pathlib import Path

import torch
from pydantic import Field
from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings
from topgraft.model.heads import ScalarHead
from topgraft.model.split_model import last_states
from topgraft.objectives.preference import bradley_terry, pair_accuracy
from topgraft.records import Batch, Comparison, Loss
from topgraft.rewards.learned import LearnedReward


class Options(OfflineSettings):
    """[reward]"""

    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most; the best step by validation loss is kept."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay."""


class RewardModel:
    """Scores answers so that chosen ones stand above rejected ones. Batch rows alternate: chosen, rejected."""

    inner_epochs = 1

    def __init__(self, actors: Actors, options: Options, slot: str) -> None:
        self.actors, self.options, self.slot = actors, options, slot
        self.minibatch_size = options.batch_size
        actors.model.slots.add(slot)
        self.head = ScalarHead(actors.model.hidden_size, init="normal").to(actors.model.device)

    @property
    def reward(self) -> LearnedReward:
        """The trained model as a reward."""
        return LearnedReward(self.actors.model, self.slot, self.head)

    @property
    def tokens_kept(self) -> int:
        """Tokens of the rows seen so far."""
        return self.actors.cache.distinct_tokens

    def trainable(self) -> list[nn.Parameter]:
        """The slot's weights and the head's."""
        return [*self.actors.model.slots.weights(self.slot), *self.head.parameters()]

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and kept trunk states of both answers of every pair."""
        pairs = [(row.prompt, answer) for row in rows for answer in (row.chosen, row.rejected_ids or row.rejected)]
        tokens, trunk = self.actors.cache.get(pairs)
        return Batch(tokens=tokens, trunk=trunk, siblings=2)

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Bradley-Terry loss per pair."""
        with self.actors.model.slots.use(self.slot, learning=True):
            hidden_BTH = self.actors.model.branch(micro.trunk)
        scores_P2 = self.head(last_states(hidden_BTH, micro.tokens)).view(-1, 2)
        chosen_P, rejected_P = scores_P2.unbind(1)
        value = bradley_terry(chosen_P, rejected_P).sum() / count
        accuracy = pair_accuracy(chosen_P, rejected_P).sum() / count
        margin = (chosen_P - rejected_P).sum() / count
        return Loss(
            value=value,
            metrics={
                "loss/total": value.item(),
                "reward/accuracy": accuracy.item(),
                "reward/margin": margin.item(),
            },
        )

    @torch.no_grad()
    def validate(self, rows: list[Comparison]) -> dict[str, float]:
        """Loss and accuracy (a tie counts 1/2) on held-out pairs."""
        batch = self.collect(rows)
        scores_P2 = self.reward(batch.tokens, batch.trunk).total_B.view(-1, 2)
        chosen_P, rejected_P = scores_P2.unbind(1)
        return {
            "eval/loss": bradley_terry(chosen_P, rejected_P).mean().item(),
            "eval/accuracy": pair_accuracy(chosen_P, rejected_P).mean().item(),
        }

    @torch.no_grad()
    def finish(self, rows: list[Comparison]) -> None:
        """Normalise the head: chosen answers get mean score 0, all answers together standard deviation 1."""
        self.head.gain.fill_(1.0)  # measure the raw scores, also when called again
        self.head.shift.zero_()
        batch = self.collect(rows)
        scores_P2 = self.reward(batch.tokens, batch.trunk).total_B.view(-1, 2)
        gain = 1 / scores_P2.std(correction=0).clamp(min=1e-6)
        self.head.gain.copy_(gain)
        self.head.shift.copy_(-gain * scores_P2[:, 0].mean())

    def save(self, folder: Path) -> None:
        """The adapter in peft's format and the head beside it."""
        self.actors.model.slots.save(self.slot, folder)
        self.head.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; a missing or unexpected weight is an error."""
        self.actors.model.slots.load(self.slot, folder)
        self.head.load(folder)
