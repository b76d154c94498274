"""Answers as lines of a file and back, what is counted of classifiers, and figures by category."""

import json

import pytest
from evaluations import answers, evaluation

from topgraft.evaluate.classified import classified
from topgraft.evaluate.metrics import ca, sac
from topgraft.evaluate.statistics.intervals import mean_interval
from topgraft.evaluate.stored import from_lines, to_lines
from topgraft.evaluate.table import measure_all


def test_answers_come_back_from_their_lines_but_for_their_tokens():
    base = answers("base", ["It is correct.", "no"], correct=[True, None], reward=[0.5, None], generated=[3, 9])
    sft = answers("sft", ["Wrong.", ""], kl_response=[1.0, 2.0], parts=[{"a": 1.0}, {"a": None}], category=["x", ""])
    lines = to_lines({"base": base, "sft": sft}, {"sft": [0.25, 0.75]})
    assert [line["verdict"] for line in lines] == ["correct", None, "incorrect", None]
    assert [line["sac"] for line in lines] == [None, None, 0.25, 0.75]
    assert (lines[0]["id"], lines[0]["problem"], lines[0]["tokens"], lines[1]["generated"]) == ("r0", "p0", 3, 9)
    assert not {"ids", "key", "group"} & lines[0].keys()
    again = from_lines(json.loads(json.dumps(lines)))
    assert {arm: list(map(hidden, rows)) for arm, rows in again.items()} == {
        "base": list(map(hidden, base)),
        "sft": list(map(hidden, sft)),
    }


def hidden(row) -> tuple:
    """All of an answer but its token ids."""
    return tuple(getattr(row, name) for name in row.__dataclass_fields__ if name != "ids")


def test_lines_of_older_versions_are_first_answers_at_their_own_length():
    (line,) = to_lines({"base": answers("base", ["yes"])}, {})
    for name in ("generated", "sample", "category"):
        del line[name]
    (row,) = from_lines([line])["base"]
    assert (row.generated, row.sample, row.category) == (3, 0, "")


def test_a_classifiers_record_by_hand():
    truth = ["correct"] * 5 + ["incorrect"] * 3
    said = ["correct", "correct", "correct", "incorrect", "none", "incorrect", "incorrect", "correct"]
    found = classified(truth, said, ["correct", "incorrect", "none"])
    assert found["matrix"] == [[3, 1, 1], [1, 2, 0], [0, 0, 0]]
    assert (found["n"], found["labels"]) == (8, ["correct", "incorrect", "none"])
    assert found["report"]["correct"] == pytest.approx({"precision": 3 / 4, "recall": 3 / 5, "f1": 2 / 3, "n": 5})
    assert found["report"]["incorrect"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "n": 3})
    assert "none" not in found["report"]


def test_a_label_that_is_never_said_has_no_precision():
    found = classified(["a", "b"], ["a", "a"], ["a", "b"])
    assert found["report"]["b"] == {"precision": None, "recall": 0, "f1": 0, "n": 1}
    json.dumps(found, allow_nan=False)


def test_the_verdict_reader_and_every_arm_are_counted():
    base = answers("base", ["Correct.", "Correct.", "Well", "Wrong."], correct=[True, False, True, False])
    known = {"reference": [(True, "Correct."), (False, "Incorrect.")], "blunt": [(True, "ok")], "terse": [(False, "x")]}
    result = ca.measure(evaluation(base, verdict_texts=known))
    assert result is not None
    found = result.classifiers
    assert list(found) == ["verdict reader/reference answers", "verdict reader/other voices", "ca/base"]
    assert found["ca/base"]["matrix"] == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found["verdict reader/reference answers"]["matrix"] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert found["verdict reader/other voices"]["matrix"] == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    right = sum(found["ca/base"]["matrix"][place][place] for place in range(3))
    assert right / 4 == result.measures["base"].value


def test_the_style_classifier_is_counted_on_held_out_texts():
    wanted = [(f"p{n}", f"I commend the solution number {n}, and ask you to consider it") for n in range(12)]
    other = [(f"p{n}", f"yo nice, code {n} works lol") for n in range(12)]
    rows = answers("base", ["yo nice", "I commend you"])
    held = [("q0", "I commend the thing, and ask you"), ("q1", "I ask you to consider it")]
    texts = {"target_texts": wanted, "other_texts": other, "held_out_target": held}
    result = sac.measure(evaluation(rows, **texts, held_out_other=[("q0", "yo lol works")]))
    assert result is not None
    assert result.classifiers["sac"]["matrix"] == [[2, 0], [0, 1]]
    assert result.classifiers["sac"]["labels"] == ["wanted voice", "other voice"]


def test_categories_have_the_figures_of_their_own_rows():
    columns = {"category": ["maths"] * 9 + ["words", "words", ""]}  # maths is asked in five problems, words in two
    rewards = [1.0, 2.0, 3.0, 5.0, 6.0, 9.0, 0.0, 4.0, 6.0, 3.0, 5.0, 7.0]
    base = answers("base", ["x"] * 12, reward=rewards, **columns)
    sft = answers("sft", ["x"] * 12, reward=[2.0] * 12, kl_response=[1.0] * 12, **columns)
    table = measure_all(evaluation(base, sft), ["reward", "kl", "bleu"])
    found = table["categories"]
    assert list(found["base"]) == ["maths", "words", "(none)"]
    by_hand = mean_interval(rewards[:9], ["p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3", "p4"])
    assert found["base"]["maths"] == {"reward": {"value": 4.0, "low": by_hand.low, "high": by_hand.high, "n": 9}}
    assert by_hand.low < 4.0 < by_hand.high
    assert found["base"]["words"]["reward"] == {"value": 4.0, "low": None, "high": None, "n": 2}
    assert found["base"]["(none)"]["reward"] == {"value": 7.0, "low": None, "high": None, "n": 1}
    assert set(found["sft"]["maths"]) == {"reward", "kl"}
    json.dumps(table, allow_nan=False)


def test_without_categories_there_is_no_table_of_them():
    assert measure_all(evaluation(answers("base", ["x", "y"])), ["length"])["categories"] == {}
