"""The door for formats: short names, a user's own function, and recognition by columns."""

import pytest

from topgraft.data.formats import FORMATS, pick, recognise
from topgraft.data.formats.columns import RESPONSES
from topgraft.data.reading import DataSettings, read
from topgraft.data.table import RawRow, Table
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


def recognised(row: dict, **settings: str) -> str:
    return recognise(Table([RawRow("here, line 1", row)]), DataSettings(**settings))


def says(*words: str) -> list[dict[str, str]]:
    return [{"role": "user" if place % 2 == 0 else "assistant", "content": word} for place, word in enumerate(words)]


@pytest.mark.parametrize("response", RESPONSES)
def test_a_prompt_and_any_usual_response_are_demonstrations(response):
    assert recognised({"id": 1, "prompt": "p", response: "r"}) == "demonstrations"
    assert recognised({"ID": 1, "Instruction": "p", response.replace("_", " ").title(): "r"}) == "demonstrations"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}, "transcripts"),
        ({"transcript": "\n\nHuman: a\n\nAssistant: b", "rating": 3}, "transcripts"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "demonstrations"),
        ({"question": "a", "category": "b"}, "demonstrations"),
        ({"messages": says("a", "b")}, "messages"),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, "messages"),
        ({"prompt": "a", "chosen": says("a", "b"), "rejected": says("a", "c")}, "messages"),
        ({"messages": says("a"), "chosen": "b", "rejected": "c"}, "messages"),
        ({"prompt": "a", "response_0": "b", "response_1": "c", "better_response_id": 1}, "preferences"),
        ({"conversation_a": says("a", "b"), "conversation_b": says("a", "c"), "winner": "model_a"}, "preferences"),
        ({"message_id": "a", "parent_id": None, "text": "b", "role": "prompter"}, "oasst"),
        (
            {"message_tree_id": "t", "prompt": {"message_id": "a", "text": "b", "role": "prompter", "replies": []}},
            "oasst",
        ),
        ({"key": "a", "group": "b", "prompt": "c", "response": "d"}, "prepared"),
    ],
)
def test_every_shape_is_recognised_by_its_columns(row, name):
    assert recognised(row) == name


def test_a_format_that_is_named_is_used_whatever_is_recognised(tmp_path):
    (tmp_path / "r.jsonl").write_text(
        '{"prompt": "a", "chosen": "b", "response_0": "c", "response_1": "d", "winner": 0}'
    )
    source = str(tmp_path / "r.jsonl")
    assert read(DataSettings(source=source))[0].rejected == "d"
    assert read(DataSettings(source=source, format="demonstrations"))[0].response == "b"


def test_the_name_auto_is_none_of_a_function():
    assert pick("demonstrations") is resolve("format", FORMATS["demonstrations"], {})
