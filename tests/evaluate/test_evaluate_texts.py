"""Metrics of texts alone: overlap with the reference, and how alike or how diverse an arm's answers are."""

import math

import numpy as np
import pytest
import sacrebleu
from evaluations import TEXTS, answers, ends, evaluation
from scipy import stats

from topgraft.evaluate.metrics import chrf, distinct, mtld, reward, rouge, self_bleu, toxicity
from topgraft.evaluate.statistics import intervals
from topgraft.evaluate.statistics.intervals import resampled_rows
from topgraft.evaluate.statistics.jackknife import MOST, jackknife_interval
from topgraft.rewards.toxicity import Toxicity


def test_chrf_is_sacrebleus_on_every_resample(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 100)
    rows = answers("sft", TEXTS)
    found = chrf.measure(evaluation(rows)).measures["sft"]

    def whole(places) -> float:
        return sacrebleu.corpus_chrf([rows[p].response for p in places], [[rows[p].reference for p in places]]).score

    scores = [whole(places) for places in resampled_rows([row.group for row in rows], 0)]
    assert found.value == pytest.approx(whole(range(6)), abs=1e-9)
    assert [found.low, found.high] == pytest.approx(np.percentile(scores, ends(3)).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("output", "reference", "by_hand"),
    [
        ("police kill the gunman", "police killed the gunman", 3 / 4),  # Lin 2004, section 3.1: S2
        ("the gunman kill police", "police killed the gunman", 2 / 4),  # the same, S3
        ("a b c d e", "a c x e", 2 * 3 / 9),  # a c e: 3/5 of one, 3/4 of the other
        ("It IS fine.", "it is fine", 1),  # neither capitals nor full stops count
        ("a a a", "a", 2 * 1 / 4),
        ("", "a b", 0),
        ("a", "", 0),
        ("...", "!", 0),
    ],
)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(output: str, reference: str, by_hand: float):
    assert rouge.rouge_l(output, reference) == pytest.approx(by_hand, abs=1e-12)


def test_rouge_l_is_a_mean_over_answers():
    rows = answers("sft", ["a b c d e", "a x"], reference=["a c x e", "a y"])
    result = rouge.measure(evaluation(rows))
    assert result.per_row["sft"] == pytest.approx([2 / 3, 1 / 2])
    assert result.measures["sft"].value == pytest.approx(7 / 12)


def test_distinct_n_counts_over_all_answers_together():
    rows = evaluation(answers("sft", ["a b a", "a b", "c c", ""]))
    # 1-grams a b a a b c c: 3 of 7; 2-grams ab ba ab cc: 3 of 4; 3-grams aba: 1 of 1
    found = [metric.measure(rows) for metric in (distinct.DISTINCT_1, distinct.DISTINCT_2, distinct.DISTINCT_3)]
    assert [result.measures["sft"].value for result in found] == pytest.approx([3 / 7, 3 / 4, 1])
    assert [result.measures["sft"].n for result in found] == [4, 4, 4]


def test_a_jackknife_of_a_mean_is_students_interval():
    values = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
    found = jackknife_interval(lambda rows: float(values[rows].mean()), list("abcde"))
    half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / math.sqrt(5)
    assert (found.value, found.n) == (4.0, 5)
    assert [found.low, found.high] == pytest.approx([4 - half, 4 + half])


def test_a_jackknife_leaves_out_whole_groups_and_of_many_whole_blocks():
    asked: list[list[int]] = []

    def remember(rows: np.ndarray) -> float:
        asked.append(rows.tolist())
        return float(len(rows))

    jackknife_interval(remember, ["p", "q", "p", "r"])
    assert asked == [[0, 1, 2, 3], [1, 3], [0, 2, 3], [0, 1, 2]]
    asked.clear()
    jackknife_interval(remember, [f"{place:03}" for place in range(2 * MOST)])
    assert len(asked) == 1 + MOST
    assert {len(rows) for rows in asked[1:]} == {2 * MOST - 2}


def test_a_jackknife_holds_the_value_where_a_bootstrap_of_distinct_counts_does_not():
    texts = [f"word{place} and word{place + 1}" for place in range(40)]
    rows = answers("sft", texts)
    found = distinct.DISTINCT_1.measure(evaluation(rows)).measures["sft"]
    bootstrap = intervals.interval(
        lambda places: distinct.distinct([texts[place] for place in places], 1), [row.group for row in rows]
    )
    assert bootstrap.high < bootstrap.value == found.value
    assert found.low < found.value < found.high
    assert math.isnan(jackknife_interval(lambda rows: 1.0, ["p", "p"]).low)


