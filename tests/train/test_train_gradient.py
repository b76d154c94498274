"""Memory that runs out in a loss or its backward pass: smaller micro-batches, the same training.

The errors are those that devices raise: torch.OutOfMemoryError is CUDA's own, the MPS backend words a RuntimeError, and
the CPU's allocator really fails. What follows them is the same code on every device; a GPU would only raise them at a
point that no test could set.
"""

import io
from collections.abc import Callable
from typing import Any

import learners
import pytest
import torch
from learners import logged, loop
from rich.console import Console

from topgraft.records import Batch, Loss
from topgraft.train.progress import Screen

LEARNERS: dict[str, tuple[int, dict[str, Any]]] = {
    "sft": (70, {"epochs": 2, "batch_size": 6}),
    "reward_model": (70, {"epochs": 2, "batch_size": 4}),
    "ppo": (40, {"steps": 3, "batch_size": 6, "minibatch_size": 3, "inner_epochs": 2, "evaluate_every": 2}),
    "grpo": (100, {"steps": 2, "batch_size": 3, "minibatch_size": 3}),
}
"""Tokens that memory holds, more than any item has, and options."""


def cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def mps() -> None:
    raise RuntimeError("MPS backend out of memory (MPS allocated: 17 GB). Tried to allocate 2.00 GB on private pool.")


def cpu() -> None:
    torch.empty(2**55, dtype=torch.uint8)


def short(algorithm: Any, limit: int, fail: Callable[[], None], *, backward: bool = False) -> list[int]:
    """Let `fail` happen in the loss of a micro-batch of more than `limit` tokens, or, with `backward`, in the middle of
    its backward pass. Returns the tokens of every micro-batch that was tried."""
    plain, tried = algorithm.loss, []
    weights = algorithm.trainable()

    def loss(micro: Batch, *, count: float) -> Loss:
        tokens = micro.tokens.ids_BT.numel()
        tried.append(tokens)
        if tokens > limit and not backward:
            fail()
        return plain(micro, count=count)

    def hook(grad: torch.Tensor) -> torch.Tensor:
        if tried[-1] > limit:
            assert any(weight.grad is not None for weight in weights)  # others have theirs already
            fail()
        return grad

    algorithm.loss = loss
    if backward:
        weights[0].requires_grad_(True)
        weights[0].register_hook(hook)
    return tried


def loud() -> tuple[Screen, io.StringIO]:
    text = io.StringIO()
    return Screen(Console(file=text, width=200)), text


@pytest.mark.parametrize("backward", [False, True], ids=["loss", "backward"])
@pytest.mark.parametrize("name", LEARNERS)
def test_smaller_micro_batches_learn_what_an_undisturbed_run_learns(tmp_path, name, backward):
    make, (limit, options), ends = getattr(learners, name), LEARNERS[name], []
    for side in ("undisturbed", "short"):
        algorithm = make(**options)
        (screen, said), tried = loud(), []
        if side == "short":
            tried = short(algorithm, limit, cuda, backward=backward)
        outcome = loop(algorithm, tmp_path / side, screen=screen)
        ends.append(([weight.detach().clone() for weight in algorithm.trainable()], outcome.steps, said.getvalue()))
    assert max(tried) > limit
    (weights, steps, quiet), (same, as_many, told) = ends
    assert steps == as_many
    assert "out of memory" not in quiet
    assert "out of memory: micro_batch_tokens is halved to" in told
    for ours, theirs in zip(same, weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(logged(tmp_path / "short"), logged(tmp_path / "undisturbed"), strict=True):
        assert ours.keys() == theirs.keys()
        kept = [key for key in ours if key != "rollout/logprob_gap"]  # the first micro-batch's rounding
        assert [ours[key] for key in kept] == pytest.approx([theirs[key] for key in kept], abs=1e-5, rel=1e-4)


@pytest.mark.parametrize("fail", [cuda, mps, cpu], ids=["cuda", "mps", "cpu"])
def test_every_devices_words_are_understood_and_the_lower_budget_stays(tmp_path, fail):
    algorithm, (screen, said) = learners.sft(epochs=2, batch_size=6), loud()
    tried = short(algorithm, 70, fail)
    loop(algorithm, tmp_path, screen=screen)
    over = [tokens for tokens in tried if tokens > 70]
    assert len(over) == said.getvalue().count("out of memory") == 1  # found out once, not at every step
    assert tried[0] == over[0]


def test_an_item_that_is_too_much_by_itself_is_an_error(tmp_path):
    algorithm = learners.sft(epochs=1, batch_size=6)
    tried = short(algorithm, 1, cuda)
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        loop(algorithm, tmp_path)
    assert tried[-1] < 30
    assert len(tried) > 2


def test_other_errors_come_through_at_once(tmp_path):
    def broken() -> None:
        raise RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")

    algorithm = learners.sft(epochs=1, batch_size=6)
    tried = short(algorithm, 1, broken)
    with pytest.raises(RuntimeError, match="must match"):
        loop(algorithm, tmp_path)
    assert len(tried) == 1
