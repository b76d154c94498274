"""Clauses and terms: compliance, what generating and filtering keeps, and which terms come up."""

import json
import math

import numpy as np
import pytest
from evaluations import answers, evaluation

from topgraft.errors import UserError
from topgraft.evaluate.metrics import clauses, kl_needed, terms
from topgraft.evaluate.metrics.clauses import ClauseSettings, clauses_of
from topgraft.evaluate.settings import EvaluateSettings
from topgraft.evaluate.table import measure_all
from topgraft.recipe import build
from topgraft.records import Demonstration

TEXTS = ["one two", "one two three", "Why? one two three", "why?"]
SHORT = ClauseSettings(use="length", options={"high": 3}, at_least=0)
ASKS = ClauseSettings(use="format", options={"pattern": r"\?"}, at_least=1)
CLASSES = {"agentic": ("bold", "confident"), "communal": ("caring", "loyal")}


def with_clauses(*arms, drawn: bool = False, **asked: ClauseSettings):
    return evaluation(*arms, clauses=clauses_of(asked, []), drawn=drawn)


def test_compliance_is_the_share_that_keeps_to_all_clauses_and_to_each():
    table = measure_all(with_clauses(answers("sft", TEXTS), short=SHORT, asks=ASKS), ["compliance"])
    found = {name: entry["value"] for name, entry in table["arms"]["sft"]["metrics"].items()}
    assert found == {"compliance": 0.25, "compliance/short": 0.75, "compliance/asks": 0.5}
    assert table["per_row"]["compliance"] == {"sft": [0, 0, 0, 1]}
    assert table["directions"]["compliance/short"] == "higher"


def test_one_clause_alone_has_no_line_of_its_own():
    table = measure_all(with_clauses(answers("sft", TEXTS), short=SHORT), ["compliance"])
    assert list(table["arms"]["sft"]["metrics"]) == ["compliance"]


def test_a_clause_has_both_ends_included():
    row = answers("sft", ["x"])
    for low, high, fits in ((0.5, 1.0, 0.0), (0.0, None, 1.0), (None, 0.0, 1.0), (None, -0.1, 0.0)):
        asked = ClauseSettings(use="format", options={"pattern": "y"}, at_least=low, at_most=high)
        assert clauses.kept(clauses_of({"c": asked}, [])["c"], "c", row) == [fits]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"use": "length", "options": {"high": 3}}, "every answer would do"),
        ({"use": "length", "at_least": 1, "at_most": 0}, "no answer could do"),
        ({"at_least": 1}, "use"),
    ],
)
def test_a_clause_that_cannot_fail_or_hold_is_refused(raw: dict, words: str):
    with pytest.raises(UserError, match=words):
        build(ClauseSettings, raw)


def test_a_mistake_in_a_clause_names_its_section():
    with pytest.raises(UserError, match=r"Unknown key 'hihg' in \[evaluate.clauses.short\] options of 'length'"):
        clauses_of({"short": ClauseSettings(use="length", options={"hihg": 3}, at_least=0)}, [])


def test_a_clause_whose_rule_does_not_know_a_row_is_refused():
    rows = [Demonstration(key="r0", group="p", prompt="prompt 0", response="")]
    found = clauses_of({"right": ClauseSettings(use="verdict", at_least=1)}, rows)
    with pytest.raises(UserError, match=r"\[evaluate.clauses.right\].*row 'r0'"):
        clauses.kept(found["right"], "right", answers("sft", ["Correct."]))


def test_cost_is_tokens_decoded_per_accepted_answer():
    rows = answers("sft", TEXTS * 3, generated=[10, 20, 30, 40] * 3)
    found = with_clauses(rows, drawn=True, short=SHORT)  # three of four keep to it
    result = clauses.measure_cost(found)
    assert result is not None
    measure = result.measures["sft"]
    assert measure.value == pytest.approx(300 / 9)
    assert measure.low < measure.value < measure.high
    assert result.instrument == {"accepted_sft": 9}
    accepted = clauses.measure_acceptance(found)
    assert accepted is not None
    assert accepted.measures["sft"].value == 0.75


def test_an_arm_that_nothing_is_kept_of_has_no_cost_and_rare_ones_no_upper_end():
    none = answers("none", ["much too long a text"] * 4)
    rare = answers("rare", ["much too long a text"] * 3 + ["short"], generated=[5, 5, 5, 5])
    result = clauses.measure_cost(with_clauses(none, rare, drawn=True, short=SHORT))
    assert result is not None
    assert set(result.measures) == {"rare"}
    assert result.measures["rare"].value == 20
    assert math.isnan(result.measures["rare"].high)
    assert result.instrument == {"accepted_none": 0, "accepted_rare": 1}


def test_of_greedy_answers_nothing_is_accepted_or_refused():
    found = with_clauses(answers("sft", TEXTS), short=SHORT)
    assert clauses.measure_acceptance(found) is None
    assert clauses.measure_cost(found) is None
    assert clauses.measure(evaluation(answers("sft", TEXTS))) is None


