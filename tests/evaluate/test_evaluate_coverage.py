"""Law: 95 % intervals hold the true value about 95 times in 100, and equal arms are called apart fewer than 5 times."""

import numpy as np
import pytest

from tools.coverage import KINDS, NUMBERS, SIZES, coverage, distinct_coverage, false_findings, groups_of
from topgraft.evaluate.statistics.intervals import mean_interval

SKEWED = "very skewed (problems by 2)"
HELD = [name for name in KINDS if name != SKEWED]


@pytest.mark.parametrize("name", ["normal", "difference of two shares", "share, true value 0.97", "wins with ties"])
def test_intervals_hold_the_true_mean_of_ten_problems(name):
    assert 0.925 <= coverage(KINDS[name], 10, SIZES["1 to 9"], runs=600) <= 0.985


def test_rows_taken_for_problems_promise_too_much():
    noise, group = np.random.default_rng(0), groups_of(10, [4])
    hit = 0
    for _ in range(300):
        found = mean_interval(KINDS["normal"].draw(noise, group), [str(row) for row in range(40)])
        hit += found.low <= 0 <= found.high
    assert hit / 300 < 0.8


def test_equal_arms_are_seldom_called_apart():
    lone, tested, any_pair = false_findings(3, 10, KINDS["normal"], runs=400)
    assert 0.02 < lone < 0.08
    assert 0.01 < tested < 0.07
    assert 0 < any_pair < 0.055


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("problems", NUMBERS)
@pytest.mark.parametrize("name", HELD)
def test_every_cell_of_the_table_is_near_95(name, problems, sizes):
    assert 0.925 <= coverage(KINDS[name], problems, SIZES[sizes], runs=2000) <= 0.985


@pytest.mark.slow
def test_few_very_skewed_problems_fall_short():
    # docs/statistics.md says so; a better interval must be found where this fails from above.
    found = [coverage(KINDS[SKEWED], problems, SIZES["4"], runs=2000) for problems in NUMBERS]
    assert 0.87 < found[0] < found[1] < found[2] < 0.95
    assert found[2] > 0.92


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", SKEWED, "share, true value 0.9"])
@pytest.mark.parametrize("problems", NUMBERS)
def test_no_kind_of_equal_arms_is_often_called_apart(name, problems):
    _, tested, any_pair = false_findings(3, problems, KINDS[name], runs=1000)
    assert tested < 0.065
    assert any_pair < 0.055


@pytest.mark.slow
@pytest.mark.parametrize("problems", NUMBERS)
def test_distinct_things_need_the_jackknife(problems):
    bootstrap, jackknife = distinct_coverage(problems, runs=400)
    assert bootstrap < 0.2
    assert 0.9 < jackknife < 0.99
