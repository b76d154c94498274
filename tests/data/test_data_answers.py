"""The columns that rewards look things up in: the category of a prompt, and answers known to be right or wrong."""

import csv
import json
from pathlib import Path

import pytest

from topgraft.data.reading import DataSettings, read
from topgraft.errors import UserError
from topgraft.records import Demonstration

TRUTHFULQA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "truthfulqa" / "TruthfulQA.csv"


@pytest.fixture
def rows_of(tmp_path):
    """The rows that are read of one JSON line."""

    def make(line: dict, **settings: object) -> list[Demonstration]:
        (tmp_path / "r.jsonl").write_text(json.dumps({"prompt": "p", "response": "r"} | line) + "\n")
        return read(DataSettings(source=str(tmp_path / "r.jsonl"), **settings))

    return make


def test_columns_of_the_usual_names_are_read(rows_of):
    (row,) = rows_of({"category": " myth ", "right_answers": ["a; b", " c "], "wrong_answers": ["d"]})
    assert (row.category, row.right, row.wrong) == ("myth", ("a; b", "c"), ("d",))


def test_columns_are_read_as_named(rows_of):
    line = {"kind": 3, "yes": "a", "no": "b; c", "category": "not me", "right_answers": ["nor me"]}
    (row,) = rows_of(line, category="kind", right="yes", wrong="no")
    assert (row.category, row.right, row.wrong) == ("3", ("a",), ("b", "c"))


def test_a_dash_means_none(rows_of):
    line = {"category": ["no word"], "right_answers": 5, "wrong_answers": ["c"]}
    (row,) = rows_of(line, category="-", right="-", wrong="-")
    assert row == Demonstration(key="row-1", group="p", prompt="p", response="r")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_an_empty_cell_is_nothing_known(rows_of, nothing):
    (row,) = rows_of({"category": nothing, "right_answers": nothing, "wrong_answers": nothing})
    assert (row.category, row.right, row.wrong) == ("", (), ())


@pytest.mark.parametrize(
    ("written", "answers"),
    [
        ("one", ("one",)),
        ("one; two; two and a half", ("one", "two", "two and a half")),
        ("one; two;", ("one", "two")),  # as in some rows of TruthfulQA
        (" one;  two ; ", ("one", "two")),
        ("a;b", ("a;b",)),
        (["", "x", " "], ("x",)),
        ([], ()),
    ],
)
def test_answers_are_a_list_or_one_text(rows_of, written, answers):
    assert rows_of({"right_answers": written})[0].right == answers
    assert rows_of({"wrong_answers": written})[0].wrong == answers


@pytest.mark.parametrize("written", [5, True, {"a": "b"}, ["a", 5], [None]])
@pytest.mark.parametrize("field", ["right", "wrong"])
def test_answers_of_another_kind_are_refused(rows_of, field, written):
    with pytest.raises(UserError) as caught:
        rows_of({f"{field}_answers": written})
    message = str(caught.value)
    assert f"line 1: '{field}_answers' is {written!r}. Write a list of texts, or one text with '; '" in message
    assert f"--set data.{field}=-" in message


@pytest.mark.parametrize("written", [True, 1.5, ["x"], {"a": 1}])
def test_a_category_that_is_no_word_or_number_is_refused(rows_of, written):
    with pytest.raises(UserError, match=r"line 1: 'category' must be a word or a whole number.*--set data\.category=-"):
        rows_of({"category": written})


@pytest.mark.parametrize("column", ["category", "right_answers", "wrong_answers"])
def test_half_a_character_is_refused(rows_of, column):
    with pytest.raises(UserError, match=f"'{column}' holds half a character"):
        rows_of({column: "ab\ud83d"})


def test_truthfulqa_is_read_as_it_stands():
    if not TRUTHFULQA.is_file():
        pytest.skip("TruthfulQA is not on this machine (shared/data/truthfulqa)")
    columns = {"prompt": "Question", "response": "Best Answer", "category": "Category"}
    columns |= {"right": "Correct Answers", "wrong": "Incorrect Answers"}
    rows = read(DataSettings(source=str(TRUTHFULQA), **columns))
    with TRUTHFULQA.open(encoding="utf-8", newline="") as file:
        raw = list(csv.DictReader(file))
    assert len(rows) == len(raw) == 790
    assert sum(row.category == "Misconceptions" for row in rows) == 100
    for row, cells in zip(rows, raw, strict=True):
        assert row.right
        assert row.wrong
        for answers, text in ((row.right, cells["Correct Answers"]), (row.wrong, cells["Incorrect Answers"])):
            assert "; ".join(answers) == "; ".join(part.strip() for part in text.strip(" ;").split("; "))
    assert rows[1].right[-1].startswith("It is commonly believed that fortune cookies came from China, but")
