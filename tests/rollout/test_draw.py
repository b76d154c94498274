"""Law: a draw follows its distribution, and a token of probability 0 is never drawn."""

import math

import pytest
import torch
from scipy.stats import chisquare
from torch.testing import assert_close

from topgraft.rollout.choosing import STRETCH, SamplingSettings, draw, truncate

BELOW_ONE = math.nextafter(1.0, 0.0)


def uniform(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


@pytest.mark.parametrize(
    ("number", "token"), [(0.0, 0), (0.249, 0), (0.25, 1), (0.5, 1), (0.749, 1), (0.75, 2), (BELOW_ONE, 2)]
)
def test_a_draw_by_hand_from_a_quarter_a_half_and_a_quarter(number: float, token: int):
    assert draw(torch.tensor([[0.25, 0.5, 0.25]]), uniform(number)).tolist() == [token]


@pytest.mark.parametrize("number", [0.0, 0.3, 0.999999, BELOW_ONE])
def test_tokens_of_probability_zero_are_never_drawn(number: float):
    probabilities = torch.tensor([[0.0, 0.0, 0.6, 0.0, 0.4, 0.0, 0.0]])
    assert draw(probabilities, uniform(number)).item() in {2, 4}


def test_rows_are_drawn_apart():
    probabilities = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    assert draw(probabilities, uniform(0.9, 0.0, 0.6)).tolist() == [0, 1, 1]


def test_probabilities_that_do_not_sum_to_1_are_scaled():
    assert draw(torch.tensor([[1.0, 3.0]]), uniform(0.26)).item() == 1
    assert draw(torch.tensor([[1.0, 3.0]]), uniform(0.24)).item() == 0


def test_draws_follow_their_distribution():
    generator = torch.Generator().manual_seed(11)
    probabilities = torch.softmax(torch.randn(12, generator=generator), 0)
    count = 20_000
    numbers = torch.rand(count, generator=generator, dtype=torch.float64)
    found = torch.bincount(draw(probabilities.expand(count, -1), numbers), minlength=12)
    expected = (probabilities.double() / probabilities.double().sum() * count).numpy()
    assert chisquare(found.numpy(), expected).pvalue > 0.01
    assert chisquare(found.roll(1).numpy(), expected).pvalue < 1e-6


@pytest.mark.parametrize("size", [5, STRETCH, STRETCH + 1, 40 * STRETCH, 40 * STRETCH - 1])
def test_a_draw_by_stretches_is_a_draw_from_one_cumulative_sum(size: int):
    generator = torch.Generator().manual_seed(size)
    probabilities = torch.softmax(3 * torch.randn(200, size, generator=generator), 1)
    probabilities[torch.rand(probabilities.shape, generator=generator) < 0.5] = 0
    probabilities[:, size // 2] = 0.1
    numbers = torch.rand(200, generator=generator, dtype=torch.float64)
    cumulative = probabilities.double().cumsum(1)
    expected = torch.searchsorted(cumulative, (numbers * cumulative[:, -1])[:, None], right=True).squeeze(1)
    assert draw(probabilities, numbers).tolist() == expected.tolist()


@pytest.mark.parametrize("number", [0.0, 0.5, BELOW_ONE, 1.0])
def test_stretches_of_probability_zero_are_never_drawn_from(number: float):
    probabilities = torch.zeros(1, 6 * STRETCH)
    possible = [2 * STRETCH + 7, 2 * STRETCH + 8, 4 * STRETCH - 1]
    probabilities[0, possible] = torch.tensor([0.1, 1e-9, 0.7])
    assert draw(probabilities, uniform(number)).item() in possible


def test_rounding_at_the_edge_of_a_stretch_draws_no_token_of_probability_zero():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.zeros(2000, 2 * STRETCH)
    possible = [5, STRETCH + 3]
    probabilities[:, possible] = torch.rand(2000, 2, generator=generator) * torch.tensor([1e-10, 1.0])
    first, second = probabilities[:, possible].double().unbind(1)
    found = draw(probabilities, first / (first + second))
    assert set(found.tolist()) == set(possible)


def test_top_k_keeps_the_k_likeliest_and_scales_them():
    found = truncate(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), SamplingSettings(top_k=2))
    assert_close(found, torch.tensor([[0.0, 4 / 7, 0.0, 3 / 7]]))


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(1e-6, [1]), (0.39, [1]), (0.41, [1, 3]), (0.69, [1, 3]), (0.75, [1, 2, 3]), (1.0, [0, 1, 2, 3])],
)
def test_top_p_keeps_the_fewest_tokens_that_reach_p(top_p: float, kept: list[int]):
    found = truncate(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), SamplingSettings(top_p=top_p))
    assert found[0].nonzero().flatten().tolist() == kept
    assert_close(found.sum(1), torch.ones(1))


def test_top_p_acts_on_what_top_k_left():
    # top_k leaves 4/7 and 3/7; 4/7 alone reaches one half
    found = truncate(torch.tensor([[0.1, 0.4, 0.2, 0.3]]), SamplingSettings(top_k=2, top_p=0.5))
    assert_close(found, torch.tensor([[0.0, 1.0, 0.0, 0.0]]))


def test_a_top_k_beyond_the_vocabulary_keeps_everything():
    probabilities = torch.tensor([[0.25, 0.75]])
    assert_close(truncate(probabilities, SamplingSettings(top_k=50)), probabilities)
