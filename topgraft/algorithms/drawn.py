"""What a policy drew: its responses and all that stays fixed about them, known to every process that shares them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from topgraft.objectives.kl import k1
from topgraft.processes import Shares
from topgraft.records import Rollouts, Sample, Scores, Tokens


@dataclass(frozen=True)
class Drawn:
    """Responses and what stays fixed about them: scores, and log-probabilities [B, T] of the policy that drew them and
    of the reference. `own` are those that this process drew, where several share the prompts as `shares` says."""

    keys: list[str]
    own: Rollouts
    shares: Shares
    rollouts: Rollouts
    scores: Scores
    old_BT: torch.Tensor
    reference_BT: torch.Tensor

    @property
    def shares_of_rows(self) -> Shares:
        """Which process drew which response."""
        return self.shares.rows(len(self.keys) // len(self.shares.owners))

    def known_to_all(self) -> "Drawn":
        """What every process drew, but for the trunk states."""
        if not self.shares.cut:
            return self
        shares, own, tokens = self.shares_of_rows, self.own, self.own.tokens
        tokens = Tokens(
            ids_BT=shares.all(tokens.ids_BT),
            real_BT=shares.all(tokens.real_BT),
            counted_BT=shares.all(tokens.counted_BT),
        )
        rollouts = Rollouts(
            tokens=tokens,
            texts=shares.records(own.texts),
            sampled_logprobs_BT=shares.all(own.sampled_logprobs_BT),
            drawn_logprobs_BT=shares.all(own.drawn_logprobs_BT),
            ended_B=shares.all(own.ended_B),
            trunk=own.trunk.among(len(tokens), shares.mine),
            final_RH=own.final_RH,
        )
        parts = {name: shares.all(value_B) for name, value_B in self.scores.parts.items()}
        return replace(
            self,
            rollouts=rollouts,
            scores=Scores(total_B=shares.all(self.scores.total_B), parts=parts),
            old_BT=shares.all(self.old_BT),
            reference_BT=shares.all(self.reference_BT),
        )

    def each(self, read: Callable[[Rollouts], torch.Tensor]) -> torch.Tensor:
        """What `read` finds of every row [B, ...], each process looking at what it drew."""
        return self.shares_of_rows.all(read(self.own))

    @property
    def score_B(self) -> torch.Tensor:
        """The total score of every response."""
        return self.scores.total_B

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The responses one by one, as they are kept."""
        tokens, ended = self.rollouts.tokens.counted_BT.sum(1).tolist(), self.rollouts.ended_B.tolist()
        total, kl = self.score_B.tolist(), self.kl_B.tolist()
        parts = {name: value_B.tolist() for name, value_B in self.scores.parts.items()}
        return tuple(
            Sample(
                key=key,
                response=self.rollouts.texts[row],
                tokens=tokens[row],
                ended=ended[row],
                score=total[row],
                kl=kl[row],
                parts={name: None if math.isnan(values[row]) else values[row] for name, values in parts.items()},
            )
            for row, key in enumerate(self.keys)
        )

    @property
    def kl_BT(self) -> torch.Tensor:
        """k1 of the sampled tokens to the reference."""
        return k1(self.old_BT, self.reference_BT)

    @property
    def kl_B(self) -> torch.Tensor:
        """Its sum over a response."""
        return torch.where(self.rollouts.tokens.counted_BT, self.kl_BT, 0).sum(1)