def test_a_jackknife_does_not_go_below_0():
    found = jackknife_interval(lambda rows: float(0 in rows), ["p", "q"])
    assert (found.value, found.low) == (1.0, 0.0)


def test_self_bleu_is_sacrebleus_sentence_bleu_against_all_the_others():
    texts = [*TEXTS, TEXTS[0], "It works, nearly (on 3.5 of 4 inputs).", "the the the number number", "number"]
    rows = answers("sft", texts)
    by_sacrebleu = [
        sacrebleu.sentence_bleu(text, [other for at, other in enumerate(texts) if at != place]).score
        for place, text in enumerate(texts)
    ]
    found = self_bleu.against_each_other([self_bleu._Text(text) for text in texts])
    np.testing.assert_allclose(found, by_sacrebleu, atol=1e-9)
    assert min(found) == 0
    assert found[0] == pytest.approx(100)
    result = self_bleu.measure(evaluation(rows))
    assert result is not None
    assert result.measures["sft"].value == pytest.approx(np.mean(by_sacrebleu))
    assert result.per_row == {}


def test_self_bleu_of_a_prompt_is_among_its_own_answers():
    texts = ["one two three four", "one two three four", "five six seven eight", "nine ten eleven twelve"]
    rows = answers("sft", texts, key=["r0", "r0", "r1", "r1"], sample=[0, 1, 0, 1])
    result = self_bleu.measure_prompt(evaluation(rows))
    assert result is not None
    np.testing.assert_allclose(result.per_row["sft"], [100, 100, 0, 0], atol=1e-9)
    assert self_bleu.measure_prompt(evaluation(answers("sft", texts))) is None


def test_mtld_is_words_per_factor_by_hand():
    # a b a: 2 of 3 distinct, below 0.72: full. Then b a b again. Nothing is left: 2 factors of 6 words, either way.
    assert mtld.factors(list("ababab")) == 2
    assert mtld.mtld(list("ababab")) == 3
    # a b c d a: 4/5 = 0.8 is still above; the rest has gone 0.2 of the 0.28 from 1 to the threshold.
    assert mtld.factors(list("abcda")) == pytest.approx(0.2 / 0.28)
    # Forwards a b c d a | b: full at 6 words (4/6), none left. Backwards b a d c b: 4/5, then a: 4/6, the same.
    assert mtld.mtld(list("abcdab")) == 6
    # Forwards a a is full (1/2), b c leave nothing done: 1 factor. Backwards c b a: 3/3, then a: 3/4, 0.25 / 0.28.
    assert mtld.mtld(list("aabc")) == pytest.approx((4 / 1 + 4 / (0.25 / 0.28)) / 2)
    assert (mtld.mtld(list("abc")), mtld.mtld([])) == (3, 0)


def test_mtld_reads_an_arms_answers_in_a_row():
    result = mtld.measure(evaluation(answers("sft", ["A b", "a b.", "a b", ""])))
    assert result.measures["sft"].value == 3


def test_toxicity_is_the_share_of_sentences_with_an_insult():
    rows = answers("sft", ["You idiot. Try again.", "Well done."])
    result = toxicity.measure(evaluation(rows, insults=Toxicity().score_all))
    assert result is not None
    assert result.per_row == {"sft": [0.5, 0.0]}
    assert result.measures["sft"].value == 0.25
    assert toxicity.measure(evaluation(rows)) is None


def test_reward_gain_is_the_reward_less_bases_on_the_same_prompt():
    base = answers("base", TEXTS[:4], reward=[1.0, 2.0, 3.0, 6.0])
    sft = answers("sft", TEXTS[:4], reward=[2.0, 2.0, 2.5, 8.5])
    result = reward.measure_gain(evaluation(base, sft))
    assert result is not None
    assert result.per_row == {"sft": [1.0, 0.0, -0.5, 2.5]}
    assert (set(result.measures), result.measures["sft"].value) == ({"sft"}, 0.75)
    assert reward.measure_gain(evaluation(sft)) is None
