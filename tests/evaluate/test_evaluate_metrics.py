"""The metrics on answers made by hand, and the table with its paired comparisons."""

import json
import sys
import textwrap

import numpy as np
import pytest
import sacrebleu
from evaluations import TEXTS, answers, ends, evaluation

from topgraft.errors import UserError
from topgraft.evaluate import METRICS
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.metrics import bleu, kl, length, reward
from topgraft.evaluate.statistics import intervals
from topgraft.evaluate.statistics.intervals import mean_interval, resampled_rows
from topgraft.evaluate.table import measure_all
from topgraft.lookup import resolve


def test_bleu_is_sacrebleus_corpus_bleu_on_every_resample(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 150)
    rows = answers("sft", TEXTS)
    found = bleu.measure(evaluation(rows)).measures["sft"]

    def whole(places) -> float:
        texts, references = [rows[place].response for place in places], [rows[place].reference for place in places]
        return sacrebleu.corpus_bleu(texts, [references]).score

    scores = [whole(places) for places in resampled_rows([row.group for row in rows], 0)]
    assert found.value == pytest.approx(whole(range(6)), abs=1e-9)
    assert bleu.corpus_bleu(TEXTS, [row.reference for row in rows]) == pytest.approx(found.value, abs=1e-9)
    assert [found.low, found.high] == pytest.approx(np.percentile(scores, ends(3)).tolist(), abs=1e-5)
    assert found.low < found.value < found.high
    assert found.n == 6


def test_bleu_of_the_references_is_100_and_of_nothing_0():
    rows = answers("a", TEXTS)
    perfect = answers("b", [row.reference for row in rows])
    empty = answers("c", [""] * 6)
    measures = bleu.measure(evaluation(perfect, empty)).measures
    assert measures["b"].value == pytest.approx(100)
    assert (measures["c"].low, measures["c"].value, measures["c"].high) == (0, 0, 0)


def test_a_win_is_1_and_a_tie_one_half():
    assert reward.wins([2.0, 1.0, -1.0, 0.0], [1.0, 1.0, 0.0, 0.0]) == [1.0, 0.5, 0.0, 0.5]
    base = answers("base", TEXTS[:4], reward=[1.0, 1.0, 0.0, 0.0])
    sft = answers("sft", TEXTS[:4], reward=[2.0, 1.0, -1.0, 0.0])
    result = reward.measure_wins(evaluation(base, sft))
    assert result is not None
    assert result.per_row == {"sft": [1.0, 0.5, 0.0, 0.5]}
    assert set(result.measures) == {"sft"}
    assert result.measures["sft"].value == 0.5


def test_rewards_are_means_over_rows():
    base = answers("base", TEXTS[:4], reward=[1.0, 2.0, 3.0, 6.0], reward_check=[0.0, 0.0, 0.0, -4.0])
    result, check = reward.measure_reward(evaluation(base)), reward.measure_check(evaluation(base))
    assert result is not None
    assert check is not None
    assert result.measures["base"] == mean_interval([1.0, 2.0, 3.0, 6.0], ["p0", "p0", "p1", "p1"])
    assert (result.measures["base"].value, check.measures["base"].value) == (3.0, -1.0)


def test_without_a_reward_model_there_is_no_reward_and_no_win_rate():
    rows = evaluation(answers("base", TEXTS[:2]), answers("sft", TEXTS[:2]))
    assert reward.measure_reward(rows) is None
    assert reward.measure_check(rows) is None
    assert reward.measure_wins(rows) is None


def test_an_untrained_arm_has_no_kl():
    base = answers("base", TEXTS[:4])
    sft = answers("sft", TEXTS[:4], kl_response=[1.0, 2.0, 3.0, 4.0])
    result = kl.measure(evaluation(base, sft))
    assert result is not None
    assert result.per_row == {"sft": [1.0, 2.0, 3.0, 4.0]}
    assert (set(result.measures), result.measures["sft"].value) == ({"sft"}, 2.5)
    assert kl.measure(evaluation(base)) is None


def test_length_and_ended_are_plain_means():
    rows = answers("sft", TEXTS[:4], ids=[(9,) * length for length in (1, 2, 3, 10)], ended=[True, False, True, True])
    assert length.measure_length(evaluation(rows)).measures["sft"].value == 4.0
    assert length.measure_ended(evaluation(rows)).measures["sft"].value == 0.75


