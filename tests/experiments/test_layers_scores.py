"""Shares, agreement, and the choice of a window, on numbers worked by hand."""

import math

import numpy as np
import pytest

from topgraft.experiments.layers.results import called
from topgraft.experiments.layers.scores import Rows, choose, jaccard, rank_correlations, share
from topgraft.experiments.layers.trainings import thin_rank, windows

ROWS = Rows(np.array([2, 1, 1, 4]), ["a", "a", "b", "b"])


def test_a_share_is_the_part_of_the_gain_of_training_everywhere():
    assert share(3.0, 4.0, 2.0) == 0.5
    assert share(2.0, 4.0, 2.0) == 1
    assert share(4.5, 4.0, 2.0) == -0.25
    assert math.isnan(share(3.0, 4.0, 4.0)), "nothing was gained"


def test_windows_lie_half_a_window_apart_with_the_last_and_the_middle_ones():
    assert [window[0] for window in windows(12, 4)] == [0, 2, 4, 6, 8]
    assert windows(12, 4)[-1] == (8, 9, 10, 11)
    assert [window[0] for window in windows(10, 4)] == [0, 2, 3, 4, 6]
    assert windows(4, 1) == [(0,), (1,), (2,), (3,)]
    assert windows(3, 2) == [(0, 1), (1, 2)]


def test_the_thin_adapter_has_as_many_weights_as_a_window():
    assert thin_rank(32, 4, 12) == 11
    assert thin_rank(16, 4, 16) == 4
    assert thin_rank(1, 1, 30) == 1


def test_losses_are_nats_over_tokens_not_a_mean_of_rows():
    assert ROWS.loss([2.0, 1.0, 1.0, 12.0]) == 2.0  # 16 nats over 8 tokens; the rows' own means are 1, 1, 1 and 3
    measure = ROWS.measure([[2.0, 1.0, 1.0, 12.0], [0.0, 0.0, 0.0, 8.0]], lambda found: found[0] - found[1])
    assert measure.value == 1.0
    assert measure.n == 4
    assert measure.low <= 1.0 <= measure.high


def test_rank_correlations_are_spearmans():
    scores = {"up": [1.0, 2.0, 3.0, 4.0], "steep": [1.0, 10.0, 100.0, 1000.0], "mixed": [2.0, 1.0, 4.0, 3.0]}
    found = rank_correlations({**scores, "flat": [1.0] * 4})
    assert found[0][:3] == pytest.approx([1, 1, 1 - 6 * 4 / (4 * 15)])  # ranks differ by 1 four times
    assert found[2][1] == pytest.approx(0.6)
    assert found[3] == [None] * 4


def test_the_jaccard_index_is_a_mean_over_pairs_of_seeds():
    assert jaccard([(0, 1), (1, 2)]) == pytest.approx(1 / 3)
    assert jaccard([(0, 1), (0, 1), (2, 3)]) == pytest.approx(1 / 3)
    assert jaccard([(4, 5)]) is None


def _windows(first: list[float], last: list[float]) -> dict[tuple[int, ...], list[list[float]]]:
    """Two windows with two seeds each; every row of a seed has the same nats a token."""
    tokens = ROWS.tokens
    return {
        (0, 1): [(tokens * level).tolist() for level in first],
        (2, 3): [(tokens * level).tolist() for level in last],
    }


def test_a_window_that_leads_in_every_seed_and_on_every_problem_is_chosen():
    choice = choose(_windows([1.0, 1.1], [1.5, 1.3]), ROWS)
    assert choice.blocks == choice.best == (0, 1)
    assert choice.separated
    assert choice.seeds == pytest.approx([0.5, 0.2])
    assert (choice.lead.value, choice.lead.low, choice.lead.high) == pytest.approx((0.35, 0.35, 0.35))
    assert choice.by_seed == [(0, 1), (0, 1)]


def test_a_lead_that_one_seed_does_not_have_leaves_the_last_window():
    choice = choose(_windows([1.0, 1.4], [1.5, 1.3]), ROWS)
    assert choice.best == (0, 1)
    assert choice.blocks == (2, 3)
    assert not choice.separated
    assert choice.by_seed == [(0, 1), (2, 3)]


def test_a_lead_that_rests_on_one_problem_leaves_the_last_window():
    first = [[0.0, 0.0, 1.1, 4.4], [0.0, 0.0, 1.1, 4.4]]  # far ahead on problem a, behind on b
    choice = choose({(0, 1): first, (2, 3): [ROWS.tokens.tolist()] * 2}, ROWS)
    assert choice.best == (0, 1)
    assert all(gap > 0 for gap in choice.seeds)
    assert choice.blocks == (2, 3)


def test_of_equal_windows_the_last_one_is_best():
    choice = choose(_windows([1.0], [1.0]), ROWS)
    assert choice.best == choice.blocks == (2, 3)
    assert not choice.separated


def test_windows_have_names_for_people():
    assert called((4, 5, 6, 7)) == "blocks 4-7"
    assert called((0, 3, 9)) == "blocks 0, 3, 9"
    assert called((5,)) == "block 5"
