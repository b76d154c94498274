"""Law: arms are compared problem by problem, corrected together, and called apart where interval and test agree."""

import json

import numpy as np
import pytest
from evaluations import answers, evaluation

from topgraft.evaluate.statistics.paired import holm, signed_rank
from topgraft.evaluate.table import measure_all

TEXTS = [f"the reference number {place} reads like this" for place in range(20)]
GAIN = np.array([1.0, 0.5, 0.25, 2.0, 0.75, 0.1, 0.6, 1.5, 0.9, 0.3])


def rewards(per_problem) -> list[float]:
    """Two rows a problem, which differ by as much as is taken away again in the mean."""
    return [float(value + side) for value in per_problem for side in (-3, 3)]


def entries(table: dict, name: str = "reward") -> dict:
    return {(item["arm"], item["against"]): item for item in table["comparisons"] if item["name"] == name}


def test_a_comparison_says_what_was_tested_and_how_large_it_is():
    base = answers("base", TEXTS, reward=rewards(np.zeros(10)))
    sft = answers("sft", TEXTS, reward=rewards(GAIN))
    item = entries(measure_all(evaluation(base, sft), ["reward"]))["sft", "base"]
    assert (item["value"], item["n"], item["problems"], item["family"]) == (pytest.approx(0.79), 20, 10, 1)
    # All ten gain: 2 / 2^10; one comparison needs no correction. Deviation of the ten gains 0.591983.
    assert item["p"] == item["p_adjusted"] == pytest.approx(1 / 512)
    assert (item["rank_biserial"], item["d_z"]) == (1.0, pytest.approx(0.79 / 0.591983, abs=1e-5))
    assert (item["separated"], item["needed"], item["neutral"]) == (True, None, 0)
    assert item["low"] > 0


def test_what_is_not_separated_says_how_many_problems_would_do():
    gains = GAIN * np.array([1, -1, 1, -1, 1, 1, -1, 1, -1, 1])
    base = answers("base", TEXTS, reward=rewards(np.zeros(10)))
    sft = answers("sft", TEXTS, reward=rewards(gains))
    item = entries(measure_all(evaluation(base, sft), ["reward"]))["sft", "base"]
    effect = gains.mean() / gains.std(ddof=1)
    assert item["low"] < 0 < item["high"]
    assert item["separated"] is False
    assert item["needed"] == int(np.ceil(7.848880 / effect**2 + 1.920729))
    same = entries(measure_all(evaluation(base, answers("sft", TEXTS, reward=rewards(np.zeros(10)))), ["reward"]))
    assert (same["sft", "base"]["d_z"], same["sft", "base"]["needed"], same["sft", "base"]["p"]) == (None, None, 1.0)


def test_an_interval_without_0_is_not_enough():
    # Five problems that all gain: the interval lies above 0, and yet five heads in a row are no evidence at 5 %.
    base = answers("base", TEXTS[:10], reward=rewards(np.zeros(5)))
    sft = answers("sft", TEXTS[:10], reward=rewards(np.array([1.0, 1.1, 0.9, 1.2, 0.8])))
    item = entries(measure_all(evaluation(base, sft), ["reward"]))["sft", "base"]
    assert (item["low"] > 0, item["p"], item["separated"]) == (True, 1 / 16, False)
    assert item["needed"] == 6


def test_all_pairs_of_few_arms_are_corrected_together():
    noise = np.random.default_rng(2)
    arms = [answers(arm, TEXTS, reward=rewards(noise.normal(place / 4, 1, 10))) for place, arm in enumerate("abcd")]
    found = entries(measure_all(evaluation(*arms), ["reward"]))
    assert [item["family"] for item in found.values()] == [6] * 6
    assert [item["p_adjusted"] for item in found.values()] == holm([item["p"] for item in found.values()])


