"""Law: log-probabilities through a frozen head, chunk by chunk, have the values and gradients of the plain formula."""

import math

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.model import reading, tiled
from topgraft.model.reading import is_plain, read_logprobs
from topgraft.model.states import predicting
from topgraft.model.tiled import read_tiled

LENGTHS = [(3, 4), (5, 2), (2, 6)]


def test_two_tokens_by_hand():
    states = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    found, entropy = read_logprobs(
        lambda states: states, states, torch.tensor([0, 0]), vocabulary=2, temperature=1.0, entropy=True
    )
    first, second = 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(2))  # softmax of the first logit
    assert_close(found, torch.tensor([math.log(first), math.log(second)]))
    uncertain = [-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (first, second)]
    assert_close(entropy, torch.tensor(uncertain))
    found.backward(torch.tensor([1.0, -2.0]))
    expected = torch.tensor([[1 - first, first - 1], [-2 * (1 - second), 2 * (1 - second)]])
    assert_close(states.grad, expected)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("way", ["chunks", "tiles"])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_values_and_gradients_are_those_of_the_plain_formula(architecture, way, rows, temperature, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_BYTES", rows * 4 * tiny.VOCABULARY)
    monkeypatch.setattr(tiled, "ROWS", rows)
    monkeypatch.setattr(tiled, "COLUMNS", 30)
    made, tokens = tiny.split(architecture), tiny.random_tokens(LENGTHS)
    assert made.plain_head == (architecture != "gemma2"), "gemma2 soft-caps its logits, the others do not"
    if way == "chunks":
        made.plain_head = False
    made.slots.add("policy")
    tiny.fill(made, "policy")
    weights = made.slots.weights("policy")
    for weight in weights:
        weight.requires_grad_(True)
    pull_R = torch.randn(12, generator=torch.Generator().manual_seed(0))
    ids_R = tokens.ids_BT[tokens.counted_BT]
    results = []
    for plain in (True, False):
        with made.slots.use("policy"):
            hidden = made.branch(made.trunk(tokens))
        if plain:
            all_RV = torch.log_softmax(made.logits(predicting(hidden, tokens)) / temperature, dim=-1)
            found, entropy = all_RV.gather(1, ids_R[:, None]).squeeze(1), -(all_RV.exp() * all_RV).sum(1)
        else:
            found, entropy = made.logprobs(hidden, tokens, temperature=temperature, entropy=True)
            assert not entropy.requires_grad
        gradients = torch.autograd.grad((pull_R * found).sum(), weights)
        results.append((found.detach(), entropy.detach(), *gradients))
    assert max(gradient.abs().max().item() for gradient in results[0][2:]) > 1e-3
    for expected, found in zip(*results, strict=True):
        assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_backward_pass_keeps_a_slope_for_each_state_and_no_logits():
    states, weight = torch.randn(64, 8, requires_grad=True), torch.randn(500, 8)
    found, _ = read_logprobs(
        lambda states: states @ weight.T, states, torch.arange(64), vocabulary=500, temperature=1.0, entropy=False
    )
    assert [tensor.shape for tensor in found.grad_fn.saved_tensors] == [(64, 8)]
    (behind,) = [function for function, _ in found.grad_fn.next_functions if function is not None]
    assert behind.variable is states


@torch.no_grad()
def test_without_gradients_no_slope_is_taken():
    calls = []

    def head(states):
        calls.append(states.requires_grad)
        return states

    read_logprobs(head, torch.randn(3, 4), torch.tensor([0, 1, 2]), vocabulary=4, temperature=1.0, entropy=False)
    assert calls == [False]


def test_tiles_against_float64_with_scores_that_overflow_without_the_running_maximum(monkeypatch):
    monkeypatch.setattr(tiled, "COLUMNS", 7)
    generator = torch.Generator().manual_seed(0)
    states, matrix = 30 * torch.randn(5, 8, generator=generator), 3 * torch.randn(50, 8, generator=generator)
    ids = torch.tensor([0, 49, 7, 6, 20])
    states.requires_grad_()
    found, entropy = read_tiled(states, ids, matrix, temperature=0.5, entropy=True)
    all_RV = torch.log_softmax(states.double() @ matrix.double().T / 0.5, dim=-1)
    expected = all_RV.gather(1, ids[:, None]).squeeze(1)
    assert expected.min() < -300
    assert_close(found.double(), expected, atol=1e-3, rtol=1e-5)
    assert_close(entropy.double(), -(all_RV.exp() * all_RV).sum(1), atol=1e-3, rtol=1e-5)
    (slope,) = torch.autograd.grad(found.sum(), states, retain_graph=True)
    (exact,) = torch.autograd.grad(expected.sum(), states)
    assert_close(slope, exact, atol=1e-4, rtol=1e-4)


def test_tiles_keep_a_slope_for_each_state_and_no_logits():
    states, matrix = torch.randn(64, 8, requires_grad=True), torch.randn(500, 8)
    found, _ = read_tiled(states, torch.arange(64), matrix, temperature=1.0, entropy=False)
    assert [tensor.shape for tensor in found.grad_fn.saved_tensors] == [(64, 8)]


@pytest.mark.parametrize("harm", ["bias", "scale", "bfloat16"])
def test_a_head_that_is_more_than_a_matrix_goes_by_chunks(harm):
    made = tiny.model("llama")
    head = {"bias": lambda x: made.lm_head(x) + 1e-3, "scale": lambda x: 1.01 * made.lm_head(x)}.get(harm, made.lm_head)
    if harm == "bfloat16":
        made = made.bfloat16()
    else:
        assert is_plain(made, made.lm_head)
    assert not is_plain(made, head)
