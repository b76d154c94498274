"""SAC: the style classifier on the shipped texts, and its calibration error by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from evaluations import answers, evaluation

import topgraft
from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import split
from topgraft.evaluate.metrics.sac import calibration_error, fit, measure, probabilities

SHIPPED = Path(topgraft.__file__).resolve().parent / "shipped"


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Part of the split -> "target" and "other" -> (group, text) pairs of the shipped data."""
    settings = DataSettings(source="feedback-200")
    parts = split(read(settings), settings.split, settings.split_seed).parts()
    voices: dict[str, list[str]] = {}
    for line in (SHIPPED / "other-voices.json").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        voices.setdefault(record["id"], []).append(record["feedback"])
    return {
        name: {
            "target": [(row.group, row.response) for row in rows],
            "other": [(row.group, text) for row in rows for text in voices[row.key]],
        }
        for name, rows in parts.items()
    }


def test_calibration_error_by_hand():
    # Bins of a tenth: {0.05} holds 1 of 4 and is off by 0.05, {0.15, 0.15} 2 of 4 off by 0.35, {1.0} 1 of 4 off by 0.
    probability, label = np.array([0.05, 0.15, 0.15, 1.0]), np.array([0, 0, 1, 1])
    assert calibration_error(probability, label) == pytest.approx(0.25 * 0.05 + 0.5 * 0.35 + 0.25 * 0)


def test_calibration_error_weighs_both_classes_the_same():
    # One text of the voice counts as much as three others: at even odds the probability should be one half.
    label = np.array([1, 0, 0, 0])
    assert calibration_error(np.array([0.5] * 4), label) == pytest.approx(0)
    assert calibration_error(np.array([0.25] * 4), label) == pytest.approx(0.25)
    assert calibration_error(np.array([1.0, 0.0, 0.0, 0.0]), label) == pytest.approx(0)
    assert calibration_error(np.array([1.0, 0.0]), np.array([0, 1])) == pytest.approx(1)


def test_the_classifier_tells_the_professor_from_others_on_problems_it_has_not_seen(texts):
    train, validation = texts["train"], texts["validation"]
    arms = [answers("other", [text for _, text in texts["test"]["other"]][:40])]
    arms.append(answers("reference", [text for _, text in texts["test"]["target"]]))
    held = {"held_out_target": validation["target"], "held_out_other": validation["other"]}
    result = measure(evaluation(*arms, target_texts=train["target"], other_texts=train["other"], **held))
    assert result is not None
    assert result.instrument["held_out_accuracy"] >= 0.9
    assert result.instrument["calibration_error"] <= 0.15
    assert result.instrument["n"] == 20 + 40
    assert result.measures["reference"].low > 0.8
    assert result.measures["other"].high < 0.2
    assert all(0 <= value <= 1 for values in result.per_row.values() for value in values)


def test_the_probability_is_symmetric_in_the_classes_and_an_empty_text_has_none(texts):
    train = texts["train"]
    forward, backward = fit(train["target"], train["other"]), fit(train["other"], train["target"])
    shown = [text for _, text in texts["validation"]["target"][:5] + texts["validation"]["other"][:5]]
    np.testing.assert_allclose(probabilities(forward, shown), 1 - probabilities(backward, shown), atol=0.02)
    assert probabilities(forward, ["", " \n"]).tolist() == [0.0, 0.0]


def test_answers_do_not_change_the_classifier(texts):
    train = texts["train"]
    fitted = {"target_texts": train["target"], "other_texts": train["other"]}
    shown = ["Your program is correct, and commendably brief."] * 2
    alone = measure(evaluation(answers("sft", shown), **fitted))
    beside = measure(evaluation(answers("base", ["yeah fine", "meh"]), answers("sft", shown), **fitted))
    assert alone is not None
    assert beside is not None
    assert alone.per_row["sft"] == beside.per_row["sft"]
    assert alone.instrument == {}


@pytest.mark.parametrize("few", ["target_texts", "other_texts"])
def test_too_few_texts_of_a_class_give_no_sac(texts, few):
    train = {"target_texts": texts["train"]["target"], "other_texts": texts["train"]["other"]}
    assert measure(evaluation(answers("sft", ["text"]), **train | {few: train[few][:9]})) is None


def test_one_problem_alone_gives_no_sac():
    target = [("only", f"a formal answer number {place}") for place in range(12)]
    other = [("only", f"yo answer {place}") for place in range(12)]
    assert measure(evaluation(answers("sft", ["text"]), target_texts=target, other_texts=other)) is None


def test_texts_without_spaces_between_words_can_be_classified():
    # Such a script makes one "word" of a whole sentence, so that no word stands in two texts.
    one, two = "的一是不了人我在有他", "这中大来上国个到说们"
    target = [(f"p{place}", f"{one[place]}甲{one[place - 3]}乙丙{one[place - 1]}") for place in range(10)]
    other = [(f"p{place}", f"{two[place]}子{two[place - 3]}丑寅{two[place - 1]}") for place in range(10)]
    result = measure(evaluation(answers("sft", ["甲的乙丙", "子这丑寅"]), target_texts=target, other_texts=other))
    assert result is not None
    assert result.per_row["sft"][0] > result.per_row["sft"][1]
