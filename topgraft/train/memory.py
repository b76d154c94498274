"""How much memory a stage will need at its peak, from its own phases, tried on a few short rows.

What a phase needs is in no formula here: each is run for real (the sampler's prefill and one step of it, the trunk, the
branch without gradients, the algorithm's own loss and its backward pass) while the bytes of live tensors are counted.
The tensors of r rows of t tokens take base + r (a t + b t^2) bytes, b being attention's share where an implementation
keeps scores; three tries find the three numbers. The peak is what the process holds already, what stays, and the
largest phase.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from topgraft.algorithms.protocol import Actors, Algorithm, StepSettings
from topgraft.data.template import pack
from topgraft.model.crossing import Crossing
from topgraft.model.split_model import TOKENS_AT_ONCE
from topgraft.records import Batch, Tokens
from topgraft.rollout.decoding import Decoding, Prefill
from topgraft.rollout.packing import packed_bytes
from topgraft.train.live import Live

LONGEST_TRY = 128
"""Tokens of a row that a phase is tried on, at most."""
Sizes = tuple[int, int]
"""Bytes of a phase, packed and spread (`Live.peak`, `Live.spread`)."""


@dataclass(frozen=True)
class Curve:
    """Bytes of r rows of t tokens: base + r (linear t + square t^2)."""

    base: float
    linear: float
    square: float

    @classmethod
    def through(cls, tokens: int, two_half: float, two: float, four: float) -> "Curve":
        """From the bytes of two rows of tokens / 2, of two rows of `tokens`, and of four of them."""
        row = (four - two) / 2
        base = two - 2 * row
        square = max(0.0, 2 * (row - (two_half - base)) / tokens**2)
        return cls(base=base, linear=row / tokens - square * tokens, square=square)

    def at(self, rows: float, tokens: float) -> float:
        """Bytes of `rows` rows of `tokens` tokens."""
        return self.base + rows * (self.linear * tokens + self.square * tokens**2)


@dataclass(frozen=True)
class Work:
    """How much a stage does at once, in rows, and in tokens of its longest rows."""

    prompt: int
    response: int
    minibatch: int
    """Rows that an optimizer step learns from."""
    siblings: int = 1
    """Rows that stay together in a micro-batch."""
    sampled: int = 0
    """Responses sampled at a step; 0 where the stage learns from rows of data."""
    kept_tokens: int = 0
    """Tokens of rows of data whose trunk states this stage is the first to keep."""

    @property
    def tokens(self) -> int:
        """Of the longest row."""
        return self.prompt + self.response


@dataclass(frozen=True)
class Needs:
    """What a stage holds throughout (bytes), and what each of its phases takes on top.

    Phases: "trunk", "reading" (the branch without gradients), "backward" (loss and backward pass), and of what decoding
    is made of: "cached" (what a prefill leaves), "prefill" and "step".
    """

    work: Work
    state_bytes: int
    """Of one token's hidden state."""
    stays: int
    """The optimizer's moments, the weights of the best step, and kept states of rows of data."""
    packed: dict[str, Curve]
    """Bytes of every phase where each freed byte serves again (`Live.peak`)."""
    spread: dict[str, Curve]
    """The same where a freed block serves its own size only (`Live.spread`)."""
    matrices: int = 0
    """Bytes of the packed matrices of decoding."""
    on_host: bool = True
    """The memory is the process's, of the C library's allocator; a GPU's packs its blocks."""

    def total(self, micro_batch_tokens: int, rows_at_once: int) -> int:
        """Bytes at the stage's peak, above those of before it.

        The C library's allocator neither gives back nor reuses all that was freed. At best the peak is the largest
        phase; at worst decoding and a pass through the branch stand beside one another, spread. The middle is taken.
        """
        packed = self.phases(micro_batch_tokens, rows_at_once)
        best = max(packed.values())
        if not self.on_host:
            return self.stays + best
        spread = self.phases(micro_batch_tokens, rows_at_once, spread=True)
        worst = spread.pop("decoding", 0) + max(spread.values())
        return self.stays + (best + worst) // 2

    def phases(self, micro_batch_tokens: int, rows_at_once: int, *, spread: bool = False) -> dict[str, int]:
        """Bytes of each phase, by its name, under these two settings."""
        work, curves = self.work, self.spread if spread else self.packed
        rollouts = work.sampled * (work.tokens + work.response) * self.state_bytes
        found: dict[str, float] = {}
        if work.sampled:
            rows = min(work.sampled, rows_at_once)
            cached = curves["cached"].at(rows, work.prompt)
            old = cached if work.sampled > rows else 0  # the cache of the group before lives until the next one is made
            prefill = old + curves["prefill"].at(rows, work.prompt)
            step = cached + curves["step"].at(rows, work.tokens - 1)
            found["decoding"] = rollouts + self.matrices + max(prefill, step)
        read = min(work.minibatch, max(1, TOKENS_AT_ONCE / work.tokens))
        for name in ("trunk", "reading") if work.kept_tokens else ("reading",):
            found[name] = rollouts + curves[name].at(read, work.tokens)
        learned = min(work.minibatch, max(work.siblings, micro_batch_tokens / work.tokens))
        found["backward"] = rollouts + curves["backward"].at(learned, work.tokens)
        return {name: round(size) for name, size in found.items()}

    def fitting(self, micro_batch_tokens: int, rows_at_once: int, room: int) -> tuple[int, int] | None:
        """The two settings, that of the larger phase halved until the peak is `room` bytes at most; None where it stays
        above at one item and one row."""
        micro, rows = micro_batch_tokens, rows_at_once
        while self.total(micro, rows) > room:
            phases = self.phases(micro, rows)
            least = self.work.siblings * self.work.tokens
            can = {"backward": micro > least, "decoding": min(rows, self.work.sampled) > 1}
            largest = max((name for name in can if can[name]), key=lambda name: phases[name], default=None)
            if largest is None:
                return None
            if largest == "backward":
                micro //= 2
            else:
                rows = min(rows, self.work.sampled) // 2
        return micro, rows


