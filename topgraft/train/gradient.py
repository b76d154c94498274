"""A minibatch's gradient, a micro-batch at a time, in smaller ones where the device's memory does not hold them."""

import gc
from collections.abc import Iterator

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.tensor import DTensor

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
    algorithm: Algorithm,
    minibatch: Batch,
    budget: Budget,
    weights: list[nn.Parameter],
    accelerator: Accelerator,
    gathered: Batch,
) -> dict[str, float]:
    """Leave the gradient of the minibatch's loss on the weights, which have none; the metrics, summed. Of processes
    that share it each makes the part of its own items; `gathered` is the batch that the minibatch is of.

    Where memory runs out the budget is halved and the minibatch begun again; the error comes through where a single
    item is too much, and where processes hold the model in shares.
    """
    seen: dict[str, float] = {}
    count, own, processes = algorithm.count(minibatch), minibatch.own, algorithm.actors.processes
    if own is not None or algorithm.actors.model.sharded:
        seen = _own(algorithm, own, count, budget, weights, accelerator, gathered)
    processes.add_up([weight for weight in weights if not isinstance(weight, DTensor)])  # those are added up by FSDP2
    return processes.together(seen)


def _own(
    algorithm: Algorithm,
    own: Batch | None,
    count: float,
    budget: Budget,
    weights: list[nn.Parameter],
    accelerator: Accelerator,
    gathered: Batch,
) -> dict[str, float]:
    """The gradient of this process's items, a micro-batch at a time."""
    seen: dict[str, float] = {}
    while True:
        sums: dict[str, float] = {}
        parts = [own.rows(part) for part in micro_batches(own, budget.tokens)] if own is not None else []
        turns = algorithm.actors.model.together.most(len(parts))
        try:
            for part in parts:
                _add(algorithm, part, count, sums, accelerator)
            for _ in range(turns - len(parts)):
                _keep_step(algorithm, gathered, accelerator)
            return seen | sums  # what only the first look at a batch tells, as PPO's gap of log-probabilities, stays
        except _Full as full:
            held = full.tokens
        seen |= sums
        for weight in weights:
            weight.grad = None
        _free()
        budget.lower(held)


def _keep_step(algorithm: Algorithm, gathered: Batch, accelerator: Accelerator) -> None:
    """Pass with the others, who gather the same weights, without adding to the gradient."""
    assert gathered.own is not None  # every process has an item of a batch, though not of each minibatch
    first = torch.zeros(1, dtype=torch.long, device=gathered.tokens.ids_BT.device)
    accelerator.backward(0 * algorithm.loss(gathered.own.rows(first), count=1.0).value)


def _add(algorithm: Algorithm, micro: Batch, count: float, sums: dict[str, float], accelerator: Accelerator) -> None:
    """One micro-batch's gradient and metrics on top of those before."""
    try:
        loss = algorithm.loss(micro, count=count)
        for name, value in loss.metrics.items():
            sums[name] = sums.get(name, 0.0) + value
        accelerator.backward(loss.value)
    except RuntimeError as error:
        full = isinstance(error, torch.OutOfMemoryError) or any(say in str(error) for say in FULL)
        if len(micro) == 1 or not full or algorithm.actors.model.sharded:  # the others would wait for ever
            raise
        raise _Full(micro.tokens.ids_BT.numel()) from None


@torch.no_grad()
def clip(weights: list[nn.Parameter], largest: float, accelerator: Accelerator) -> float:
    """Scale the gradient down to the `largest` norm, where it is longer; the norm that it had."""
    grads = [weight.grad for weight in weights if weight.grad is not None]
    if not any(isinstance(grad, DTensor) for grad in grads):
        return float(accelerator.clip_grad_norm_(weights, largest))
    lengths = [torch.linalg.vector_norm(grad) for grad in grads]
    whole = [length.full_tensor() if isinstance(length, DTensor) else length for length in lengths]
    norm = float(torch.linalg.vector_norm(torch.stack(whole)))
    for grad in grads:
        grad.mul_(min(1.0, largest / (norm + 1e-6)))
    return norm


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