def test_comparisons_are_paired_differences_between_every_two_arms():
    base = answers("base", TEXTS, reward=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    sft = answers("sft", TEXTS, reward=[0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    ppo = answers("ppo", TEXTS, reward=[1.5, 1.5, 3.5, 3.5, 4.5, 8.5])
    table = measure_all(evaluation(base, sft, ppo), ["reward"])
    found = {(item["arm"], item["against"]): item for item in table["comparisons"]}
    assert set(found) == {("sft", "base"), ("ppo", "base"), ("ppo", "sft")}
    assert all(item["n"] == 6 for item in found.values())
    # Every row gains the same, so the paired interval has no width although the rows differ widely.
    gain = found["sft", "base"]
    assert (gain["value"], gain["low"], gain["high"]) == (0.5, 0.5, 0.5)
    groups = ["p0", "p0", "p1", "p1", "p2", "p2"]
    for pair, gains in (("sft", [1, 0, 1, 0, 0, 3]), ("base", [1.5, 0.5, 1.5, 0.5, 0.5, 3.5])):
        by_hand, item = mean_interval(gains, groups), found["ppo", pair]
        assert (item["value"], item["low"], item["high"]) == (by_hand.value, by_hand.low, by_hand.high)


def test_many_arms_are_compared_with_base_with_their_start_and_with_the_best():
    starts = {"sft": "base", "a": "sft", "b": "sft", "c": "base", "d": "a"}
    mean = {"base": 0.0, "sft": 1.0, "a": 2.0, "b": 6.0, "c": 3.0, "d": 4.0}
    noise = [0.0, 0.5, -0.5, 0.25, 0.0, -0.25]
    arms = [
        answers(arm, TEXTS, reward=[value + gap * place for gap in noise])
        for place, (arm, value) in enumerate(mean.items())
    ]
    table = measure_all(evaluation(*arms), ["reward"], starts)
    pairs = [(item["arm"], item["against"]) for item in table["comparisons"]]
    with_base = [(arm, "base") for arm in ("sft", "a", "b", "c", "d")]
    assert pairs == [*with_base, ("a", "sft"), ("b", "sft"), ("d", "a"), ("b", "a"), ("b", "c"), ("b", "d")]
    assert [item["value"] for item in table["comparisons"][-3:]] == [4.0, 3.0, 2.0]
    assert table["starts"] == starts


def test_up_to_four_arms_besides_base_every_two_are_compared():
    arms = [answers(name, TEXTS, reward=[0.0] * 6) for name in ("base", "a", "b", "c", "d")]
    assert len(measure_all(evaluation(*arms), ["reward"])["comparisons"]) == 10


def test_the_table_holds_what_could_be_measured():
    base = answers("base", TEXTS, reward=[0.0] * 6)
    sft = answers("sft", TEXTS, reward=[1.0] * 6, kl_response=[2.0] * 6)
    table = measure_all(evaluation(base, sft), list(METRICS))
    of_texts = {"apc", "bleu", "chrf", "rouge_l", "distinct_1", "distinct_2", "distinct_3", "self_bleu", "mtld"}
    everywhere = of_texts | {"reward", "length", "ended"}
    assert set(table["arms"]["base"]["metrics"]) == everywhere
    assert set(table["arms"]["sft"]["metrics"]) == everywhere | {"win_rate", "reward_gain", "kl"}
    for arm in table["arms"].values():
        for entry in arm["metrics"].values():
            assert set(entry) == {"value", "low", "high", "n"}
            assert entry["low"] <= entry["value"] <= entry["high"]
            assert entry["n"] == 6
    measured = everywhere | {"win_rate", "reward_gain", "kl"}
    assert set(table["directions"]) == set(table["descriptions"]) == measured
    assert set(table["not_measured"]) == set(METRICS) - measured
    assert table["per_row"]["win_rate"] == {"sft": [1.0] * 6}


def test_a_metric_of_ones_own_is_named_in_a_recipe(tmp_path, monkeypatch):
    code = """
        from topgraft.evaluate.statistics.intervals import mean_interval
        from topgraft.evaluate.metric import Metric
        from topgraft.evaluate.records import MetricResult

        def measure(evaluation):
            per_row = {arm: [float(r.response.isupper()) for r in rows] for arm, rows in evaluation.responses.items()}
            groups = [row.group for row in next(iter(evaluation.responses.values()))]
            return MetricResult(
                measures={arm: mean_interval(values, groups) for arm, values in per_row.items()}, per_row=per_row
            )

        SHOUT = Metric("share of answers in capitals", "lower", measure)
    """
    (tmp_path / "shouting.py").write_text(textwrap.dedent(code))
    monkeypatch.syspath_prepend(tmp_path)
    table = measure_all(evaluation(answers("base", ["YES", "no", "NO", "NO"])), ["length", "shouting:SHOUT"])
    assert table["arms"]["base"]["metrics"]["shout"]["value"] == 0.75
    assert table["directions"]["shout"] == "lower"
    assert table["descriptions"]["shout"] == "share of answers in capitals"
    sys.modules.pop("shouting")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("blue", "Did you mean 'bleu'"),
        ("no.such.module:X", "Cannot import metric"),
        ("topgraft.evaluate.metrics.bleu:BLEU_4", "Did you mean 'BLEU4'"),
        ("topgraft.evaluate.metrics.bleu:corpus_bleu", "<function corpus_bleu .*, not a metric"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest_name(name, words):
    with pytest.raises(UserError, match=words):
        measure_all(evaluation(answers("base", TEXTS)), [name])


def test_every_metric_of_the_table_has_a_definition_and_a_direction():
    for name, target in METRICS.items():
        metric = resolve("metric", name, METRICS)
        assert isinstance(metric, Metric), target
        assert metric.direction in {"higher", "lower", "neutral"}
        assert len(metric.description.split()) >= 4


def test_answers_to_one_problem_alone_are_measured_without_an_interval():
    rows = answers("base", TEXTS[:2], reward=[1.0, 2.0])
    more = answers("sft", TEXTS[:2], reward=[2.0, 4.0])
    table = measure_all(evaluation(rows, more), ["reward"])
    assert table["arms"]["base"]["metrics"]["reward"] == {"value": 1.5, "low": None, "high": None, "n": 2}
    assert (table["comparisons"][0]["value"], table["comparisons"][0]["low"]) == (1.5, None)
    json.dumps(table, allow_nan=False)
