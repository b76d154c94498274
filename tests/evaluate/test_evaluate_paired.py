"""Law: tests, effect sizes and needed numbers are those of their sources, on numbers worked by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from topgraft.evaluate.statistics import paired
from topgraft.evaluate.statistics.paired import holm, problems_needed, signed_rank, standardised


def test_signed_rank_by_hand():
    # Ranks 1 to 5, the loss has rank 4: gains 11 of 15. Losses of 4 or less: {}, 1, 2, 3, 4, 1+2, 1+3: 7 of 32 signs.
    p, effect = signed_rank(np.array([1.0, 2.0, 3.0, -4.0, 5.0]))
    assert (p, effect) == pytest.approx((14 / 32, 7 / 15), abs=1e-12)


def test_ties_share_ranks_and_zeros_have_none():
    # Four differences of rank 2.5, three of them gains: at least three heads of four, 5 of 16, on either side.
    p, effect = signed_rank(np.array([0.0, 0.1, 0.1, 0.0, -0.1, 0.1]))
    assert (p, effect) == pytest.approx((10 / 16, 0.5), abs=1e-12)


@pytest.mark.parametrize(("problems", "smallest"), [(1, 1.0), (5, 1 / 16), (6, 1 / 32), (10, 1 / 512)])
def test_the_smallest_p_is_that_of_one_sign_in_all(problems, smallest):
    assert signed_rank(np.arange(1.0, problems + 1)) == (pytest.approx(smallest, abs=1e-15), 1.0)
    assert signed_rank(-np.ones(problems)) == (pytest.approx(smallest, abs=1e-15), -1.0)


def test_without_differences_nothing_is_shown():
    assert signed_rank(np.zeros(10)) == (1.0, 0.0)
    assert signed_rank(np.array([])) == (1.0, 0.0)


def test_rounding_makes_no_ranks():
    noisy = np.array([0.1 + 0.2 - 0.3, 0.5, 0.3 + 0.2, -(0.6 - 0.1), 1.0])
    assert signed_rank(noisy) == pytest.approx(signed_rank(np.array([0.0, 0.5, 0.5, -0.5, 1.0])), abs=1e-15)


@pytest.mark.parametrize("problems", [4, 9, 20, 50, 51, 130])
def test_p_is_scipys(problems):
    gains = np.random.default_rng(problems).normal(0.2, 1.0, problems)
    method = "exact" if problems <= paired.EXACT else "asymptotic"
    assert signed_rank(gains)[0] == pytest.approx(stats.wilcoxon(gains, method=method).pvalue, rel=1e-9)


def test_p_with_ties_counts_every_sign():
    gains = np.array([1, 1, -2, 2, 3, 3, 3, -1, 4, 2], dtype=float)
    ranks = stats.rankdata(np.abs(gains))
    centre, seen = ranks.sum() / 2, abs(ranks[gains > 0].sum() - ranks.sum() / 2)
    sums = [
        sum(rank for rank, up in zip(ranks, signs, strict=True) if up) for signs in itertools.product((0, 1), repeat=10)
    ]
    by_count = sum(abs(found - centre) >= seen - 1e-9 for found in sums) / len(sums)
    assert signed_rank(gains)[0] == pytest.approx(by_count, abs=1e-12)


def test_holm_by_hand():
    # 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 which may not lie below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_d_z_is_the_mean_in_standard_deviations():
    assert standardised(np.array([1.0, 2.0, 3.0])) == 2.0
    assert standardised(np.array([-1.0, 0.0, 1.0])) == 0.0
    assert standardised(np.array([0.5, 0.5, 0.5])) is None
    assert standardised(np.array([0.0, 0.0])) is None
    assert standardised(np.array([1.0])) is None


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (-0.5, 34), (0.8, 15)])
def test_needed_numbers_are_those_of_the_t_test(effect, needed):
    # 7.8489 / d^2 + 1.9207: 198.1, 33.3, 14.2. The noncentral t has 80 % there, and less with one problem fewer.
    assert problems_needed(effect, 10) == needed

    def power(problems: int) -> float:
        shift, reach = abs(effect) * math.sqrt(problems), stats.t.ppf(0.975, problems - 1)
        return stats.nct.sf(reach, problems - 1, shift) + stats.nct.cdf(-reach, problems - 1, shift)

    assert power(needed - 1) < 0.8 <= power(needed)


def test_needed_is_more_than_there_were_and_enough_for_the_test():
    assert problems_needed(None, 10) is problems_needed(0.0, 10) is None
    assert problems_needed(5.0, 12) == 13
    # 2^(1 - G) < 0.05 from six problems on; of ten comparisons the smallest p counts ten times: 2^(1 - 9) = 0.0039.
    assert problems_needed(5.0, 3) == 6
    assert problems_needed(5.0, 3, family=10) == 9
