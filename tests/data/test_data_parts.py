"""Rows that name the part of the split that they are in."""

import json
from pathlib import Path

import pytest

from topgraft.data.reading import DataSettings, digest, read
from topgraft.data.splitting import split
from topgraft.errors import UserError
from topgraft.records import Demonstration

PARTS = ("train", "train", "test", "validation", "train")


def source(folder: Path, parts: tuple[object, ...], column: str = "part") -> str:
    """A file of rows, each in the part that is named, two neighbours of one problem."""
    path = folder / "rows.jsonl"
    lines = [
        {"prompt": f"p{n}", "response": "r", "problem": f"g{n}"} | ({} if part is None else {column: part})
        for n, part in enumerate(parts)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def keys(rows: list[Demonstration]) -> list[str]:
    return [row.prompt for row in rows]


@pytest.mark.parametrize(("column", "named"), [("part", ""), ("where", "where")])
def test_rows_go_where_they_say_whatever_shares_and_seed(tmp_path, column, named):
    rows = read(DataSettings(source=source(tmp_path, PARTS, column), part=named))
    for seed in (0, 1):
        found = split(rows, (0.1, 0.1, 0.8), seed)
        assert (keys(found.train), keys(found.test), keys(found.validation)) == (["p0", "p1", "p4"], ["p2"], ["p3"])


def test_a_dash_shares_them_out_and_changes_the_digest(tmp_path):
    path = source(tmp_path, PARTS)
    named, shared = read(DataSettings(source=path)), read(DataSettings(source=path, part="-"))
    assert {row.part for row in shared} == {""}
    assert digest(named) != digest(shared)
    found = split(shared, (0.6, 0.2, 0.2), 0)
    assert [len(part) for part in found.parts().values()] == [3, 1, 1]


@pytest.mark.parametrize("value", ["dev", "", None, 1])
def test_a_part_that_is_none_is_refused_with_its_line_where_the_column_was_named(tmp_path, value):
    path = source(tmp_path, (*PARTS[:2], value, *PARTS[2:]))
    with pytest.raises(UserError, match=r"rows.jsonl, line 3: 'part' is .*Write train, test, validation; or have"):
        read(DataSettings(source=path, part="part"))
    assert {row.part for row in read(DataSettings(source=path))} == {""}


def test_a_part_that_stays_empty_is_refused(tmp_path):
    rows = read(DataSettings(source=source(tmp_path, ("train", "test"))))
    with pytest.raises(UserError, match="the validation part has no rows"):
        split(rows, (0.7, 0.2, 0.1), 0)
