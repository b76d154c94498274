"""Every record that crosses a doorway between packages.

Shape legend: B sequences, T token positions (padded on the right), P prompt and L response positions, R response tokens
packed end to end, H hidden size. Masks say what True means: `real` = not padding, `counted` = enters the loss.
Position t of a `counted` tensor speaks of the token at t, predicted from the hidden state at t - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from topgraft.processes import Shares


@dataclass(frozen=True, kw_only=True, slots=True)
class Demonstration:
    """One row of data: a prompt and the answer that it should have.

    Example: key="sum_even-1", group="sum_even" (rows of one group never straddle two splits), prompt="Problem: ...",
    response="Your submission is correct ...", correct=True (what the answer should say; None where unknown),
    category="misconception" (what sort of prompt it is; "" where unknown), right and wrong: answers known to be so,
    rejected: an answer that people liked less, where the data bring one, and strength: how clear that was (0: a tie),
    part: "train", "test" or "validation" where the data say so. A row of a prompt alone has the response "".
    """

    key: str
    group: str
    prompt: str
    response: str
    correct: bool | None = None
    category: str = ""
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    rejected: str | None = None
    strength: float = 1.0
    part: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two answers to one prompt, the first preferred. `rejected_ids` are its tokens as they were sampled, where it was:
    text encoded again may give others, and an end that was not there. `strength` says how clear the preference is; at 0
    it is a tie, both answers are equally good."""

    key: str
    prompt: str
    chosen: str
    rejected: str
    rejected_ids: tuple[int, ...] = ()
    strength: float = 1.0

    @property
    def pairs(self) -> tuple[tuple[str, str], tuple[str, str | tuple[int, ...]]]:
        """(prompt, answer) of the chosen and of the rejected answer, the latter as it was sampled where it was."""
        return (self.prompt, self.chosen), (self.prompt, self.rejected_ids or self.rejected)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token sequences, prompt then response, padded on the right.

    `real_BT` is True for tokens, `counted_BT` for response tokens including the end token. Both are made from
    lengths, never from token ids.
    """

    ids_BT: torch.Tensor
    real_BT: torch.Tensor
    counted_BT: torch.Tensor

    def rows(self, index: torch.Tensor) -> Tokens:
        """The chosen rows, with padding cut back to the longest of them."""
        real_BT = self.real_BT[index]
        longest = int(real_BT.sum(1).max())
        return Tokens(
            ids_BT=self.ids_BT[index, :longest],
            real_BT=real_BT[:, :longest],
            counted_BT=self.counted_BT[index, :longest],
        )

    @property
    def lengths_B(self) -> torch.Tensor:
        """Real tokens in each row."""
        return self.real_BT.sum(1)

    def __len__(self) -> int:
        return int(self.ids_BT.shape[0])


@dataclass(frozen=True, kw_only=True)
class TrunkState:
    """What the trunk made of some sequences: the hidden state that crosses the split, at every token, without padding.

    Row b is `prompts[owners[b]]` [P, H] and then `responses[b]` [L, H]; rows with the same prompt share one tensor. A
    state made by another base or at another split is refused by the branch. (Where every weight learns there is no
    trunk, and the "state" is the token ids themselves, [P] and [L].)
    """

    prompts: tuple[torch.Tensor, ...]
    owners: tuple[int, ...]
    responses: tuple[torch.Tensor, ...]
    split_layer: int
    base_digest: str

    def rows(self, index: torch.Tensor) -> TrunkState:
        """The chosen rows and the prompts that they need; nothing is copied."""
        chosen = index.tolist()
        number = {owner: place for place, owner in enumerate(dict.fromkeys(self.owners[row] for row in chosen))}
        return replace(
            self,
            prompts=tuple(self.prompts[owner] for owner in number),
            owners=tuple(number[self.owners[row]] for row in chosen),
            responses=tuple(self.responses[row] for row in chosen),
        )

    def among(self, rows: int, places: Sequence[int]) -> TrunkState:
        """As many rows, of which those at `places` are these; the others have no states here."""
        none = self.responses[0][:0]
        owners, responses = [0] * rows, [none] * rows
        for own, place in enumerate(places):
            owners[place], responses[place] = 1 + self.owners[own], self.responses[own]
        return replace(self, prompts=(none, *self.prompts), owners=tuple(owners), responses=tuple(responses))

    @property
    def distinct_tokens(self) -> int:
        """Tokens kept, a shared prompt counted once."""
        return sum(len(states) for states in (*self.prompts, *self.responses))

    def __len__(self) -> int:
        return len(self.responses)


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """Sampled responses: tokens, their log-probabilities as they were sampled, and the trunk states kept on the way.

    `sampled_logprobs_BT` are the model's own, over its whole vocabulary; `drawn_logprobs_BT` those of what the tokens
    were really drawn from, after penalty and truncation. `ended_B` is True where the model stopped by itself, with an
    end token or a stop string, which `texts` leave out. `final_RH` holds the policy's last hidden states at the
    positions that predict the response tokens: the first values of a shared value head come from them.
    """

    tokens: Tokens
    texts: list[str]
    sampled_logprobs_BT: torch.Tensor
    drawn_logprobs_BT: torch.Tensor
    ended_B: torch.Tensor
    trunk: TrunkState
    final_RH: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Rewards of some responses [B]: the total, and every named part of it (NaN where a part does not apply)."""

    total_B: torch.Tensor
    parts: dict[str, torch.Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One sampled response as training keeps it: its score, the parts of the score, and its KL to the reference in
    nats (k1 of its tokens, summed). `key` is the row whose prompt it answers."""

    key: str
    response: str
    tokens: int
    ended: bool
    score: float
    kl: float
    parts: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What an algorithm's `collect` gives and its `loss` takes.

    An item is `siblings` consecutive rows (2 for a pair, chosen first). Tensors in `extras` have the rows' dimension
    first, and names that end in their shape, e.g. "values_BT". `metrics` and `samples` describe the collection as a
    whole. Where several processes share the items, `trunk` has the states of this one's items alone.
    """

    tokens: Tokens
    trunk: TrunkState
    siblings: int = 1
    extras: dict[str, torch.Tensor] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    shares: Shares | None = None
    """Which process works on which item; None: this one on all."""

    @property
    def own(self) -> Batch | None:
        """This process's items; None where it has none."""
        if self.shares is None or not self.shares.cut:
            return self
        mine = self.shares.mine
        return replace(self.rows(self.tokens.ids_BT.new_tensor(mine)), shares=None) if mine else None

    def each(self, read: Callable[[Batch], torch.Tensor]) -> torch.Tensor:
        """What `read` finds of every row [B, ...], each process looking at its own."""
        if self.shares is None or not self.shares.cut:
            return read(self)
        own = self.own
        assert own is not None  # there are shares only where there is one for every process
        return self.shares.rows(self.siblings).all(read(own))

    def rows(self, items: torch.Tensor) -> Batch:
        """The chosen items; tensors over token positions are cut to the longest of their rows."""
        offsets = items.new_tensor(range(self.siblings))
        index = (items[:, None] * self.siblings + offsets).flatten()
        tokens = self.tokens.rows(index)
        width = tokens.ids_BT.shape[1]
        extras = {
            name: tensor[index][:, :width] if name.endswith("_BT") else tensor[index]
            for name, tensor in self.extras.items()
        }
        trunk, shares = self.trunk.rows(index), self.shares.of(items.tolist()) if self.shares is not None else None
        return Batch(tokens=tokens, trunk=trunk, siblings=self.siblings, extras=extras, shares=shares)

    def __len__(self) -> int:
        return len(self.tokens) // self.siblings


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One micro-batch's loss: the value to differentiate and the metrics to log, each already divided by the
    whole minibatch's count, so that micro-batches simply add up."""

    value: torch.Tensor
    metrics: dict[str, float]
