"""The data of recipe strict-tutor: as generated, balanced, without doubles, and no part leaks into another."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tools.corpus import facts_other, facts_science
from tools.strict_tutor import build
from tools.strict_tutor.frames import FRAMES
from tools.strict_tutor.wording import JUDGED, LEVELS
from topgraft.data import categories
from topgraft.data.level_reader import fit, levels_of, own_accuracy
from topgraft.data.levels import read_levels
from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import PARTS, split
from topgraft.rewards.strictness import Strictness

SHIPPED = Path(__file__).resolve().parents[2] / "topgraft" / "shipped"
ROWS = [json.loads(line) for line in (SHIPPED / "strict-tutor.json").read_text(encoding="ascii").splitlines()]
PAID = [json.loads(line) for line in (SHIPPED / "strictness-answers.json").read_text(encoding="ascii").splitlines()]
JUDGES = [json.loads(line) for line in (SHIPPED / "strictness-levels.json").read_text(encoding="ascii").splitlines()]
SETTINGS = DataSettings(source="strict-tutor", group="topic")


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """The word sequences of that length."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def test_the_files_are_what_the_generator_writes():
    assert build.questions() == ROWS
    assert build.paid() == PAID
    assert build.judged() == JUDGES


def test_four_categories_are_equally_frequent_in_every_part_and_topic():
    assert len(ROWS) >= 400
    for part in PARTS:
        counts = Counter(row["category"] for row in ROWS if row["part"] == part)
        assert set(counts) == set(build.WANTED)
        assert len(set(counts.values())) == 1
    for part, number in build.QUESTIONS.items():
        counts = Counter((row["topic"], row["category"]) for row in ROWS if row["part"] == part)
        assert set(counts.values()) == {number}
    assert set(Counter((row["topic"], row["level"]) for row in JUDGES).values()) == {8}


@pytest.mark.parametrize("column", ["id", "prompt", "response", "rejected"])
def test_nothing_stands_there_twice(column):
    assert [value for value, count in Counter(row[column] for row in ROWS).items() if count > 1] == []


def test_no_part_shares_topics_frames_or_matter_with_another():
    for of in ("topic", "frame"):
        parts = {row[of]: {other["part"] for other in ROWS if other[of] == row[of]} for row in ROWS}
        assert [name for name, found in parts.items() if len(found) > 1] == []
    matter = {part: [row["right_answers"][0] for row in ROWS if row["part"] == part] for part in PARTS}
    for part, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = set().union(*(runs(text, 5) for text in matter[part])) & set().union(
            *(runs(text, 5) for text in matter[other])
        )
        assert shared == set()


def test_no_frame_of_one_part_shares_four_words_in_a_row_with_one_of_another():
    shown = {part: [frame for frames in found.values() for frame in frames] for part, found in FRAMES.items()}
    assert {part: len(frames) > 30 for part, frames in shown.items()} == dict.fromkeys(PARTS, True)
    for part, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert [(one, two) for one in shown[part] for two in shown[other] if runs(one, 4) & runs(two, 4)] == []


def test_the_judges_texts_share_neither_topics_nor_phrases_with_the_run():
    assert {row["topic"] for row in JUDGES} & {row["topic"] for row in ROWS} == set()
    for level in LEVELS:
        for part in (0, 2):
            assert set(LEVELS[level][part]) & set(JUDGED[level][part]) == set()


def test_the_rewards_texts_are_of_training_topics_alone():
    assert {row["topic"] for row in PAID} == {row["topic"] for row in ROWS if row["part"] == "train"}
    assert set(Counter((row["topic"], row["level"]) for row in PAID).values()) == {8}


def test_the_base_model_has_not_read_the_facts():
    known = runs(facts_science.FACTS + facts_other.FACTS, 8)
    assert len(known) > 1000
    assert [row["id"] for row in ROWS if runs(row["prompt"] + " " + row["response"], 8) & known] == []


def test_the_preferred_answer_has_the_wanted_level_and_the_other_has_not():
    rule = Strictness(levels=build.WANTED)
    for row in ROWS:
        assert rule.level(row["response"]) == build.WANTED[row["category"]], row["id"]
        assert rule.level(row["rejected"]) != build.WANTED[row["category"]], row["id"]


def test_the_categoriser_knows_questions_of_other_topics_in_other_frames():
    parts = split(read(SETTINGS), SETTINGS.split, SETTINGS.split_seed)
    said = [name for name, _ in categories.fit(parts.train)([row.prompt for row in parts.test])]
    hits = [name == row.category for name, row in zip(said, parts.test, strict=True)]
    assert len(hits) == 112
    assert sum(hits) / len(hits) >= 0.85


@pytest.mark.parametrize("name", ["strictness-levels", "strictness-answers"])
def test_a_reader_of_levels_reads_answers_of_other_topics(name):
    texts = tuple(read_levels(name))
    rows = [row for row in ROWS if row["part"] == "test"]
    read_as = levels_of(fit(texts), [row["response"] for row in rows])
    hits = [level == build.WANTED[row["category"]] for level, row in zip(read_as, rows, strict=True)]
    assert sum(hits) / len(hits) >= 0.95
    assert own_accuracy(texts) >= 0.9
