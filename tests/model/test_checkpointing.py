"""Blocks run again in the backward pass: the same gradients from fewer saved bytes, each block under its own slot."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.model.adapters import LoraSettings
from topgraft.model.load import ModelSettings, load
from topgraft.model.split_model import SplitModel
from topgraft.records import Tokens

EXACT = {"rtol": 1e-6, "atol": 1e-7}
ROUNDED = {"rtol": 1e-3, "atol": 1e-5}
"""Rows that pass whole add up in another order than those that share their prompts."""
TOKENS = [(9, 6), (5, 3), (9, 8), (2, 1)]


def split(
    architecture: str = "llama",
    attention: str = "eager",
    *,
    rerun: bool = True,
    dropout: float = 0.0,
    shares: bool = False,
) -> SplitModel:
    """Three trained blocks, and slots "one" and "two" that both change the outputs and both learn.

    Unless it `shares`, prompts pass with each of their rows, as they do where blocks run again: dropout then draws the
    same masks.
    """
    lora = LoraSettings(rank=4, alpha=8, dropout=dropout)
    made = SplitModel(tiny.model(architecture, attention=attention), [1, 2, 3], lora, gradient_checkpointing=rerun)
    made.shares_prompts = shares
    for seed, slot in enumerate(("one", "two")):
        made.slots.add(slot)
        tiny.fill(made, slot, seed=seed + 1)
    for slot in ("one", "two"):
        for weight in made.slots.weights(slot):
            weight.requires_grad_(True)
    return made


def loss(made: SplitModel, tokens: Tokens, slot: str) -> torch.Tensor:
    with made.slots.use(slot, learning=True):
        final_BLH = made.branch(made.trunk(tokens))
    logprobs_R, _ = made.logprobs(final_BLH, tokens)
    return (logprobs_R * torch.linspace(-1, 1, len(logprobs_R))).sum()


def taken(made: SplitModel, slot: str) -> list[torch.Tensor | None]:
    """The slot's gradients, taken off its weights."""
    found = [weight.grad for weight in made.slots.weights(slot)]
    for weight in made.slots.weights(slot):
        weight.grad = None
    return found


@contextmanager
def saved_bytes(made: SplitModel) -> Iterator[dict[int, int]]:
    """Bytes of every storage that autograd saves meanwhile, but for weights."""
    weights = {weight.untyped_storage().data_ptr() for weight in made.model.parameters()}
    found: dict[int, int] = {}
    kept = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)  # no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("architecture", "attention"), tiny.ATTENTIONS)
def test_gradients_are_those_of_a_branch_that_keeps_everything(architecture, attention, dropout):
    grads, tokens = [], tiny.random_tokens(TOKENS)
    for rerun in (False, True):
        made = split(architecture, attention, rerun=rerun, dropout=dropout)
        torch.manual_seed(7)
        value = loss(made, tokens, "one")
        torch.manual_seed(8)  # the second run of a block draws what its first one drew, not what comes next
        value.backward()
        grads.append((value.detach(), taken(made, "one")))
        assert all(grad is None for grad in taken(made, "two"))
    (plain, expected), (again, found) = grads
    assert_close(again, plain, **EXACT)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, **EXACT)
    assert max(grad.abs().max() for grad in found) > 1e-2


def test_dropout_does_act():
    tokens, made = tiny.random_tokens(TOKENS), split(dropout=0.3)
    values = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        values.append(loss(made, tokens, "one").item())
    assert values[0] == values[2] != values[1]


@pytest.mark.parametrize("outside", [None, "one", "two"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_each_block_runs_again_under_its_own_slot_whichever_is_in_use_by_then(outside, dropout):
    grads, tokens = [], tiny.random_tokens(TOKENS)
    for rerun in (False, True):
        made = split(rerun=rerun, dropout=dropout)
        torch.manual_seed(7)
        value = loss(made, tokens, "one") + 3 * loss(made, tokens, "two")
        with made.slots.use(outside, learning=True) if outside else nullcontext():
            value.backward()
            if outside:  # the context goes on as it was
                assert made.slots.in_use == (outside, True)
                assert all(layer.lora_dropout[outside].training for layer in made.slots._lora_layers)
        assert made.slots.in_use == (None, False)
        assert not any(module.training for module in made.model.modules())
        grads.append(taken(made, "one") + taken(made, "two"))
    for ours, theirs in zip(*grads, strict=True):
        assert_close(ours, theirs, **EXACT)
    assert max(grad.abs().max() for grad in grads[1]) > 1e-2


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_fewer_bytes_are_saved(attention):
    sizes, tokens = [], tiny.random_tokens([(20, 12)] * 4)
    for rerun in (False, True):
        made = split(attention=attention, rerun=rerun)
        state = made.trunk(tokens)
        with made.slots.use("one", learning=True), saved_bytes(made) as saved:
            final_BLH = made.branch(state)
        assert final_BLH.requires_grad
        sizes.append(sum(saved.values()))
    assert sizes[1] < sizes[0] / 4


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_gradients_are_those_of_shared_prompts(architecture):
    grads, tokens = [], tiny.random_tokens(TOKENS)
    for rerun in (False, True):
        made = split(architecture, rerun=rerun, shares=True)
        loss(made, tokens, "one").backward()
        grads.append(taken(made, "one"))
    for ours, theirs in zip(*grads, strict=True):
        assert_close(ours, theirs, **ROUNDED)


@torch.no_grad()
def test_prompts_pass_once_where_no_gradients_are_recorded():
    made, tokens = split(shares=True), tiny.random_tokens(TOKENS)
    state, passed = made.trunk(tokens), []
    made.parts.blocks[3].mlp.register_forward_hook(lambda _, __, output: passed.append(output.shape[:2]))
    with made.slots.use("one"):
        made.branch(state)
    assert passed == [(4, 1 + 8)]  # of the prompts, their last token alone


def test_the_setting_saves_bytes(model_folder):
    sizes, tokens = [], tiny.random_tokens([(20, 12)] * 4)
    for on in (False, True):
        made = load(ModelSettings(name=str(model_folder), gradient_checkpointing=on)).split
        made.slots.add("one")
        for weight in made.slots.weights("one"):
            weight.requires_grad_(True)
        with saved_bytes(made) as saved:
            loss(made, tokens, "one").backward()
        sizes.append(sum(saved.values()))
    assert sizes[1] < sizes[0] / 2
