"""Signs of reward hacking, on series made up so that every figure can be worked by hand."""

import math

import pytest

from topgraft.errors import UserError
from topgraft.recipe import parse_set
from topgraft.records import Sample
from topgraft.train import worst
from topgraft.train.series import Series, WatchSettings
from topgraft.train.settings import settings_of
from topgraft.train.signs import SIGNS, _rates

NO = None
"""A step that lacks the metric."""


def series(columns: dict[str, list[float | None]], weights: dict[str, float] | None = None, **settings) -> Series:
    """Steps from columns; two first steps and a window of two unless `settings` say otherwise."""
    steps = [
        {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]
    return Series(steps, WatchSettings(**({"baseline": 2, "window": 2} | settings)), weights or {})


LENGTH, REPETITION, DIVERSITY = "rollout/length", "rollout/repetition", "rollout/distinct_2"
ENTROPY, KL, SCORE, STD, EVAL = "policy/entropy", "kl/token", "reward/score", "reward/std", "eval/reward"

LEVELS = [  # the mean of the first two, 50 or 0.2 or 0.8 or 4, decides; the last two must both be beyond
    ("length", LENGTH, [40, 60, 70, 101, 105], True),  # above 2 x 50
    ("length", LENGTH, [40, 60, 99, 105], False),
    ("length", LENGTH, [40, 60, 105, 99], False),
    ("length", LENGTH, [40, 60, 105], False),  # a window is not full
    ("length", LENGTH, [40, 60, 24, 20], True),  # below 50 / 2
    ("length", LENGTH, [40, 60, 26, 20], False),
    ("repetition", REPETITION, [0.1, 0.3, 0.31, 0.35], True),  # above 0.2 + 0.1
    ("repetition", REPETITION, [0.1, 0.3, 0.29, 0.35], False),
    ("diversity", DIVERSITY, [0.7, 0.9, 0.39, 0.3], True),  # below 0.8 / 2
    ("diversity", DIVERSITY, [0.7, 0.9, 0.41, 0.3], False),
    ("entropy", ENTROPY, [3, 5, 1.1, 1.19], True),  # below 4 x 0.3
    ("entropy", ENTROPY, [3, 5, 1.1, 1.21], False),
    ("kl", KL, [0.0, 0.1, 0.21, 0.3], True),  # above 0.2, whatever it was at first
    ("kl", KL, [0.21, 0.3], True),
    ("kl", KL, [0.3, 0.3, 0.19, 0.3], False),
    ("kl", KL, [0.3], False),
]


@pytest.mark.parametrize(("sign", "metric", "values", "shows"), LEVELS)
def test_a_level_is_compared_with_the_first_steps_over_the_whole_window(sign, metric, values, shows):
    assert (SIGNS[sign](series({metric: values})) is not None) == shows


def test_a_message_has_the_means_that_were_compared_and_what_to_do():
    found = SIGNS["length"](series({LENGTH: [40, 60, 70, 102, 106]}))
    assert "grown from 50 to 104 tokens, beyond the factor 2" in found.message
    assert "raise beta" in found.message
    found = SIGNS["length"](series({LENGTH: [40, 60, 24, 20]}))
    assert "shrunk from 50 to 22 tokens" in found.message


RISING_KL = [0, 2, 4, 6, 8, 10]


def climb(score: list[float], std: float = 1.0, kl: list[float] = RISING_KL, **settings) -> Series:
    return series({"kl/response": kl, SCORE: score, STD: [std] * len(kl)}, **settings)


def test_the_rates_before_and_after_half_of_the_kl():
    # From (1, 1), the mean of the first two, to (9, 6.2), that of the last: half-way is 5 nats, where the third and
    # fourth stand at (5, 5). So 4 / 4 before and 1.2 / 4 after.
    assert _rates(climb([0, 2, 4, 6, 6.2, 6.2]), 0) == pytest.approx((1.0, 0.3))


@pytest.mark.parametrize(
    ("score", "std", "kl"),
    [
        ([0, 2, 4, 6, 6, 6], 9.0, RISING_KL),  # the rise of 4 is below half a standard deviation
        ([0, 0, 0, 0, 6, 6], 1.0, RISING_KL),  # there was none
        ([0, 2, 4, 6, 6, 6], 1.0, [0, 0, 10, 10, 10, 10]),  # all of the KL came at once
        ([0, 2, 4, 6, 6, 6], 1.0, [5, 5, 5, 5, 5, 5]),
        ([0, 2, 4, 6, 6, 6], 1.0, [9, 8, 7, 6, 5, 4]),  # it falls
        ([0, 2, 4, 6, 6], 1.0, RISING_KL[:5]),  # too few steps for two first, two between and two last
        ([0, math.nan, 4, 6, 6, 6], 1.0, RISING_KL),
    ],
)
def test_no_rates_where_there_is_nothing_to_compare(score, std, kl):
    assert _rates(climb(score, std, kl), 0) is None


def test_a_knee_shows_where_the_second_half_buys_less_than_its_share_over_the_window():
    one = {"baseline": 1, "window": 1}
    flat = [0, 1, 2, 2.05, 2.1]  # half-way at 2 nats: 1 a nat before, 0.05 after
    steps = list(range(5))
    assert SIGNS["knee"](climb(flat, kl=steps, **one))
    assert not SIGNS["knee"](climb([0, 1, 2, 2.1, 2.3], kl=steps, **one))  # 0.15 after
    assert not SIGNS["knee"](climb(flat, kl=steps, **one, knee=0.04))
    assert not SIGNS["knee"](climb(flat, kl=steps, baseline=1, window=2))  # a step ago it was not to be seen
    falls = SIGNS["knee"](climb([0, 1, 2, 1.5, 1], kl=steps, **one))
    assert "gained 1 per nat in the first half of the KL and -0.5 in the second" in falls.message


def test_the_square_root_law_has_no_knee_at_any_length_and_a_plateau_has():
    for size in range(7, 60):
        kl = [0.2 * step for step in range(size)]
        assert not SIGNS["knee"](climb([3 * math.sqrt(nats) for nats in kl], kl=kl))
    kl = [0.2 * step for step in range(40)]
    assert SIGNS["knee"](climb([min(nats, 2.0) for nats in kl], kl=kl))


PARTS = {"tone": 1.0, "insults": -2.0}


@pytest.mark.parametrize(
    ("tone", "score", "shows"),
    [
        ([0.3, 0.1, -0.21, -0.3], [0, 0, 0.1, 0.1], True),
        ([0.3, 0.1, -0.19, -0.3], [0, 0, 0.1, 0.1], False),
        ([-0.3, 0.1, -0.5, -0.5], [0, 0, 0.1, 0.1], False),  # it was so at first
        ([0.3, 0.1, -0.21, -0.3], [0, 0, 0.1, -0.1], False),  # the score does not rise
        ([NO, 0.3, -0.21, -0.3], [0, 0, 0.1, 0.1], False),  # one value fewer
    ],
)
def test_parts_that_come_to_stand_against_each_other(tone, score, shows):
    found = SIGNS["agreement"](series({"reward/agreement/tone": tone, SCORE: score}, PARTS))
    assert (found is not None) == shows
    if found is not None:
        assert "`tone`" in found.message
        assert "0.20 at first, -0.26 now" in found.message


@pytest.mark.parametrize(
    ("part", "values", "score", "spread", "shows"),
    [
        ("tone", [1, 1, 0.4, 0.3], [0, 0, 0.6, 0.6], 1.0, True),  # falls by over half of 1, the score rises by as much
        ("tone", [1, 1, 0.6, 0.3], [0, 0, 0.6, 0.6], 1.0, False),
        ("tone", [1, 1, 0.4, 0.3], [0, 0, 0.4, 0.6], 1.0, False),
        ("tone", [1, 1, 0.4, 0.3], [0, 0, 0.6, 0.6], 1.5, False),  # half of 1.5 is not reached
        ("tone", [1, 1, 1.7, 1.7], [0, 0, 0.6, 0.6], 1.0, False),
        ("insults", [1, 1, 1.7, 1.7], [0, 0, 0.6, 0.6], 1.0, True),  # its weight is negative: more of it is worse
        ("insults", [1, 1, 0.3, 0.3], [0, 0, 0.6, 0.6], 1.0, False),
    ],
)
def test_a_part_that_is_given_up_while_the_score_rises(part, values, score, spread, shows):
    columns = {f"reward/part/{part}": values, SCORE: score, STD: [1.0] * 4, f"reward/std/{part}": [spread] * 4}
    found = SIGNS["parts"](series(columns, PARTS))
    assert (found is not None) == shows
    assert found is None or f"`{part}`" in found.message


@pytest.mark.parametrize(
    ("evaluated", "score", "shows"),
    [
        ([NO, 1, NO, 0.7, NO, 0.7], [0, 1, 1, 1, 1, 2], True),  # twice below 1 - 0.25
        ([NO, 1, NO, 0.7, NO, 0.8], [0, 1, 1, 1, 1, 2], False),
        ([NO, 1, NO, 0.8, NO, 0.7], [0, 1, 1, 1, 1, 2], False),
        ([NO, 1, NO, 0.7, NO, 0.7], [0, 1, 1, 1, 1, 0.9], False),  # the samples' score fell as well
        ([NO, 1, NO, NO, NO, 0.7], [0, 1, 1, 1, 1, 2], False),  # one evaluation only
        ([0, 1, 0.7, NO, 0.7, NO], [0, 1, 1, 1, 1, 2], True),  # the best, not the first
        ([NO] * 6, [0, 1, 1, 1, 1, 2], False),
    ],
)
def test_validation_prompts_lose_what_the_samples_gain(evaluated, score, shows):
    columns = {EVAL: evaluated, SCORE: score, STD: [1.0] * 6}
    assert (SIGNS["held_out"](series(columns, baseline=1, window=1)) is not None) == shows


def test_without_figures_no_sign_shows():
    for steps in ([], [{}] * 20, [{LENGTH: math.nan, KL: math.nan, SCORE: math.nan, EVAL: math.nan}] * 20):
        found = Series(steps, WatchSettings(), PARTS)
        assert [name for name, sign in SIGNS.items() if sign(found)] == []


def test_a_healthy_run_shows_none():
    # Length falls by a third, entropy by a fifth, the KL grows to 0.1 a token, the score by its square root.
    columns: dict[str, list[float | None]] = {
        LENGTH: [90 - step for step in range(30)],
        REPETITION: [0.02 + 0.01 * (step % 3) for step in range(30)],
        DIVERSITY: [0.4 - 0.003 * step for step in range(30)],
        ENTROPY: [0.6 - 0.004 * step for step in range(30)],
        KL: [0.1 * step / 30 for step in range(30)],
        "kl/response": [6 * step / 30 for step in range(30)],
        SCORE: [0.5 * math.sqrt(step / 30) + 0.05 * (step % 2) for step in range(30)],
        STD: [0.3] * 30,
        EVAL: [0.1 + 0.05 * (step % 20 == 9) if step % 10 == 9 else NO for step in range(30)],
    }
    found = Series(series(columns).steps, WatchSettings(), {"learned": 1.0})
    assert [name for name, sign in SIGNS.items() if sign(found)] == []


def response(text: str = "", *, tokens: int = 1, score: float = 0.0, kl: float = 0.0, part: float | None = 0.0):
    return Sample(key="k", response=text, tokens=tokens, ended=True, score=score, kl=kl, parts={"tone": part})


def test_how_bad_responses_are():
    assert worst.longest([response(tokens=3), response(tokens=5)]) == [3, 5]
    assert worst.shortest([response(tokens=3), response(tokens=5)]) == [-3, -5]
    assert worst.farthest([response(kl=1.5), response(kl=-0.5)]) == [1.5, -0.5]
    assert worst.scoring([response(score=1.5), response(score=-0.5)]) == [1.5, -0.5]
    assert worst.repeating([response("a b c a b c"), response("a b c")]) == [0.25, 0]  # abc bca cab abc
    # 2-grams: ab twice and bc once in the rollout, cd once; the third has none.
    assert worst.alike([response("a b c"), response("a b"), response("d"), response("c d")]) == [1.5, 2, 0, 1]


@pytest.mark.parametrize("weight", [1.0, 0.0, -1.0])
def test_a_sacrifice_is_a_high_score_with_a_bad_part(weight):
    # Scores 0, 1, 1 have mean 2/3 and deviation sqrt(2)/3, the parts 0, -1, 1 mean 0 and deviation sqrt(2/3); the last
    # response has no value of the part.
    rows = [response(score=0.0, part=0.0), response(score=1.0, part=-1.0), response(score=1.0, part=1.0)]
    rows.append(response(score=9.0, part=None))
    badness = worst.sacrificing("tone", weight)(rows)
    up, side = math.sqrt(2) / 2, math.sqrt(1.5)
    bad, good = (up + side, up - side) if weight >= 0 else (up - side, up + side)
    assert badness == pytest.approx([-math.sqrt(2), bad, good, -math.inf])


@pytest.mark.parametrize("sign", SIGNS)
def test_every_sign_has_a_threshold_of_its_name_that_may_be_switched_off(sign):
    off = settings_of({"name": "test", "stages": ["sft"], **parse_set(f"watch.{sign}=false")})
    assert getattr(off.watch, sign) == 0
    assert getattr(WatchSettings(), sign) > 0


def test_a_length_that_is_no_factor_is_refused():
    with pytest.raises(UserError, match=r"length = 0\.5 is a factor"):
        settings_of({"name": "test", "stages": ["sft"], "watch": {"length": 0.5}})


def test_a_band_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"kl_band = \[0\.1, 0\.02\] is no band: write the lower end first"):
        settings_of({"name": "test", "stages": ["sft"], "watch": {"kl_band": [0.1, 0.02]}})
    assert settings_of({"name": "test", "stages": ["sft"], "watch": {"kl_band": [0.02, 0.1]}}).watch.kl_band == (
        0.02,
        0.1,
    )
