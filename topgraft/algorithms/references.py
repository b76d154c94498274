"""The frozen reference that a policy starts from and is held near to."""

from collections.abc import Iterator, Sequence

import torch

from topgraft.algorithms.protocol import Actors, Prepared
from topgraft.errors import UserError
from topgraft.model.split_model import SplitModel
from topgraft.objectives.masked import spread
from topgraft.objectives.preference import pair_accuracy
from topgraft.records import Batch
from topgraft.rollout.rows import Pair

AT_ONCE = 256
"""Rows whose states are at hand at once where all rows are gone through."""


def start_from(model: SplitModel, slot: str, reference: str | None) -> None:
    """Add the policy's slot as a copy of the reference's (None: the base model). Raises UserError where the two do not
    predict the same on a probe: their KL would not begin at 0."""
    model.slots.add(slot, copy_of=reference)
    gap = (_probe(model, slot) - _probe(model, reference)).abs().max().item()
    if not gap <= 1e-6:  # NaN too
        raise UserError(
            f"The new policy '{slot}' and its reference '{reference or 'base'}' differ by {gap:.2g} in a logit before "
            f"the first step, so their KL does not begin at 0. Does a weight of the model hold NaN?"
        )


@torch.no_grad()
def _probe(model: SplitModel, slot: str | None) -> torch.Tensor:
    """Logits [2, 5, V] that the slot gives to random crossing states (to random ids where every weight learns)."""
    generator = torch.Generator().manual_seed(0)

    def draw(length: int) -> torch.Tensor:
        if model.whole:
            return torch.randint(model.vocabulary, (length,), generator=generator).to(model.device)
        states_TH = torch.randn(length, model.hidden_size, generator=generator)
        return states_TH.to(model.device, model.model.dtype)

    state = model.state([draw(3), draw(2)], [0, 1], [draw(4), draw(4)])
    with model.slots.use(slot):
        return model.logits(model.branch(state))


@torch.no_grad()
def response_logprobs(model: SplitModel, slot: str | None, batch: Batch) -> torch.Tensor:
    """Log-probabilities [B] of whole responses under a slot (None: the base model)."""

    def read(own: Batch) -> torch.Tensor:
        return torch.stack([row_L.sum() for row_L in model.row_logprobs(own.trunk, own.tokens)])

    with model.slots.use(slot):
        return batch.each(read)


class Reference:
    """Log-probabilities of whole responses under a slot (None: the base model), each taken once and kept: a snapshot,
    whatever becomes of the slot."""

    def __init__(self, actors: Actors, slot: str | None) -> None:
        self.actors, self.slot = actors, slot
        self._kept: dict[Pair, torch.Tensor] = {}

    @torch.no_grad()
    def __call__(self, pairs: Sequence[Pair], batch: Batch) -> torch.Tensor:
        """[B], a row of `batch` for each pair of prompt and response."""
        if any(pair not in self._kept for pair in pairs):
            found_B = response_logprobs(self.actors.model, self.slot, batch)
            for pair, value in zip(pairs, found_B, strict=True):
                self._kept.setdefault(pair, value)
        return torch.stack([self._kept[pair] for pair in pairs])

    def fill(self, pairs: Sequence[Pair]) -> Iterator[Prepared]:
        """Take those of all `pairs`, in their order."""
        for start in range(0, len(pairs), AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            self(part, self.actors.kept(part))
            yield "reference", len(part), len(pairs)


def learning_ratios(actors: Actors, slot: str, micro: Batch) -> torch.Tensor:
    """log(policy / reference) [B] of whole responses, differentiable; `micro.extras["reference_B"]` is what a Reference
    gave."""
    model, tokens = actors.model, micro.tokens
    with model.slots.use(slot, learning=True):
        final_BLH = model.branch(micro.trunk)
    logprobs_R, _ = model.logprobs(final_BLH, tokens)
    return spread(logprobs_R, tokens.counted_BT).sum(1) - micro.extras["reference_B"]


@torch.no_grad()
def ratios(actors: Actors, slot: str, batch: Batch) -> torch.Tensor:
    """The same without gradients, for any number of rows."""
    return response_logprobs(actors.model, slot, batch) - batch.extras["reference_B"]


@torch.no_grad()
def implicit_rewards(ratio_B: torch.Tensor, beta: float, pairs: float) -> dict[str, float]:
    """Metrics of the rewards beta log(policy / reference) of rows that alternate chosen, rejected: their sums, divided
    by `pairs`."""
    chosen_P, rejected_P = (beta * ratio_B).view(-1, 2).unbind(1)
    parts = {
        "reward/accuracy": pair_accuracy(chosen_P, rejected_P),
        "reward/margin": chosen_P - rejected_P,
        "reward/chosen": chosen_P,
        "reward/rejected": rejected_P,
    }
    return {name: (part.sum() / pairs).item() for name, part in parts.items()}
