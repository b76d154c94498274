"""Law: intervals resample problems, not rows, and cover the true mean about 95 times in 100."""

import math

import numpy as np
import pytest
from evaluations import STUDENT, ends

from topgraft.evaluate.statistics import intervals, jackknife
from topgraft.evaluate.statistics.intervals import interval, mean_interval, resampled_rows, share_interval
from topgraft.evaluate.statistics.jackknife import contributions, jackknife_interval, left_out


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


def test_a_statistic_that_is_a_mean_has_the_interval_of_the_mean():
    values, groups = np.array([0.1, 0.9, 0.4, 0.7, 0.2, 0.3]), list("aabbcd")
    by_rows, by_sums = interval(lambda rows: float(values[rows].mean()), groups), mean_interval(values, groups)
    assert (by_rows.low, by_rows.high) == pytest.approx((by_sums.low, by_sums.high), abs=1e-12)


def test_problems_of_many_rows_count_for_fewer():
    # Sizes 1, 1, 4: 36 / 18 = 2 problems; sizes 2, 2, 2: 3 of them. Two is also the least.
    assert intervals.effective(np.array([1, 1, 4])) == 2
    assert intervals.effective(np.array([2, 2, 2])) == 3
    assert intervals.effective(np.array([1, 99])) == 2
    values, groups = [0.0, 0.2, 0.9, 0.8, 0.7, 0.4, 0.3, 0.1], list("abcccdef")
    means = [float(np.mean([values[place] for place in rows])) for rows in resampled_rows(groups, 0)]
    # 8^2 / (5 + 9) = 4.57 problems: t with 3.57 degrees of freedom, 97.5 % point 2.91291 (between 3.18245 and 2.77645).
    tail = 50 * math.erfc(math.sqrt(4.571429 / 3.571429) * 2.91291 / math.sqrt(2))
    found = mean_interval(values, groups)
    assert (found.low, found.high) == pytest.approx((percentile(means, tail), percentile(means, 100 - tail)), abs=1e-4)
    assert found.high > percentile(means, ends(6)[1]), "wider than six problems of one size"


def test_a_share_has_wilsons_interval():
    # Ten problems of one row, eight right: se^2 = 10/9 * 1.6 / 100 = 0.017778 between problems, 0.016 between rows.
    # Effective size 0.16 / 0.017778 = 9; t_9^2 / 9 = 0.568595; middle 1.084298 / 1.568595, half 0.414489 / 1.568595.
    found = share_interval([1.0] * 8 + [0.0] * 2, [f"g{place}" for place in range(10)])
    assert (found.value, found.n) == (0.8, 10)
    assert (found.low, found.high) == pytest.approx((0.427012, 0.955496), abs=2e-6)


def test_a_share_of_all_or_none_has_a_width():
    # t_9^2 / 10 = 0.511736: the low end is 1 / 1.511736, whatever the rows of a problem.
    groups = [f"g{place % 10}" for place in range(40)]
    found, none = share_interval([1.0] * 40, groups), share_interval([0.0] * 40, groups)
    assert (found.low, found.value, found.high) == (pytest.approx(0.661491, abs=2e-6), 1, 1)
    assert (none.low, none.value, none.high) == (0, 0, pytest.approx(0.338509, abs=2e-6))
    alone = share_interval([1.0, 0.0], ["a", "a"])
    assert (alone.value, alone.n) == (0.5, 2)
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)


def test_rows_of_one_problem_that_agree_widen_a_share_and_those_that_differ_do_not_narrow_it():
    apart = share_interval([1.0, 0.0] * 10, [f"r{place}" for place in range(20)])
    agree = share_interval([1.0, 1.0, 0.0, 0.0] * 5, [f"g{place // 2}" for place in range(20)])
    differ = share_interval([1.0, 0.0] * 10, [f"g{place // 2}" for place in range(20)])
    assert agree.high - agree.low > 1.2 * (apart.high - apart.low)
    # Every problem's mean is exactly 1/2; the size is then that of 20 independent rows: t_9^2 / 20 = 0.255868.
    assert differ.high - 0.5 == pytest.approx(math.sqrt(0.255868 / 4 + 0.255868**2 / 4) / 1.255868, abs=1e-6)


def test_the_jackknife_of_a_mean_is_students_interval():
    # Problem means 1, 2, 4, 5: standard error sqrt(10 / 3) / 2 = 0.912871, times t_3 = 3.182446.
    values, groups = np.array([0.0, 2.0, 1.0, 3.0, 4.0, 4.0, 6.0, 4.0]), list("aabbccdd")
    found = jackknife_interval(lambda rows: float(values[rows].mean()), groups)
    assert (found.value, found.n) == (3.0, 8)
    assert (found.low, found.high) == pytest.approx((3 - 2.905162, 3 + 2.905162), abs=1e-5)
    pseudo = contributions(left_out(lambda rows: float(values[rows].mean()), groups))
    assert pseudo.tolist() == pytest.approx([1, 2, 4, 5], abs=1e-12)


def test_the_jackknife_surrounds_a_count_of_distinct_things():
    # Of a, a, b, c three in four differ; without an a all do, without b or c two in three: se^2 = 3/4 * 4 / 36.
    texts = np.array(["a", "a", "b", "c"])

    def distinct(rows: np.ndarray) -> float:
        return len(set(texts[rows])) / len(rows)

    found = jackknife_interval(distinct, list("wxyz"))
    half = 3.182446 * math.sqrt(1 / 12)
    assert (found.low, found.value, found.high) == pytest.approx((0, 0.75, 0.75 + half), abs=1e-6)
    assert contributions(left_out(distinct, list("wxyz"))).tolist() == pytest.approx([0, 0, 1, 1], abs=1e-12)


def test_many_problems_are_left_out_in_blocks(monkeypatch):
    monkeypatch.setattr(jackknife, "MOST", 3)
    kept: list[list[int]] = []

    def count(rows: np.ndarray) -> float:
        kept.append(rows.tolist())
        return float(len(rows))

    jackknife_interval(count, list("abcdef"))
    assert kept == [[0, 1, 2, 3, 4, 5], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 3, 4]]


def test_one_problem_alone_has_no_jackknife():
    found = jackknife_interval(lambda rows: float(len(rows)), ["a", "a"])
    assert (found.value, found.n) == (2.0, 2)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
