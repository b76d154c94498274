"""Law: log-probabilities through a frozen head, chunk by chunk, have the values and gradients of the plain formula."""

import math

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.model import reading, tiled
from topgraft.model.reading import Head, is_plain, read_learning, read_logprobs
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


@pytest.mark.parametrize("way", ["chunks", "tiles"])
def test_the_slope_of_the_entropy_of_two_tokens_by_hand(way):
    # dH / d logits = -p (log p + H), and with two tokens log p + H = (1 - p) (log p - log (1 - p)) = (1 - p) logit gap
    states, ids = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True), torch.tensor([0, 0])
    options = {"temperature": 0.5, "entropy": True, "entropy_learns": True}
    if way == "chunks":
        found, entropy = read_logprobs(lambda states: states, states, ids, vocabulary=2, **options)
    else:
        found, entropy = read_tiled(states, ids, torch.eye(2), **options)
    first, second = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(4))  # the gaps of the scaled logits are 2 and -4
    slopes = [-p * (1 - p) * gap / 0.5 for p, gap in ((first, 2), (second, -4))]
    (slope,) = torch.autograd.grad(entropy, states, torch.tensor([1.0, -3.0]), retain_graph=True)
    assert_close(slope, torch.tensor([[slopes[0], -slopes[0]], [-3 * slopes[1], 3 * slopes[1]]]))
    both = torch.autograd.grad((found - 2 * entropy).sum(), states)[0]
    chosen = torch.tensor([[1 - first, first - 1], [1 - second, second - 1]]) / 0.5
    assert_close(both, chosen - 2 * torch.tensor([[slopes[0], -slopes[0]], [slopes[1], -slopes[1]]]))


