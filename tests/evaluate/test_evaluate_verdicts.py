"""CA: the reader of verdicts, and the share of right ones."""

import json
from pathlib import Path

import pytest
from evaluations import answers, evaluation

import topgraft
from topgraft.data.reading import DataSettings, read
from topgraft.evaluate.ca import accuracy, measure, read_verdict

SHIPPED = Path(topgraft.__file__).resolve().parent / "shipped"

SENTENCES = [
    ("Your solution is correct, and it keeps to the specification.", True),
    ("This program is correct.", True),
    ("This program is incorrect.", False),
    ("Your solution is not yet correct, although the loop is well conceived.", False),
    ("I regret that this program is incorrect; it will pass once corrected.", False),
    ("I regret that the answer is not correct.", False),
    ("The result is not quite right for an empty list, though the idea is correct.", False),
    ("It isn't correct for negative numbers.", False),
    ("It isn’t correct for negative numbers.", False),
    ("This is wrong. The correct bound is n + 1.", False),
    ("Correct. An empty list would be the wrong thing to test here.", True),
    ("CORRECT!", True),
    ("Your program cannot be called correct, since [] raises an error.", False),
    ("It is never correct for an odd length.", False),
    ("This can't be right for an empty list.", False),
    ("It is far from correct.", False),
    ("No, this is not the correct approach.", False),
    ("It fails for the empty list.", False),
    ("Looks right to me.", True),
    ("You will want to correct the bound.", None),
    ("The program handles the empty list correctly.", None),
    ("Once corrected, the loop will end.", None),
    ("An incorrectly placed return ends the loop.", None),
    ("What does the function return for [2, 4]?", None),
    ("Correctness is a matter of the specification.", None),
    ("", None),
    ("  \n ", None),
]


@pytest.mark.parametrize(("text", "verdict"), SENTENCES)
def test_the_verdict_of_a_sentence_is_read(text, verdict):
    assert read_verdict(text) is verdict


MISREAD = [("It never fails.", True), ("Nothing about this is correct.", False)]
"""Known limits of rules that look for words: each is read as something else."""


@pytest.mark.xfail(strict=True, reason="the rules look for words and do not parse sentences")
@pytest.mark.parametrize(("text", "verdict"), MISREAD)
def test_the_limits_of_the_reader_are_known(text, verdict):
    assert read_verdict(text) is verdict


TURNS = [
    ("Correct the indentation of the return and submit again.", None),
    ("The program is only partly correct.", False),
    ("It is almost correct.", False),
    ("To correct this, look at the loop.", None),
]


@pytest.mark.parametrize(("text", "verdict"), TURNS)
def test_turns_of_phrase_around_the_word_correct_are_read(text, verdict):
    assert read_verdict(text) is verdict


def test_the_reader_is_nearly_always_right_on_the_shipped_texts():
    rows = read(DataSettings(source="feedback-200"))
    voices = [json.loads(line) for line in (SHIPPED / "other-voices.json").read_text(encoding="utf-8").splitlines()]
    neutral = [(voice["correct"], voice["feedback"]) for voice in voices if voice["voice"] == "neutral"]
    professor = [(row.correct, row.response) for row in rows if row.correct is not None]
    assert (len(professor), len(neutral)) == (200, 200)
    assert accuracy(professor) >= 0.99
    assert accuracy(neutral) >= 0.99
    assert accuracy([(not label, text) for label, text in professor]) <= 0.01


def test_ca_counts_right_verdicts_and_no_verdict_is_wrong():
    labels = [True, True, False, False]
    base = answers("base", ["It is correct.", "It is incorrect.", "It is incorrect.", "Hello."], correct=labels)
    sft = answers("sft", ["Correct.", "Correct.", "Not correct.", "Correct."], correct=labels)
    known = [(True, "This is correct."), (False, "This is correct."), (False, "No verdict."), (False, "Wrong.")]
    texts = {"reference": known, "neutral": known[::3]}
    result = measure(evaluation(base, sft, verdict_texts=texts))
    assert result is not None
    assert result.per_row == {"base": [1, 0, 1, 0], "sft": [1, 1, 1, 0]}
    assert {arm: found.value for arm, found in result.measures.items()} == {"base": 0.5, "sft": 0.75}
    assert all(found.n == 4 for found in result.measures.values())
    readers = {"reader_accuracy": 0.5, "n": 4.0, "reader_accuracy_neutral": 1.0}
    assert result.instrument == {"majority": 0.5, "readable_base": 0.75, "readable_sft": 1.0, **readers}


def test_the_line_of_always_saying_the_same_is_the_more_frequent_label():
    rows = answers("base", ["Correct."] * 5, correct=[False, False, True, False, False])
    result = measure(evaluation(rows))
    assert result is not None
    assert result.instrument == {"majority": 0.8, "readable_base": 1.0}


def test_rows_without_labels_have_no_ca():
    rows = answers("base", ["Correct.", "Correct."], correct=[True, None])
    assert measure(evaluation(rows)) is None