def test_of_many_arms_each_question_is_corrected_by_itself():
    noise, arms = np.random.default_rng(5), ["base", "sft", "a", "b", "c", "d"]
    values = {arm: noise.normal(0.3 * place, 1, 10) for place, arm in enumerate(arms)}
    rows = evaluation(*(answers(arm, TEXTS, reward=rewards(values[arm])) for arm in arms))
    starts = {"sft": "base", "a": "sft", "b": "sft", "c": "sft", "d": "a"}
    found = entries(measure_all(rows, ["reward"], starts))
    best = max(arms, key=lambda arm: values[arm].mean())

    def p(arm: str, against: str) -> float:
        return signed_rank(values[arm] - values[against])[0]

    with_base = [(arm, "base") for arm in arms[1:]]
    with_start = list(starts.items())
    of_best = [(best, arm) for arm in arms if arm != best]
    adjusted: dict = {}
    for family in (with_base, with_start, of_best):
        for pair, value in zip(family, holm([p(*pair) for pair in family]), strict=True):
            adjusted[frozenset(pair)] = max(value, adjusted.get(frozenset(pair), 0.0))
    assert {frozenset(pair): item["p_adjusted"] for pair, item in found.items()} == pytest.approx(adjusted)
    assert {item["family"] for item in found.values()} == {5}


def test_corpus_bleu_is_compared_by_leaving_problems_out():
    base = answers("base", [text.replace("reference", "other") for text in TEXTS])
    mixed = [text if place % 4 else "nothing of it" for place, text in enumerate(TEXTS)]
    table = measure_all(evaluation(base, answers("sft", mixed), answers("ppo", TEXTS)), ["bleu"])
    found = entries(table, "bleu")
    value = {arm: table["arms"][arm]["metrics"]["bleu"]["value"] for arm in ("base", "sft", "ppo")}
    assert found["ppo", "base"]["value"] == pytest.approx(value["ppo"] - value["base"], abs=1e-9)
    assert found["ppo", "base"]["separated"]
    assert found["ppo", "base"]["rank_biserial"] == 1.0
    item = found["sft", "base"]
    assert item["value"] == pytest.approx(value["sft"] - value["base"], abs=1e-9)
    assert item["low"] < item["value"] < item["high"]


def test_d_z_of_blocks_is_that_of_problems():
    # 100 problems of one row: 50 blocks of two; the mean of a block varies less by sqrt(2), and so d_z is scaled back.
    noise = np.random.default_rng(3)
    texts = ["x"] * 100
    groups = [f"p{place:03d}" for place in range(100)]
    gains = noise.normal(0.3, 1.0, 100)
    rows = evaluation(
        *(
            answers(arm, texts, group=groups, preference=list(values))
            for arm, values in (("base", np.zeros(100)), ("a", noise.normal(0, 1, 100)), ("b", noise.normal(0, 1, 100)))
        )
    )
    found = entries(measure_all(rows, ["margin"]), "margin")
    (item,) = found.values()
    own, other = rows.responses["b"], rows.responses["a"]
    gains = np.array([mine.preference - theirs.preference for mine, theirs in zip(own, other, strict=True)])
    blocks = (gains[:50] + gains[50:]) / 2
    assert item["value"] == pytest.approx(gains.mean())
    assert item["d_z"] == pytest.approx(blocks.mean() / blocks.std(ddof=1) / np.sqrt(2))
    assert item["problems"] == 100


def test_rows_without_a_preference_do_not_count_in_the_margin():
    preference = [None if place % 3 == 0 else float(place) for place in range(20)]
    gained = [None if value is None else value + 1 + place % 2 for place, value in enumerate(preference)]
    more = [None if value is None else value + 3 for value in preference]
    arms = [answers(arm, TEXTS, preference=rows) for arm, rows in (("base", preference), ("a", gained), ("b", more))]
    table = measure_all(evaluation(*arms), ["margin"])
    (item,) = entries(table, "margin").values()
    level = {arm: table["arms"][arm]["metrics"]["margin"]["value"] for arm in "ab"}
    assert item["value"] == pytest.approx(level["b"] - level["a"])
    json.dumps(table, allow_nan=False)


def test_a_kl_to_each_arms_own_start_is_not_compared():
    base = answers("base", TEXTS, reward=[0.0] * 20)
    arms = [answers(arm, TEXTS, reward=[0.0] * 20, kl_response=[1.0] * 20) for arm in ("sft", "ppo")]
    table = measure_all(evaluation(base, *arms), ["reward", "kl", "length", "ended", "win_rate"])
    assert {item["name"] for item in table["comparisons"]} == {"reward", "length", "ended", "win_rate"}
    assert set(entries(table, "win_rate")) == {("ppo", "sft")}
