"""Reward model: Bradley-Terry on pairs, by a scalar head on a branch.

The branch learns with an adapter of its own, or stays the base model's and the head alone learns.

Departs from Ouyang et al. (2022) in:
1. the backbone is a branch on the shared trunk, not a model of its own (with `trains = "head"` the base model's);
2. after training the head is scaled and shifted so that the chosen answers of the training pairs have mean score 0
   (Huang et al. 2024, arXiv 2403.17031) and all answers of the training pairs have standard deviation 1.
"""

from pathlib import Path

import torch
from pydantic import Field
from torch import nn

from topgraft.algorithms.protocol import Actors, OfflineSettings
from topgraft.model.heads import ScalarHead
from topgraft.objectives.preference import bradley_terry, pair_accuracy
from topgraft.records import Batch, Comparison, Loss, Tokens, TrunkState
from topgraft.rewards.learned import READS, LearnedReward
from topgraft.rollout.cache import Pair


class Options(OfflineSettings):
    """[reward]"""

    decides_what_weights_mean = ("trains", "reads")

    trains: str = Field("branch", pattern="^(branch|head)$")
    """ "branch": an adapter and the head; "head": the head alone, on the final states of the base model."""
    reads: str = Field("last", pattern="^(last|mean)$")
    """ "last": the head reads the state at the last token; "mean": the mean of the states at the response's tokens."""
    epochs: int = Field(3, ge=1)
    """Passes over the training pairs at most; the best step by validation loss is kept."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay."""

    @property
    def adapts(self) -> bool:
        """With an adapter."""
        return self.trains == "branch"


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
        self.head = ScalarHead(actors.model.hidden_size, init="normal").to(actors.model.device)
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

    def collect(self, rows: list[Comparison]) -> Batch:
        """Tokens and kept trunk states of both answers of every pair."""
        pairs: list[Pair] = [pair for row in rows for pair in row.pairs]
        tokens, trunk = self.actors.cache.get(pairs)
        extras = {} if self.branch_slot is not None else {"states_BH": self._frozen_states(pairs, tokens, trunk)}
        return Batch(tokens=tokens, trunk=trunk, siblings=2, extras=extras)

    def count(self, minibatch: Batch) -> float:
        """Pairs."""
        return float(len(minibatch))

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Bradley-Terry loss per pair."""
        if self.branch_slot is None:
            states_BH = micro.extras["states_BH"]
        else:
            with self.actors.model.slots.use(self.branch_slot, learning=True):
                states_BH = READS[self.options.reads](self.actors.model.branch(micro.trunk), micro.tokens)
        scores_P2 = self.head(states_BH).view(-1, 2)
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
        scores_P2 = self.reward(batch.tokens, batch.trunk).view(-1, 2)
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
        scores_P2 = self.reward(batch.tokens, batch.trunk).view(-1, 2)
        gain = 1 / scores_P2.std(correction=0).clamp(min=1e-6)
        self.head.gain.copy_(gain)
        self.head.shift.copy_(-gain * scores_P2[:, 0].mean())

    def save(self, folder: Path) -> None:
        """The head, and the adapter in peft's format beside it where there is one."""
        if self.branch_slot is not None:
            self.actors.model.slots.save(self.branch_slot, folder)
        self.head.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; a missing or unexpected weight is an error."""
        if self.branch_slot is not None:
            self.actors.model.slots.load(self.branch_slot, folder)
        self.head.load(folder)

    def _frozen_states(self, pairs: list[Pair], tokens: Tokens, trunk: TrunkState) -> torch.Tensor:
        """What the head reads [B, H] of the base model's states; they never change, so each is computed once."""
        new = [place for place, pair in enumerate(pairs) if pair not in self._frozen]
        if new:
            index = torch.tensor(new, device=tokens.ids_BT.device)
            states_BH = self.reward.states(tokens.rows(index), trunk.rows(index))
            self._frozen.update(zip([pairs[place] for place in new], states_BH, strict=True))
        return torch.stack([self._frozen[pair] for pair in pairs])
