"""The door for formats: short names, a user's own function, and recognition by columns."""

import pytest

from topgraft.data.files import RawRow
from topgraft.data.formats import FORMATS, pick
from topgraft.data.formats.demonstrations import RESPONSES, matches
from topgraft.data.reading import DataSettings, read
from topgraft.errors import UserError
from topgraft.lookup import resolve

OWN = """
from topgraft.records import Demonstration

def turns(raw, settings):
    return [
        Demonstration(key=str(n), group=row.values["talk"], prompt=turns[0], response=turns[1])
        for n, row in enumerate(raw)
        for turns in [row.values["turns"]]
    ]

def nothing(raw, settings):
    return []

def wrong(raw, settings):
    return [row.values for row in raw]
"""


@pytest.fixture
def source(tmp_path, monkeypatch) -> str:
    (tmp_path / "my_own_formats.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "talks.jsonl").write_text(
        '{"talk": "t1", "turns": ["hello?", "yes!"]}\n{"talk": "t2", "turns": ["a", "b"]}\n'
    )
    return str(tmp_path / "talks.jsonl")


def test_every_row_of_the_table_is_a_module_with_matches_and_rows():
    assert "demonstrations" in FORMATS
    for target in FORMATS.values():
        assert callable(resolve("format", target, {}))
        assert callable(resolve("format", target.partition(":")[0] + ":matches", {}))


def test_a_format_of_ones_own_is_used_by_its_name(source):
    rows = read(DataSettings(source=source, format="my_own_formats:turns"))
    assert [(row.key, row.group, row.prompt, row.response) for row in rows] == [
        ("0", "t1", "hello?", "yes!"),
        ("1", "t2", "a", "b"),
    ]


@pytest.mark.parametrize("name", ["nothing", "wrong"])
def test_a_format_that_makes_no_rows_is_refused(source, name):
    with pytest.raises(UserError, match=r"must make a list of topgraft\.records\.Demonstration out of the 2 rows"):
        read(DataSettings(source=source, format=f"my_own_formats:{name}"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("demonstration", "Unknown data.format 'demonstration'. Did you mean 'demonstrations'?"),
        ("no_such_module:rows", "Cannot import data.format 'no_such_module:rows'"),
        ("my_own_formats:turn", "has no 'turn'. Did you mean 'turns'?"),
    ],
)
def test_an_unknown_format_is_answered_with_the_nearest(source, name, said):
    with pytest.raises(UserError) as caught:
        read(DataSettings(source=source, format=name))
    assert said in str(caught.value)


def test_demonstrations_are_recognised_by_a_prompt_and_any_usual_response():
    for response in RESPONSES:
        assert matches(["id", "prompt", response], DataSettings())
    assert not matches(["prompt", "reply"], DataSettings())
    assert not matches(["question", "response"], DataSettings())
    assert matches(["question", "reply"], DataSettings(prompt="question", response="reply"))
    assert not matches(["prompt", "response"], DataSettings(response="reply"))


def test_auto_and_the_name_find_the_same_function():
    raw = [RawRow("here, line 1", {"prompt": "p", "response": "r"})]
    assert pick("auto", raw, DataSettings()) is pick("demonstrations", raw, DataSettings())
