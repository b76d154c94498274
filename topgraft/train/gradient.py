"""A minibatch's gradient, a micro-batch at a time, in smaller ones where the device's memory does not hold them."""

import gc
from collections.abc import Iterator

import torch
from accelerate import Accelerator
from torch import nn

from topgraft.algorithms.protocol import Algorithm
from topgraft.data.batching import buckets
from topgraft.records import Batch
from topgraft.train.progress import Screen

FULL = ("MPS backend out of memory", "DefaultCPUAllocator: can't allocate memory")
"""How devices without an exception of their own say it, in a RuntimeError. (Most often a CPU's system ends the process
instead; where the process has a limit, it hears of it.)"""


class Budget:
    """Tokens that one backward pass may hold; once lowered it stays so."""

    def __init__(self, tokens: int, screen: Screen) -> None:
        self.tokens, self.screen = tokens, screen

    def lower(self, held: int) -> None:
        """Half of the `held` tokens that were too many."""
        self.tokens = max(1, min(self.tokens, held) // 2)
        self.screen.say(f"  out of memory: micro_batch_tokens is halved to {self.tokens}; the gradient is the same")

    def state(self) -> int:
        """The tokens."""
        return self.tokens

    def restore(self, state: int) -> None:
        """No more than these: sums of other micro-batches round otherwise."""
        self.tokens = min(self.tokens, state)


class _Full(Exception):
    """Memory ran out on a micro-batch of several items that held `tokens` tokens."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


def gradient(
    algorithm: Algorithm, minibatch: Batch, budget: Budget, weights: list[nn.Parameter], accelerator: Accelerator
) -> dict[str, float]:
    """Leave the gradient of the minibatch's loss on the weights, which have none; the metrics, summed. Of processes
    that share it each makes the part of its own items.

    Where memory runs out the budget is halved and the minibatch begun again; the error comes through where a single
    item is too much.
    """
    seen: dict[str, float] = {}
    count, own = algorithm.count(minibatch), minibatch.own
    if own is not None:
        seen = _own(algorithm, own, count, budget, weights, accelerator)
    processes = algorithm.actors.processes
    processes.add_up(weights)
    return processes.together(seen)


def _own(
    algorithm: Algorithm,
    own: Batch,
    count: float,
    budget: Budget,
    weights: list[nn.Parameter],
    accelerator: Accelerator,
) -> dict[str, float]:
    """The gradient of this process's items, a micro-batch at a time."""
    seen: dict[str, float] = {}
    while True:
        sums: dict[str, float] = {}
        try:
            for part in micro_batches(own, budget.tokens):
                _add(algorithm, own.rows(part), count, sums, accelerator)
            return seen | sums  # what only the first look at a batch tells, as PPO's gap of log-probabilities, stays
        except _Full as full:
            held = full.tokens
        seen |= sums
        for weight in weights:
            weight.grad = None
        _free()
        budget.lower(held)


def _add(algorithm: Algorithm, micro: Batch, count: float, sums: dict[str, float], accelerator: Accelerator) -> None:
    """One micro-batch's gradient and metrics on top of those before."""
    try:
        loss = algorithm.loss(micro, count=count)
        for name, value in loss.metrics.items():
            sums[name] = sums.get(name, 0.0) + value
        accelerator.backward(loss.value)
    except RuntimeError as error:
        if len(micro) == 1 or not (isinstance(error, torch.OutOfMemoryError) or any(say in str(error) for say in FULL)):
            raise
        raise _Full(micro.tokens.ids_BT.numel()) from None


def micro_batches(batch: Batch, tokens_at_once: int) -> Iterator[torch.Tensor]:
    """Numbers of items of like lengths, as many as one backward pass may hold."""
    longest = batch.tokens.lengths_B.view(-1, batch.siblings).amax(1).tolist()
    for part in buckets(longest, tokens_at_once, [batch.siblings] * len(longest)):
        yield torch.tensor(part, device=batch.tokens.ids_BT.device)


def _free() -> None:
    """Give freed blocks back to the device, so that they can be cut anew."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
