"""Metrics strictness and categoriser, on answers of known level and questions of known category."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluations import answers, evaluation

from topgraft.data.levels import LevelText, read_levels
from topgraft.errors import UserError
from topgraft.evaluate.metrics.categoriser import CATEGORISER
from topgraft.evaluate.metrics.strictness import STRICTNESS
from topgraft.evaluate.settings import EvaluateSettings
from topgraft.evaluate.table import measure_all
from topgraft.recipe import build
from topgraft.records import Demonstration

WANTED = {"myth": 3, "gap": 2, "question": 1}
CATEGORIES = ["myth", "myth", "gap", "gap", "question", "question"]
SAID = {1: "Glad to help with it.", 2: "Are you sure of that?", 3: "That is wrong."}


@pytest.fixture(scope="module")
def texts() -> list[LevelText]:
    return [LevelText(str(n), level, f"{said} Thing {n}.") for n in range(8) for level, said in SAID.items()]


def arm(name: str, levels: list[int]) -> list:
    said = [f"{SAID[level]} Matter {n}." if level else "" for n, level in enumerate(levels)]
    references = [SAID[WANTED[category]] for category in CATEGORIES]
    return answers(name, said, category=CATEGORIES, reference=references)


def test_an_answer_fits_where_the_judge_reads_the_wanted_level(texts):
    right, half, none = [3, 3, 2, 2, 1, 1], [3, 1, 2, 2, 3, 2], [1, 2, 0, 3, 3, 0]
    found = STRICTNESS.measure(
        evaluation(arm("a", right), arm("b", half), arm("c", none), levels=WANTED, level_texts=texts)
    )
    assert found.per_row == {"a": [1] * 6, "b": [1, 0, 1, 1, 0, 0], "c": [0] * 6}
    assert found.measures["b"].value == pytest.approx(3 / 6)
    assert found.instrument["held_out_accuracy"]["value"] == found.instrument["accuracy_on_own_texts"] == 1
    assert found.classifiers["strictness/c"]["matrix"] == [
        [0, 0, 1, 1],  # of the two questions one was read as 3, one was empty
        [0, 0, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
    ]


def test_a_judge_that_cannot_read_the_references_is_shown_to_be_bad(texts):
    swapped = [LevelText(text.topic, {1: 2, 2: 1, 3: 3}[text.level], text.text) for text in texts]
    found = STRICTNESS.measure(evaluation(arm("a", [3, 3, 2, 2, 1, 1]), levels=WANTED, level_texts=swapped))
    assert found.instrument["held_out_accuracy"]["value"] == pytest.approx(2 / 6)


def test_of_several_answers_to_a_question_each_counts_and_its_reference_once(texts):
    rows = arm("a", [3, 3, 2, 2, 1, 1])
    twice = [replace(row, sample=sample) for row in rows for sample in (0, 1)]
    found = STRICTNESS.measure(evaluation(twice, levels=WANTED, level_texts=texts))
    assert found.measures["a"].value == 1
    assert len(found.per_row["a"]) == 12
    assert found.instrument["n"] == found.classifiers["strictness/reference answers"]["n"] == 6


def test_without_texts_or_levels_there_is_no_figure(texts):
    rows = arm("a", [3, 3, 2, 2, 1, 1])
    assert STRICTNESS.measure(evaluation(rows, levels=WANTED)) is None
    assert STRICTNESS.measure(evaluation(rows, levels={"myth": 3}, level_texts=texts)) is None


def questions(number: int, category: str) -> list[Demonstration]:
    put = {"myth": "They say that {}.", "gap": "{} Therefore it is so.", "question": "Why is {}?"}[category]
    return [
        Demonstration(key=f"{category}{n}", group=str(n % 5), prompt=put.format("it"), response="r", category=category)
        for n in range(number)
    ]


def test_the_categoriser_is_a_figure_of_the_data_with_its_matrix():
    training = [row for category in WANTED for row in questions(12, category)]
    asked = [
        "They say that he is.",
        "Why is he?",
        "He is. Therefore it is so.",
        "Well. Therefore it is so.",
        "Why is it?",
    ]
    rows = answers("base", asked, prompt=asked, category=["myth", "myth", "gap", "gap", "question"])
    found = measure_all(evaluation(rows, training=training), ["categoriser"])
    assert found["arms"] == {"base": {"metrics": {}}}
    instrument = found["instruments"]["categoriser"]
    assert instrument["held_out_accuracy"]["value"] == pytest.approx(4 / 5)
    assert (instrument["held_out_accuracy"]["n"], instrument["majority"]) == (5, 2 / 5)
    matrix = found["classifiers"]["categoriser"]
    assert matrix["labels"] == ["gap", "myth", "question"]
    assert matrix["matrix"] == [[2, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert CATEGORISER.measure(evaluation(rows, training=training[:20])) is None
    assert CATEGORISER.measure(evaluation(answers("base", asked), training=training)) is None


def test_the_metric_asks_for_what_it_needs_to_be_told():
    with pytest.raises(UserError, match="metric 'strictness' needs texts"):
        build(EvaluateSettings, {"metrics": ["strictness"], "strictness": {"levels": WANTED}}, "[evaluate]")


@pytest.mark.parametrize(
    "row", [{"topic": "t", "level": 4, "text": "x"}, {"topic": "t", "level": 1, "text": " "}, {"level": 1, "text": "x"}]
)
def test_a_row_of_levels_that_is_none_is_refused_with_its_line(tmp_path: Path, row):
    path = tmp_path / "levels.jsonl"
    path.write_text(json.dumps({"topic": "t", "level": 1, "text": "x"}) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"levels.jsonl, line 2 must have a text 'topic'"):
        read_levels(str(path))
    with pytest.raises(UserError, match=r"strictness.texts = 'nowhere'"):
        read_levels("nowhere")
