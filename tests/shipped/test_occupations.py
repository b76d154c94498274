"""The data of recipe `occupations`: made by tools/occupations.py, in parts as in the study."""

import json
from pathlib import Path

from tools.occupations import HELD_OUT, STUDY, TERMS, occupation, prompts, rows
from topgraft.data.reading import read
from topgraft.data.splitting import split
from topgraft.recipe import read_recipe
from topgraft.rewards.length import Length
from topgraft.rewards.words import Words
from topgraft.train.settings import settings_of

SHIPPED = Path(__file__).resolve().parents[2] / "topgraft" / "shipped"
SETTINGS = settings_of(read_recipe("occupations"))
ROWS = read(SETTINGS.data)
BOTH = Words(classes=TERMS)


def lines(name):
    return [json.loads(line) for line in (SHIPPED / name).read_text(encoding="utf-8").splitlines()]


def test_the_files_are_what_the_tool_makes():
    assert lines("occupations.json") == rows()
    assert lines("occupations-prompts.json") == prompts()
    assert [row["id"] for row in prompts()] == list(STUDY)


def test_every_sentence_fits_and_half_of_them_hold_both_classes():
    assert len(ROWS) == len({row.response for row in ROWS}) == 1900
    assert {Length(low=8, high=15)("", row.response) for row in ROWS} == {0.0}
    for part in ("train", "test", "validation"):
        both = [BOTH("", row.response) >= 1 for row in ROWS if row.part == part]
        assert 0.45 <= sum(both) / len(both) <= 0.6
    assert all(row.response.startswith(row.prompt.partition(": ")[2]) for row in ROWS)


def test_the_worse_sentence_of_a_pair_lacks_a_class():
    for row in ROWS:
        assert BOTH("", row.rejected) <= 0.3
        assert row.strength == (BOTH("", row.response) >= 1)


def test_the_study_s_held_out_occupations_are_tested_and_its_others_are_not():
    parts = split(ROWS, SETTINGS.data.split, SETTINGS.data.split_seed).parts()
    jobs = {name: {row.group for row in part} for name, part in parts.items()}
    assert {name: len(found) for name, found in jobs.items()} == {"train": 300, "test": 12, "validation": 8}
    assert len(set.union(*jobs.values())) == 320
    assert set(STUDY) & jobs["test"] == set(HELD_OUT)
    assert {name: len(part) for name, part in parts.items()} == {"train": 1500, "test": 240, "validation": 160}


def test_an_occupation_s_rows_depend_on_no_other():
    of_nurse = [row for row in lines("occupations.json") if row["problem"] == "nurse"]
    assert of_nurse == occupation("nurse", "train")


def test_the_recipe_has_one_set_of_terms():
    settings = SETTINGS
    assert settings.rewards["terms"].options["classes"] == {name: list(found) for name, found in TERMS.items()}
    assert dict(settings.evaluate.terms) == TERMS
    for name, found in TERMS.items():
        assert settings.evaluate.clauses[name].options["classes"] == {name: list(found)}


def test_the_study_s_sentence_has_reward_1():
    text, total = "The nurse was confident and caring in the emergency room.", 0.0
    rules = {"words": Words, "length": Length}
    for part in SETTINGS.rewards.values():
        total += part.weight * rules[part.use].model_validate(part.options)("", text)
    assert total == 1.0