def test_term_entropy_is_in_bits_and_counts_a_term_once_an_answer():
    texts = ["Bold, BOLD and caring.", "bold", "confident, caring", "boldly, loyally"]
    found = [terms.used(text, CLASSES) for text in texts]
    assert [answer["agentic"] for answer in found] == [{"bold"}, {"bold"}, {"confident"}, set()]
    assert terms.entropy(found, "agentic") == pytest.approx(2 / 3 * math.log2(3 / 2) + 1 / 3 * math.log2(3))
    assert terms.entropy(found, "communal") == 0
    evenly = [terms.used(f"word{place}", {"ten": tuple(f"word{n}" for n in range(10))}) for place in range(10)]
    assert terms.entropy(evenly, "ten") == pytest.approx(math.log2(10))  # 3.32 bits, the study's maximum
    assert terms.entropy([terms.used("", CLASSES)], "agentic") == 0


def test_unique_pairs_counts_different_pairs_across_classes():
    texts = ["bold and caring", "caring, bold", "bold confident loyal", "bold confident", "loyal"]
    found = [terms.used(text, CLASSES) for text in texts]
    assert terms.pairs(found) == 3  # bold-caring, bold-loyal, confident-loyal
    three = [terms.used("bold caring tall", CLASSES | {"other": ("tall",)})]
    assert terms.pairs(three) == 3


def test_terms_in_the_table():
    table = measure_all(
        evaluation(answers("sft", ["bold caring", "bold", "confident", ""]), terms=CLASSES),
        ["term_entropy", "unique_pairs"],
    )
    found = {name: entry["value"] for name, entry in table["arms"]["sft"]["metrics"].items()}
    whole = 2 / 3 * math.log2(3 / 2) + 1 / 3 * math.log2(3)
    assert found == pytest.approx(
        {"term_entropy": whole / 2, "unique_pairs": 1, "term_entropy/agentic": whole, "term_entropy/communal": 0}
    )
    json.dumps(table, allow_nan=False)
    alone = evaluation(answers("sft", ["bold"]), terms={"agentic": ("bold",)})
    assert terms.measure_pairs(alone) is None
    assert terms.measure_entropy(evaluation(answers("sft", ["bold"]))) is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"samples": 3}, "the same answer 3 times"),
        ({"metrics": ["acceptance"], "decoding": "sampled"}, "evaluate.clauses.NAME"),
        (
            {
                "metrics": ["cost_per_accepted"],
                "clauses": {"a": {"use": "length", "options": {"high": 1}, "at_least": 0}},
            },
            'decoding = "sampled"',
        ),
        ({"metrics": ["perplexity"]}, "has no model to read with"),
        ({"terms": {"agentic": []}}, "empty"),
        ({"toxicity": {"lexicon": "a", "classifier": "b"}}, "Leave one out"),
    ],
)
def test_settings_that_measure_nothing_are_refused(raw: dict, words: str):
    with pytest.raises(UserError, match=words):
        build(EvaluateSettings, raw)


def test_per_row_values_are_those_that_the_measure_is_the_mean_of():
    found = with_clauses(answers("base", TEXTS, reward=[0.0, 1.0, 2.0, 4.0]), short=SHORT, asks=ASKS)
    table = measure_all(found, ["compliance", "rouge_l", "reward", "length", "ended"])
    assert {"compliance", "rouge_l", "reward"} <= table["per_row"].keys()
    for name, values in table["per_row"].items():
        assert np.mean(values["base"]) == pytest.approx(table["arms"]["base"]["metrics"][name]["value"])


def test_acceptance_of_an_arm_that_draws_several_counts_every_draw():
    rows = answers("filter", TEXTS * 3, draws=[4, 1, 2, 3] * 3)
    plain = answers("sft", TEXTS * 3)
    result = clauses.measure_acceptance(with_clauses(plain, rows, drawn=True, short=SHORT))
    assert result is not None
    assert result.measures["sft"].value == 0.75
    assert result.measures["filter"].value == pytest.approx(9 / 30)  # 3 x 3 accepted, 3 x 10 drawn
    assert result.measures["filter"].low < 0.3 < result.measures["filter"].high
    assert list(result.per_row) == ["sft"]


def test_the_kl_of_a_coin_by_hand():
    assert kl_needed.bernoulli_kl(0.9, 0.5) == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))
    assert kl_needed.bernoulli_kl(1.0, 0.25) == pytest.approx(math.log(4))
    assert kl_needed.bernoulli_kl(0.3, 0.3) == 0.0
    assert kl_needed.bernoulli_kl(0.3, 0.0) == math.inf


def test_the_kl_needed_is_that_of_the_arm_s_compliance_to_its_start_s():
    short, long = "one two three", "one two three four"
    before = answers("sft", [short, long, long, long] * 4)  # compliance 1/4
    after = answers("ppo", [short, short, short, long] * 4, kl_response=[1.0] * 16)  # 3/4
    base = answers("base", [long] * 16)
    starts = {"ppo": "sft", "sft": "base"}
    found = evaluation(base, before, after, clauses=clauses_of({"short": SHORT}, []), starts=starts)
    result = kl_needed.measure(found)
    assert result is not None
    assert list(result.measures) == ["ppo"]  # base never complies, and sft brings no KL
    assert result.measures["ppo"].value == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1 / 3))
