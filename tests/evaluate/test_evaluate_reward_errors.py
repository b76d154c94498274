"""Where a reward model errs: bins, calibration and measures of pairs made by hand."""

import math

import numpy as np
import pytest

from topgraft.evaluate.records import as_json
from topgraft.evaluate.reward_errors import (
    METRICS,
    RewardPair,
    analyse,
    calibration,
    calibration_error,
    categories,
    length_bins,
)
from topgraft.evaluate.statistics.intervals import share_interval


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def pair(number: int, margin: float, lengths: tuple[int, int] = (10, 10), **changed: object) -> RewardPair:
    """Pairs 0 and 1 are of problem p0, 2 and 3 of p1, and so on."""
    fields: dict = {
        "id": f"r{number}",
        "problem": f"p{number // 2}",
        "part": "test",
        "category": "",
        "strength": 1.0,
        "prompt": "Q",
        "chosen": "A",
        "rejected": "B",
        "chosen_score": 3 * margin,
        "rejected_score": 0.0,
        "margin": margin,
        "chosen_tokens": lengths[0],
        "rejected_tokens": lengths[1],
    }
    return RewardPair(**fields | changed)


def test_right_is_1_a_tie_one_half_and_wrong_0():
    assert [pair(0, margin).right for margin in (0.2, 0.0, -0.2)] == [1.0, 0.5, 0.0]


def test_the_calibration_error_of_six_pairs_by_hand():
    confidence = np.array([0.52, 0.58, 0.70, 0.95, 0.97, 1.0])
    right = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    # [0.5, 0.6): 0.55 sure, 0.5 right; [0.7, 0.8): 0.7 sure, 1 right; [0.9, 1]: 2.92 / 3 sure, 2 / 3 right
    expected = (2 * 0.05 + 1 * 0.30 + 3 * (2.92 / 3 - 2 / 3)) / 6
    assert calibration_error(confidence, right) == pytest.approx(expected)
    assert calibration_error(np.full(4, 0.75), np.array([1.0, 1.0, 1.0, 0.0])) == pytest.approx(0)


def test_the_calibration_curve_has_a_point_for_every_bin_with_pairs():
    margins = [logit(0.55), -logit(0.57), logit(0.82), logit(0.88), -logit(0.86), 0.0]
    found = calibration([pair(number, margin) for number, margin in enumerate(margins)])
    assert [point["n"] for point in found] == [3, 3]
    assert [point["confidence"] for point in found] == pytest.approx(
        [(0.55 + 0.57 + 0.5) / 3, (0.82 + 0.88 + 0.86) / 3]
    )
    assert [point["value"] for point in found] == pytest.approx([(1 + 0 + 0.5) / 3, 2 / 3])
    expected = share_interval([1.0, 1.0, 0.0], ["p1", "p1", "p2"])
    assert (found[1]["low"], found[1]["high"]) == (expected.low, expected.high)


def test_length_bins_are_cut_at_the_median_difference():
    lengths = [(10, 30), (10, 15), (10, 10), (12, 10), (20, 10), (30, 10)]
    bins = length_bins(
        [pair(number, 1.0, both) for number, both in enumerate(lengths)]
    )  # |5 differences|: 2 5 10 20 20
    named = {name: [found.id for found in inside] for name, inside in bins.items()}
    assert named == {
        "shorter by more than 10": ["r0"],
        "shorter by 1 to 10": ["r1"],
        "equally long": ["r2"],
        "longer by 1 to 10": ["r3", "r4"],
        "longer by more than 10": ["r5"],
    }
    assert list(length_bins([pair(0, 1.0), pair(1, 1.0)])) == ["equally long"]


def test_categories_stand_by_size_and_rows_without_any_give_none():
    pairs = [pair(n, 1.0, category=name) for n, name in enumerate(["a", "b", "", "b"])]
    assert {name: len(inside) for name, inside in categories(pairs).items()} == {"b": 2, "a": 1, "none": 1}
    assert next(iter(categories(pairs))) == "b"
    assert categories([pair(0, 1.0)]) == {}


def test_the_analysis_by_hand():
    lengths = [(12, 10), (10, 12), (12, 10), (10, 10)]
    pairs = [pair(n, margin, lengths[n], strength=n + 1.0) for n, margin in enumerate([-1.0, 1.0, 2.0, 3.0])]
    held = [pair(0, 1.0, part="validation"), pair(2, -1.0, part="validation")]
    found = analyse([*pairs, *held], 0)
    test, validation = (found["arms"][part]["metrics"] for part in ("test", "validation"))
    assert {name: entry["value"] for name, entry in test.items() if name != "calibration_error"} == {
        "accuracy": 0.75,
        "longer_wins": (1 + 0 + 1 + 0.5) / 4,
        "beyond_length": 0.75 - 0.625,
        "strength": pytest.approx(1.0),
    }
    assert test["accuracy"] == as_json(share_interval([0.0, 1.0, 1.0, 1.0], [one.problem for one in pairs]))
    assert validation["accuracy"]["value"] == 0.5
    assert "strength" not in validation  # all alike
    assert list(found["directions"]) == list(found["descriptions"]) == list(METRICS)
    assert [(entry["name"], entry["value"], entry["n"]) for entry in found["by_length"]] == [
        ("shorter by 1 to 2", 1.0, 1),
        ("equally long", 1.0, 1),
        ("longer by 1 to 2", 0.5, 2),
    ]
    assert found["by_category"] == []
    assert sum(point["n"] for point in found["calibration"]) == 4
