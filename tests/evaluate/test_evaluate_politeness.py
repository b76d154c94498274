"""The politeness score and APC: strategies on made-up sentences, scores and percentiles by hand, shipped weights."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from evaluations import answers, evaluation
from scipy import stats

from topgraft.evaluate.metrics import apc
from topgraft.evaluate.politeness.scorer import WEIGHTS, Politeness, shipped
from topgraft.evaluate.politeness.strategies import STRATEGIES, ngrams, sentences, strategies
from topgraft.evaluate.statistics.intervals import mean_interval

FOUND = {
    "thanks a lot.": {"gratitude"},
    "i do appreciate it.": {"first person start", "gratitude"},
    "nice work so far.": {"deference", "positive words"},
    "hey, are they ready?": {"greeting"},
    "sorry for the noise.": {"apologising"},
    "add a test, please.": {"please"},
    "please add a test.": {"please start"},
    "by the way, it rained.": {"indirect"},
    "why is it there?": {"direct question"},
    "so it goes.": {"direct start"},
    "could you look at it?": {"counterfactual modal", "second person"},
    "can you look at it?": {"indicative modal", "second person"},
    "i looked at my notes.": {"first person start", "first person"},
    "is this one of ours?": {"first person plural"},
    "your test is red.": {"second person start"},
    "maybe it is a bug.": {"hedges"},
    "it is, in fact, green.": {"factuality"},
    "a lovely day.": {"positive words"},
    "it is a stupid test.": {"negative words"},
    "the list has two items.": set(),
    "a mine is no thanksgiving.": {"first person"},  # words, not what they mean; and whole words only
}


@pytest.mark.parametrize(("sentence", "expected"), FOUND.items())
def test_strategies_of_a_sentence(sentence, expected):
    assert strategies(sentence) == expected


def test_every_strategy_is_found_in_some_sentence():
    assert set.union(*FOUND.values()) == set(STRATEGIES)


def test_a_text_is_cut_into_sentences_and_links_and_names_are_hidden():
    assert sentences("Thanks, @ann! See http://a.b?") == ["thanks, <person>!", "see <url>"]
    assert sentences("Look at [this page](http://x.y/z) (or that).\n\n  Don’t wait... Go") == [
        "look at this page <url> (or that).",
        "don't wait...",
        "go",
    ]
    assert sentences(" \n .. ") == [".."]
    assert sentences("") == sentences(" \n. ? ") == []
    assert sentences("it costs 3.5 and mails go to a@b.c") == ["it costs 3.5 and mails go to a@b.c"]


def test_ngrams_have_one_to_three_words_and_know_where_a_sentence_starts():
    assert ngrams("why not?") == {"why", "not", "^ why", "why not", "^ why not"}
    assert ngrams("go!! :)") == {"go", "!!", ":)", "^ go", "go !!", "!! :)", "^ go !!", "go !! :)"}


SMALL = Politeness(
    intercept=0.5,
    strategies=dict.fromkeys(STRATEGIES, 0.0) | {"gratitude": 2.0, "direct question": -1.0},
    ngrams={"thanks": 0.3, "^ thanks": 0.4, "why": -0.5, "not": -0.25, "why not": 0.1, "^ why not": 0.05},
    quantiles=(-2.0, 0.0, 1.0, 3.0, 4.0),
    held_out={"spearman": 0.4, "n": 9.0},
)


def test_a_score_is_the_mean_over_sentences():
    thanks = 2.0 + (0.3 + 0.4) / math.sqrt(2)
    why_not = -1.0 + (-0.5 - 0.25 + 0.1 + 0.05) / math.sqrt(4)
    assert SMALL.score("Thanks.") == pytest.approx(0.5 + thanks)
    assert SMALL.score("Why not?") == pytest.approx(0.5 + why_not)
    assert SMALL.score("Thanks. Why not? Unknown words. Thanks.") == pytest.approx(0.5 + (2 * thanks + why_not) / 4)
    assert SMALL.score("") == SMALL.score(" .. ") == SMALL.score("Unknown words") == 0.5


def test_a_percentile_lies_on_straight_lines_between_the_quantiles(monkeypatch):
    monkeypatch.setattr(Politeness, "score", lambda self, text: float(text))
    scores = {"-9": 0.0, "-2": 0.0, "-1": 0.125, "0": 0.25, "0.5": 0.375, "2.5": 0.6875, "4": 1.0, "7": 1.0}
    assert SMALL.percentiles(list(scores)) == pytest.approx(list(scores.values()))


def test_apc_by_hand(monkeypatch):
    values = {"a": 0.9, "b": 0.3, "same": 0.5, "": 0.45, "r0": 0.5, "r1": 0.7, "r2": 0.1, "r3": 0.5}
    small = Politeness(intercept=0.0, strategies={}, ngrams={}, quantiles=(0.0, 1.0), held_out=SMALL.held_out)
    monkeypatch.setattr(Politeness, "score", lambda self, text: values[text])
    monkeypatch.setattr(apc, "shipped", lambda: small)
    references = ["r0", "r1", "r2", "r3"]
    rows = answers("sft", ["a", "b", "same", ""], reference=references)
    best = answers("best", references, reference=references)
    result = apc.measure(evaluation(rows, best))
    assert result.per_row["sft"] == pytest.approx([0.6, 0.6, 0.6, 0.0])  # the answer without words has nothing
    assert result.per_row["best"] == [1.0] * 4
    assert result.measures["sft"] == mean_interval(result.per_row["sft"], ["p0", "p0", "p1", "p1"])
    # r0 and r1 (0.5, 0.7) are of one problem, r2 and r3 (0.1, 0.5) of another: gaps 0.4, 0, 0.6, 0.2 between them
    chance = pytest.approx(1 - (0.4 + 0.0 + 0.6 + 0.2) / 4)
    assert result.instrument == {"held_out_correlation": 0.4, "n": 9.0, "references_of_other_problems": chance}


def test_one_problem_alone_has_no_other_references():
    assert apc.by_chance([0.1, 0.4], ["p", "p"]) is None
    assert "references_of_other_problems" not in apc.measure(evaluation(answers("base", ["Thanks!"]))).instrument


PAIRS = [
    ("Thank you so much! Could you please have a look when you have time?", "You are wrong. Why did you do this?"),
    ("Hello! Would you mind adding a test for the empty list?", "Where is the test for the empty list, seriously?"),
    ("Sorry to bother you, but could you explain this line?", "This line is nonsense. Did you even read it?"),
    ("Great work so far. Perhaps you could rename the variable?", "Stop it. Don't you know how to name a variable?"),
    ("I appreciate your effort, thanks!", "What a stupid waste of time."),
]


@pytest.mark.parametrize(("polite", "impolite"), PAIRS)
def test_the_polite_one_of_two_texts_scores_higher(polite, impolite):
    high, low = shipped().percentiles([polite, impolite])
    assert high > 0.7
    assert low < 0.3


def test_the_shipped_weights_give_stored_scores():
    many = -0.1837 + 1.187 + (0.5344 + 0.1827) / math.sqrt(2)  # intercept, gratitude, "thanks", "many"
    why = -0.1837 - 0.051 + (-1.6257 - 0.1771 - 0.7634 + 0.0693 - 0.061) / math.sqrt(5)  # why, ^ why, not, and both
    assert shipped().score("Many thanks.") == pytest.approx(many, abs=1e-9)
    assert shipped().score("Why not?") == pytest.approx(why, abs=1e-9)
    assert shipped().score("Many thanks. Why not?") == pytest.approx((many + why) / 2, abs=1e-9)
    assert shipped().score("") == pytest.approx(-0.1837, abs=1e-9)
    assert shipped().percentiles(["Many thanks.", "", "Why not?"]) == pytest.approx([0.9976, 0.2620, 0.0014], abs=1e-4)


def test_the_shipped_file_is_small_and_holds_nothing_but_figures_and_ngrams():
    read = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    assert WEIGHTS.stat().st_size <= 500_000
    assert set(read) == {"intercept", "strategies", "ngrams", "quantiles", "held_out"}
    assert list(read["strategies"]) == list(STRATEGIES)
    assert max(len(gram.split()) for gram in read["ngrams"]) == 3
    assert read["quantiles"] == sorted(read["quantiles"])
    assert 1000 < len(read["ngrams"]) < 10_000


@pytest.fixture(scope="module")
def corpus() -> Path:
    folder = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "stanford-politeness"
    if not folder.is_dir():
        pytest.skip("the Stanford Politeness Corpus is not on this machine (shared/data/stanford-politeness)")
    return folder


def test_the_refit_gives_the_shipped_weights_and_their_held_out_correlation(corpus, monkeypatch):
    from tools import politeness

    monkeypatch.setattr(politeness, "RESAMPLES", 20)  # the interval is not compared
    read = politeness.read(corpus)
    features = politeness.Features(read.texts)
    unseen = politeness.held_out(read, politeness.scorer(read, features))
    again, kept = politeness.fitted(read, features, unseen), shipped()
    assert stats.spearmanr(unseen, read.scores)[0] == pytest.approx(kept.held_out["spearman"], abs=2e-4)
    assert again.held_out["n"] == kept.held_out["n"] == len(read.texts) == 10957
    assert again.ngrams.keys() == kept.ngrams.keys()
    np.testing.assert_allclose(list(again.ngrams.values()), list(kept.ngrams.values()), atol=2e-3)
    np.testing.assert_allclose(list(again.strategies.values()), list(kept.strategies.values()), atol=2e-3)
    np.testing.assert_allclose(again.quantiles, kept.quantiles, atol=2e-3)
    rows = np.arange(0, len(read.texts), 500)
    _, found = features.of(np.arange(len(read.texts)))
    weights = [*again.ngrams.values(), *again.strategies.values()]
    expected = again.intercept + found[rows] @ np.array(weights)  # what was fitted is what is scored
    np.testing.assert_allclose([again.score(read.texts[row]) for row in rows], expected, atol=1e-9)