def needs(algorithm: Algorithm, settings: StepSettings, work: Work) -> Needs:
    """Try every phase of a stage, on rows that one backward pass may hold. It changes no weight and draws nothing."""
    actors, learned = algorithm.actors, algorithm.trainable()
    tokens = max(4, min(LONGEST_TRY, work.tokens - 1, settings.micro_batch_tokens // 4))
    tokens -= tokens % 2
    with _as_before(algorithm):
        tries = _tries(tokens, lambda rows, length: _learn(algorithm, work, rows, length))
        if work.sampled:
            tries |= _tries(tokens, lambda rows, length: _decode(actors, rows, length))
    state_bytes = actors.model.hidden_size * actors.model.model.dtype.itemsize
    copies = (2 if settings.optimizer == "adamw" else 1) + 1
    weights = sum(weight.numel() * weight.element_size() for weight in learned)
    return Needs(
        work=work,
        state_bytes=state_bytes,
        stays=copies * weights + work.kept_tokens * state_bytes,
        packed={name: Curve.through(tokens, *(peak for peak, _ in found)) for name, found in tries.items()},
        spread={name: Curve.through(tokens, *(spread for _, spread in found)) for name, found in tries.items()},
        matrices=packed_bytes([actors.model.parts.decoder, actors.model.parts.output]),
        on_host=actors.model.device.type == "cpu",
    )


def _tries(tokens: int, tried: Callable[[int, int], dict[str, Sizes]]) -> dict[str, list[Sizes]]:
    """What `tried` (rows, tokens) measures of every phase, at the three points of a curve."""
    found = [tried(2, tokens // 2), tried(2, tokens), tried(4, tokens)]
    return {name: [sizes[name] for sizes in found] for name in found[0]}


def _learn(algorithm: Algorithm, work: Work, rows: int, length: int) -> dict[str, Sizes]:
    """Peak bytes of the passes over `rows` rows of `length` tokens, prompt and response in the work's proportions."""
    model = algorithm.actors.model
    response = min(length - 1, max(1, round(length * work.response / work.tokens)))
    ids = _ids(rows, length, model.vocabulary)
    pairs = [(row[:-response], row[-response:]) for row in ids]
    tokens = pack(pairs, algorithm.actors.template.pad_id, model.device)
    with Live() as trunk:
        state = model.trunk(tokens)
    slot = algorithm.slot if algorithm.slot in model.slots.names else None
    with Live() as reading, torch.no_grad(), model.slots.use(slot):
        model.row_logprobs(state, tokens)
    batch = Batch(tokens=tokens, trunk=state, extras=_Zeros(tokens, model.hidden_size))
    with Live() as backward:
        algorithm.loss(batch, count=1.0).value.backward()
    for weight in algorithm.trainable():
        weight.grad = None
    return {"trunk": _sizes(trunk), "reading": _sizes(reading), "backward": _sizes(backward)}


@torch.no_grad()
def _decode(actors: Actors, rows: int, length: int) -> dict[str, Sizes]:
    """Bytes that a prefill of `length` tokens leaves, and the peaks of it and of a step behind it."""
    model = actors.model
    prompts = _ids(rows, length, model.vocabulary)
    with Crossing(model.parts.blocks, model.split_layer) as crossing:
        with Live() as prefill:
            made = Prefill(model, actors.template, prompts, crossing)
            left = prefill.now
        uniform_BL = torch.full((rows, 1), 0.5, dtype=torch.float64)
        with Live() as step:
            Decoding(made, list(range(rows)), uniform_BL, actors.sampling).run()
    return {"cached": (left, left), "prefill": _sizes(prefill), "step": _sizes(step)}


def _sizes(live: Live) -> Sizes:
    return live.peak, live.spread


def _ids(rows: int, length: int, vocabulary: int) -> list[list[int]]:
    """Random token ids: no row shares its prompt with another."""
    return torch.randint(vocabulary, (rows, length), generator=torch.Generator().manual_seed(0)).tolist()


class _Zeros(dict[str, torch.Tensor]):
    """What an algorithm fixes in `collect`, as zeros: a name's suffix says their shape, e.g. "values_BT"."""

    def __init__(self, tokens: Tokens, hidden_size: int) -> None:
        super().__init__()
        rows, width = tokens.ids_BT.shape
        self.device = tokens.ids_BT.device
        self.sizes = {"B": rows, "T": width, "H": hidden_size}

    def __missing__(self, name: str) -> torch.Tensor:
        shape = [self.sizes[letter] for letter in name.rpartition("_")[2]]
        return torch.zeros(shape, device=self.device)


@contextmanager
def _as_before(algorithm: Algorithm) -> Iterator[None]:
    """Inside, the algorithm's weights learn; then they, the random state and the count of tokens are as before."""
    model, weights = algorithm.actors.model, algorithm.trainable()
    learning, counted = [weight.requires_grad for weight in weights], model.meter.tokens_in
    cards = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(cards):
        for weight in weights:
            weight.requires_grad_(True)
        try:
            yield
        finally:
            model.meter.tokens_in = counted
            for weight, learns in zip(weights, learning, strict=True):
                weight.requires_grad_(learns)
                weight.grad = None
