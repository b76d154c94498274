"""Whatever stands in a file, a recipe, a reply or a request: rows, an answer or a UserError, and no other exception."""

import csv
import io
import json
from typing import Any

import pytest
import tomli_w
from fuzz_targets import JSONL, TARGETS, Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topgraft.data.csv_rows import read_csv
from topgraft.data.json_rows import read_json_lines
from topgraft.errors import UserError
from topgraft.evaluate.judge.rubric import read_verdict
from topgraft.report.words.text import csv_text, from_csv
from topgraft.train.settings import RunSettings

FEW = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The same inputs in every run; `make fuzz` searches on."""


def names_in(value: Any) -> set[str]:
    """Every name of a column or field in an example."""
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def settings_in(schema: dict[str, Any]) -> set[str]:
    """Every name of a setting in a recipe's schema."""
    return {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})}


COLUMNS = sorted(names_in([json.loads(line) for seed in JSONL for line in seed.splitlines()]))
SETTINGS = sorted(settings_in(RunSettings.model_json_schema()))
TEXTS = [
    "",
    " ",
    "user",
    "assistant",
    "prompter",
    "tie",
    "a",
    "1",
    "train",
    "\n\nHuman: q\n\nAssistant: a",
    "x.py:f",
    ":",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(TEXTS)
)


def nested(names: list[str]) -> st.SearchStrategy[Any]:
    """Values of any shape, in which the names that readers know stand often."""
    key = st.sampled_from(names) | st.text(max_size=5)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=4),
        max_leaves=12,
    )


ROWS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), nested(COLUMNS), max_size=6), max_size=4)
RECIPES = st.dictionaries(st.sampled_from([*RunSettings.model_fields, "scale"]), nested(SETTINGS), max_size=4)


@st.composite
def spoilt(draw: st.DrawFn, target: Target) -> bytes:
    """An example with parts of it cut out, doubled or overwritten; now and then any bytes at all."""
    if not draw(st.integers(0, 9)):
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(target.seeds)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        data[start:end] = draw(st.binary(max_size=8) | st.just(bytes(data[start:end]) * 2))
    return bytes(data)


def tried(name: str, data: bytes) -> None:
    """Read; a UserError that a person can read is as good as rows."""
    said = ""
    try:
        TARGETS[name].read(data)
    except UserError as error:
        said = str(error)
    assert len(said) < 20_000


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_reader_is_given_to_understand_it_understands(name):
    for seed in TARGETS[name].seeds:
        tried(name, seed)


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_files_are_read_or_refused(name):
    @FEW
    @given(spoilt(TARGETS[name]))
    def check(data: bytes) -> None:
        tried(name, data)

    check()


@FEW
@given(ROWS, st.sampled_from(["jsonl", "json", "views", "others"]))
def test_rows_of_any_shape_are_read_or_refused(rows, name):
    lines = "\n".join(json.dumps(row) for row in rows) if name != "json" else json.dumps(rows)
    tried(name, b"\0" * (name == "views") + lines.encode())


@FEW
@given(st.lists(st.lists(st.text(max_size=12), max_size=4), max_size=5), st.sampled_from([",", ";", "\t"]))
def test_tables_of_any_cells_are_read_or_refused(rows, separator):
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([["prompt", "response"], *rows])
    tried("csv", out.getvalue().encode("utf-8", "surrogatepass"))


@FEW
@given(RECIPES)
def test_recipes_of_any_shape_are_taken_or_refused(raw):
    tried("settings", json.dumps(raw).encode())


@FEW
@given(st.dictionaries(st.sampled_from(SETTINGS), st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_recipes_in_files_are_taken_or_refused(raw):
    tried("recipe", tomli_w.dumps(raw).encode("utf-8", "surrogatepass"))


@FEW
@given(st.lists(st.tuples(st.sampled_from(SETTINGS), st.sampled_from(SETTINGS), st.text(max_size=20)), max_size=3))
def test_set_values_are_taken_or_refused(sets):
    tried("sets", "\n".join(f"{one}.{two}={value}" for one, two, value in sets).encode("utf-8", "surrogatepass"))


@FEW
@given(st.lists(st.dictionaries(st.sampled_from(["prompt", "response", "a b"]), st.text(), min_size=1), max_size=5))
def test_rows_of_json_come_back_as_they_were_written(rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert [row.values for row in read_json_lines(text, "rows")] == rows


@FEW
@given(st.lists(st.tuples(st.text(), st.text(min_size=1).filter(str.strip)), max_size=5))
def test_cells_come_back_as_they_were_written_and_none_is_a_formula(rows):
    out = io.StringIO()
    csv.writer(out).writerows([("one", "two"), *(map(csv_text, row) for row in rows)])
    found = [tuple(row.values.values()) for row in read_csv(out.getvalue(), "rows")]
    assert not [cell for row in found for cell in row if cell[:1] in tuple("=+-@\t\r\n")]
    assert [tuple(map(from_csv, row)) for row in found] == rows


@FEW
@given(
    st.text(),
    st.sampled_from(["A", "B", "tie"]),
    st.sampled_from(["Verdict: {}", "**verdict - answer {}**", "> Verdict: {}."]),
)
def test_a_verdict_in_the_last_line_is_read_whatever_stands_above(words, verdict, line):
    if verdict == "tie":
        line = line.replace("answer ", "")
    assert read_verdict(f"{words}\n{line.format(verdict)}\n\n") == verdict
