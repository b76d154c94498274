import math

import numpy as np
import pytest
import torch

from topgraft.rating.agreement import (
    alpha,
    alpha_interval,
    choice_alpha,
    counts_of,
    ordinal_alpha,
    raw_agreement,
    share,
)

NONE = None
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]
UNITS = [[value for value in unit if value is not None] for unit in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level, published):
    assert alpha(counts_of(UNITS, [1, 2, 3, 4, 5]), level) == pytest.approx(published, abs=0.0005)


def test_values_that_nobody_gave_change_nothing():
    few, many = counts_of(UNITS, [1, 2, 3, 4, 5]), counts_of(UNITS, range(10))
    assert alpha(few, "ordinal") == pytest.approx(alpha(many, "ordinal"))


def test_alpha_of_two_raters_and_two_values_by_hand():
    # Units aa, ab, bb, bb: n_a = 3, n_b = 5, one disagreement = 2 of 8 coincidences.
    # Expected disagreement: 2 * 3 * 5 / (8 * 7). alpha = 1 - (2/8) / (30/56) = 1 - 7/15.
    counts = counts_of([[1, 1], [1, 2], [2, 2], [2, 2]], [1, 2])
    assert alpha(counts, "nominal") == pytest.approx(1 - 7 / 15)


@pytest.mark.parametrize("units", [[], [[3], [4], [5]], [[3, 3], [3, 3]], [[3, 3], [4], [5]]])
def test_alpha_is_not_a_number_without_pairs_or_without_differences(units):
    assert math.isnan(alpha(counts_of(units, [3, 4, 5]), "ordinal"))
    measure = alpha_interval(ordinal_alpha, counts_of(units, [3, 4, 5]), ["p"] * len(units))
    assert math.isnan(measure.value)
    assert math.isnan(measure.low)


def test_the_interval_holds_alpha_and_counts_units_with_two_raters():
    groups = [f"p{place}" for place in range(len(UNITS))]
    measure = alpha_interval(ordinal_alpha, counts_of(UNITS, [1, 2, 3, 4, 5]), groups)
    assert measure.n == 11  # the twelfth unit has one observer
    assert measure.low < measure.value < measure.high
    assert measure.value == pytest.approx(0.815, abs=0.0005)
    assert -0.2 < measure.low < 0.7
    assert measure.high <= 1


def test_raters_who_answer_by_chance_have_an_interval_around_nothing():
    values = np.random.default_rng(0).integers(1, 6, (60, 3)).tolist()
    measure = alpha_interval(ordinal_alpha, counts_of(values, [1, 2, 3, 4, 5]), [f"p{n}" for n in range(60)])
    assert measure.low < 0 < measure.high
    assert measure.high - measure.low < 0.4


def test_choices_count_both_ways_round_by_hand():
    # Won by both, won by both, won and lost: with the mirrored units 6 wins and 6 losses, disagreement 4 of 12
    # coincidences, expected 2 * 6 * 6 / (12 * 11). alpha = 1 - (1/3) / (6/11).
    counts = counts_of([[1, 1], [1, 1], [0, 1]], [0, 0.5, 1])
    assert choice_alpha(counts) == pytest.approx(1 - 11 / 18)
    assert choice_alpha(counts[:, ::-1]) == pytest.approx(1 - 11 / 18)


def test_raters_who_all_prefer_the_same_arm_agree():
    assert choice_alpha(counts_of([[1, 1, 1], [1, 1]], [0, 0.5, 1])) == 1
    assert math.isnan(choice_alpha(counts_of([[0.5, 0.5]], [0, 0.5, 1])))  # ties alone show nothing


def test_raw_agreement_by_hand():
    # 4 4 5: one pair of three the same, all within one. 1 5: none. 2: no pair.
    counts = counts_of([[4, 4, 5], [1, 5], [2]], [1, 2, 3, 4, 5])
    groups = ["a", "b", "c"]
    assert raw_agreement(counts, groups).value == pytest.approx(1 / 4)
    assert raw_agreement(counts, groups, apart=1).value == pytest.approx(3 / 4)
    assert raw_agreement(counts, groups, apart=4).value == pytest.approx(1)
    assert raw_agreement(counts, groups).n == 4


def test_raw_agreement_equals_counting_every_pair():
    chance = np.random.default_rng(1)
    units = [chance.integers(1, 6, chance.integers(1, 6)).tolist() for _ in range(40)]
    pairs = [(x, y) for unit in units for place, x in enumerate(unit) for y in unit[place + 1 :]]
    for apart in range(5):
        wanted = sum(abs(x - y) <= apart for x, y in pairs) / len(pairs)
        found = raw_agreement(counts_of(units, [1, 2, 3, 4, 5]), [f"p{n}" for n in range(40)], apart=apart)
        assert found.value == pytest.approx(wanted)
        assert found.n == len(pairs)


def test_nothing_rated_twice_gives_no_number():
    assert math.isnan(share([], []).value)
    assert math.isnan(raw_agreement(counts_of([[1]], [1, 2]), ["p"]).value)
    assert share([True, False, True, True], ["a", "b", "c", "d"]).value == pytest.approx(0.75)


def test_counts_are_units_by_values():
    counts = torch.from_numpy(counts_of([[1, 1, 3], [2]], [1, 2, 3]))
    torch.testing.assert_close(counts, torch.tensor([[2, 0, 1], [0, 1, 0]]))
