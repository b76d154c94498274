"""CA: the share of right verdicts, and how well the reader of verdicts does on the shipped texts."""

import json
from pathlib import Path

from evaluations import answers, evaluation

import topgraft
from topgraft.data.reading import DataSettings, read
from topgraft.evaluate.metrics.ca import accuracy, measure

SHIPPED = Path(topgraft.__file__).resolve().parent / "shipped"


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
