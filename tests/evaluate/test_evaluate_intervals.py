"""Law: intervals resample problems, not rows, and cover the true mean about 95 times in 100."""

import math

import numpy as np
import pytest
from evaluations import STUDENT, ends

from topgraft.evaluate import intervals
from topgraft.evaluate.intervals import interval, mean_interval, resampled_rows


def percentile(values: list[float], percent: float) -> float:
    """Linear interpolation between order statistics."""
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def test_one_row_a_group_is_the_plain_bootstrap():
    values = [0.0, 0.2, 0.3, 0.9, 1.0, 0.55, 0.1]
    draws = np.random.default_rng(5).integers(0, len(values), size=(2000, len(values)))
    means = []
    for draw in draws.tolist():
        total = 0.0
        for place in draw:
            total += values[place]
        means.append(total / len(values))
    found = mean_interval(values, [f"g{place}" for place in range(len(values))], seed=5)
    assert found.value == pytest.approx(sum(values) / 7, abs=1e-12)
    assert found.low == pytest.approx(percentile(means, ends(7)[0]), abs=1e-6)
    assert found.high == pytest.approx(percentile(means, ends(7)[1]), abs=1e-6)
    assert found.n == 7
    assert found.low < found.value < found.high


def test_few_problems_push_the_ends_outwards():
    # About 0.9 % at ten groups; with many groups the ends are the plain 2.5 %.
    assert ends(10)[0] == pytest.approx(0.86, abs=0.05)
    values = [0.1 * place * place for place in range(30)]
    widths = []
    for count in (6, 10, 30):
        groups = [f"g{place:02d}" for place in range(count)]
        means = [float(np.mean([values[place] for place in rows])) for rows in resampled_rows(groups, 4)]
        found = mean_interval(values[:count], groups, seed=4)
        assert count in STUDENT
        assert [found.low, found.high] == pytest.approx([percentile(means, end) for end in ends(count)], abs=1e-4)
        plain = percentile(means, 97.5) - percentile(means, 2.5)
        widths.append((found.high - found.low) / plain)
    assert widths[0] > widths[1] > widths[2] > 1


def test_equal_rows_of_a_group_do_not_narrow_the_interval():
    values = [0.0, 0.25, 0.5, 1.0, 0.75, 0.125]
    names = [f"g{place}" for place in range(len(values))]
    once = mean_interval(values, names, seed=1)
    thrice = mean_interval(values * 3, names * 3, seed=1)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-12)
    as_if_apart = mean_interval(values * 3, [f"r{place}" for place in range(18)], seed=1)
    assert as_if_apart.high - as_if_apart.low < 0.75 * (thrice.high - thrice.low)
    assert thrice.n == as_if_apart.n == 18


def test_every_resample_holds_whole_groups():
    groups = ["b", "a", "b", "c", "b"]
    members = {"a": [1], "b": [0, 2, 4], "c": [3]}
    samples = resampled_rows(groups, seed=3)
    assert len(samples) == intervals.RESAMPLES == 2000
    seen = set()
    for rows in samples:
        counts = {name: [int((rows == row).sum()) for row in places] for name, places in members.items()}
        assert all(len(set(times)) == 1 for times in counts.values())
        assert sum(times[0] for times in counts.values()) == 3
        seen |= {name for name, times in counts.items() if times[0] == 3}
    assert seen == set(members), "every group is drawn three times in some resample"


@pytest.mark.parametrize(("values", "groups"), [([0.5] * 6, list("aabbcc")), ([0.25, 0.75] * 2, list("aabb"))])
def test_problems_that_are_all_alike_give_an_interval_of_no_width(values, groups):
    found = mean_interval(values, groups)
    assert found.low == found.value == found.high == 0.5
    assert found.n == len(values)


def test_one_problem_alone_has_no_interval():
    found = mean_interval([0.25, 0.75], ["a", "a"])
    assert (found.value, found.n) == (0.5, 2)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_the_seed_fixes_the_interval_and_the_order_of_groups_does_not_matter():
    values, groups = [0.1, 0.9, 0.4, 0.7, 0.2], ["e", "a", "c", "b", "d"]
    first = mean_interval(values, groups, seed=2)
    assert mean_interval(values, groups, seed=2) == first
    assert mean_interval(values, groups, seed=3) != first
    order = [3, 0, 4, 1, 2]
    moved = mean_interval([values[place] for place in order], [groups[place] for place in order], seed=2)
    assert (moved.low, moved.high) == pytest.approx((first.low, first.high), abs=1e-12)


def test_the_statistic_sees_row_numbers():
    found = interval(lambda rows: float(rows.max()), ["a", "b", "c", "d"])
    assert (found.value, found.high, found.n) == (3.0, 3.0, 4)
    assert found.low < 3


def test_intervals_cover_the_true_mean(monkeypatch):
    # Answers to a problem share most of their noise; resampling rows would promise far too much.
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    generator = np.random.default_rng(11)
    by_problem, by_row, runs, problems, rows = 0, 0, 200, 30, 4
    groups = [f"p{place:02d}" for place in range(problems) for _ in range(rows)]
    apart = [f"r{place:03d}" for place in range(problems * rows)]
    for run in range(runs):
        shared = generator.normal(size=(problems, 1))
        values = (0.3 + shared + 0.3 * generator.normal(size=(problems, rows))).ravel().tolist()
        found = mean_interval(values, groups, seed=run)
        by_problem += found.low <= 0.3 <= found.high
        found = mean_interval(values, apart, seed=run)
        by_row += found.low <= 0.3 <= found.high
    assert 0.88 <= by_problem / runs <= 0.99
    assert by_row / runs < 0.8