@pytest.mark.parametrize("learns", [False, True], ids=["entropy watched", "entropy learned"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("way", ["chunks", "tiles"])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_values_and_gradients_are_those_of_the_plain_formula(architecture, way, rows, temperature, learns, monkeypatch):
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
    pull_R, entropy_pull_R = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    ids_R = tokens.ids_BT[tokens.counted_BT]
    results = []
    for plain in (True, False):
        with made.slots.use("policy"):
            hidden = made.branch(made.trunk(tokens))
        if plain:
            all_RV = torch.log_softmax(made.logits(predicting(hidden, tokens)) / temperature, dim=-1)
            found, entropy = all_RV.gather(1, ids_R[:, None]).squeeze(1), -(all_RV.exp() * all_RV).sum(1)
        else:
            found, entropy = made.logprobs(hidden, tokens, temperature=temperature, entropy=True, entropy_learns=learns)
            assert entropy.requires_grad == learns
        pulled = (pull_R * found).sum() + ((entropy_pull_R * entropy).sum() if learns else 0)
        gradients = torch.autograd.grad(pulled, weights)
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


def harmed(harm: str, matrix: torch.Tensor) -> Head:
    """A head that is its matrix, with a bias, or with a soft-cap."""
    bias = torch.linspace(-1, 1, len(matrix), dtype=matrix.dtype)
    return {
        "plain": lambda states: states @ matrix.T,
        "bias": lambda states: states @ matrix.T + bias,
        "soft-cap": lambda states: 5 * torch.tanh(states @ matrix.T / 5),
    }[harm]


def entropies_by_autograd(head: Head, states: torch.Tensor, temperature: float) -> torch.Tensor:
    all_RV = torch.log_softmax(head(states) / temperature, dim=-1)
    return -(all_RV.exp() * all_RV).sum(1)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize(
    ("way", "harm"), [("tiles", "plain"), ("chunks", "plain"), ("chunks", "bias"), ("chunks", "soft-cap")]
)
def test_slopes_of_entropies_in_float64_are_those_of_autograd(way, harm, scale, temperature, monkeypatch):
    monkeypatch.setattr(tiled, "COLUMNS", 7)
    monkeypatch.setattr(tiled, "ROWS", 3)
    monkeypatch.setattr(reading, "CHUNK_BYTES", 3 * 4 * 50)
    generator = torch.Generator().manual_seed(0)
    states = (scale * torch.randn(5, 8, generator=generator, dtype=torch.float64)).requires_grad_()
    matrix, ids = torch.randn(50, 8, generator=generator, dtype=torch.float64), torch.tensor([0, 49, 7, 6, 20])
    pull, options = torch.linspace(-1, 2, 5, dtype=torch.float64), {"temperature": temperature, "entropy": True}
    if way == "tiles":
        _, entropy = read_tiled(states, ids, matrix, entropy_learns=True, **options)
    else:
        _, entropy = read_logprobs(harmed(harm, matrix), states, ids, vocabulary=50, entropy_learns=True, **options)
    expected = entropies_by_autograd(harmed(harm, matrix), states, temperature)
    assert_close(entropy, expected)
    (slope,), (exact,) = (torch.autograd.grad(value, states, pull) for value in (entropy, expected))
    assert exact.abs().max() > 0.01
    assert_close(slope, exact, atol=1e-10, rtol=1e-9)


def test_slopes_of_entropies_in_tiles_hold_where_scores_overflow_without_the_running_maximum(monkeypatch):
    # Scores of some hundreds in single precision; the slopes are differences of sums as large.
    monkeypatch.setattr(tiled, "COLUMNS", 7)
    generator = torch.Generator().manual_seed(0)
    matrix = 3 * torch.randn(50, 8, generator=generator)
    states = torch.cat([30 * torch.randn(5, 8, generator=generator), 15 * matrix[:1]])
    # Three words apart from one another share the top of the last state: scores of x, x + 0.5 and x.
    aside = torch.randn(8, generator=generator)
    aside -= aside.dot(matrix[0]) / matrix[0].dot(matrix[0]) * matrix[0]
    matrix[9], matrix[41] = matrix[0] * (1 + 0.25 / states[5].dot(matrix[0])) + aside, matrix[0] - aside
    states.requires_grad_()
    _, entropy = read_tiled(
        states, torch.zeros(6, dtype=torch.long), matrix, temperature=0.5, entropy=True, entropy_learns=True
    )
    expected = entropies_by_autograd(lambda states: states @ matrix.double().T, states.double(), 0.5)
    assert (states @ matrix.T).max() > 500
    (slope,), (exact,) = (torch.autograd.grad(value.sum(), states) for value in (entropy, expected))
    assert exact[5].abs().max() > 0.01
    assert_close(slope, exact, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_entropies_through_a_head_that_learns_have_gradients_for_it_as_well(temperature):
    generator = torch.Generator().manual_seed(0)
    states, matrix = (torch.randn(rows, 8, generator=generator, requires_grad=True) for rows in (5, 50))
    ids, pull = torch.arange(5), torch.linspace(-1, 2, 5)
    options = {"temperature": temperature, "entropy": True}
    _, watched = read_learning(lambda states: states @ matrix.T, states, ids, **options)
    assert not watched.requires_grad
    _, entropy = read_learning(lambda states: states @ matrix.T, states, ids, entropy_learns=True, **options)
    expected = entropies_by_autograd(lambda states: states @ matrix.T, states, temperature)
    for slope, exact in zip(
        *(torch.autograd.grad(value, (states, matrix), pull) for value in (entropy, expected)), strict=True
    ):
        assert exact.abs().max() > 0.01
        assert_close(slope, exact, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("way", ["chunks", "tiles"])
def test_an_entropy_that_learns_keeps_one_more_slope_and_one_that_is_watched_none(way):
    states, matrix, ids = torch.randn(64, 8, requires_grad=True), torch.randn(500, 8), torch.arange(64)
    for learns in (False, True):
        options = {"temperature": 1.0, "entropy": True, "entropy_learns": learns}
        if way == "chunks":
            found, _ = read_logprobs(lambda states: states @ matrix.T, states, ids, vocabulary=500, **options)
        else:
            found, _ = read_tiled(states, ids, matrix, **options)
        assert [tensor.shape for tensor in found.grad_fn.saved_tensors] == [(64, 8)] * (1 + learns)


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
