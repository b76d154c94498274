"""Folders with parts: what `data prepare` writes comes back the same, and other folders keep the parts they have."""

import json

import pytest

from topgraft.data.preparing import LEFT_OUT, prepare
from topgraft.data.reading import DataSettings, digest, read, read_all
from topgraft.data.splitting import split
from topgraft.errors import UserError
from topgraft.records import Demonstration

ROWS = [
    {
        "prompt": f"q{n}\u2028\U0001f600",
        "response": f"a{n}",
        "rejected": "no",
        "strength": n / 2,
        "category": "c",
        "correct": n > 3,
    }
    | {"right_answers": ["x; y", "z"], "id": f"id-{n}", "problem": f"g{n // 2}"}
    for n in range(20)
]


@pytest.fixture
def settings(tmp_path) -> DataSettings:
    lines = [json.dumps(row) for row in ROWS]
    (tmp_path / "r.jsonl").write_text("\n".join([*lines, "no row"]))
    return DataSettings(source=str(tmp_path / "r.jsonl"), skip_bad=True, split=(0.6, 0.2, 0.2), split_seed=3)


def prepared(settings, folder):
    reading = read_all(settings)
    splits = split(reading.rows, settings.split, settings.split_seed)
    return splits, prepare(settings, reading, splits, folder)


def test_what_is_prepared_comes_back_in_its_parts(settings, tmp_path):
    splits, manifest = prepared(settings, tmp_path / "made")
    again = DataSettings(source=str(tmp_path / "made"), prompt="question", response="says", split=(0.1, 0.1, 0.8))
    rows = read(again)
    found = split(rows, again.split, 7)
    for name, part in splits.parts().items():
        fields = Demonstration.__dataclass_fields__.keys() - {"part"}
        assert [[getattr(row, f) for f in fields] for row in found.parts()[name]] == [
            [getattr(row, f) for f in fields] for row in part
        ]
        assert {row.part for row in found.parts()[name]} == {name}
    assert digest(rows) == manifest["digest"]
    assert {name: file["rows"] for name, file in manifest["files"].items()} == {
        "train.jsonl": 12,
        "test.jsonl": 4,
        "validation.jsonl": 4,
    }
    assert (manifest["rows_found"], manifest["rows_left_out"]) == (21, 1)
    (line,) = (tmp_path / "made" / LEFT_OUT).read_text().splitlines()
    assert json.loads(line)["place"].endswith("line 21")


def test_the_same_source_makes_the_same_files(settings, tmp_path):
    first, second = (prepared(settings, tmp_path / name)[1] for name in ("a", "b"))
    assert first == second
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    changed = prepared(settings.model_copy(update={"split_seed": 4}), tmp_path / "c")[1]
    assert changed["digest"] != first["digest"]


def test_a_file_that_was_changed_is_refused_until_the_manifest_is_gone(settings, tmp_path):
    prepared(settings, tmp_path / "made")
    path = tmp_path / "made" / "test.jsonl"
    path.write_text(path.read_text().replace("a1", "b1").replace("a2", "b2").replace("a3", "b3").replace("a", "b", 1))
    with pytest.raises(UserError, match=r"test\.jsonl was changed since it was prepared"):
        read(DataSettings(source=str(tmp_path / "made")))
    (tmp_path / "made" / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"manifest\.json does not describe train\.jsonl"):
        read(DataSettings(source=str(tmp_path / "made")))


def test_without_its_manifest_a_folder_is_one_of_parts(settings, tmp_path):
    prepared(settings, tmp_path / "made")
    (tmp_path / "made" / "manifest.json").unlink()
    found = read_all(DataSettings(source=str(tmp_path / "made")))
    assert (found.format, len(found.rows)) == ("prepared", 20)
    assert {row.part for row in found.rows} == {"train", "test", "validation"}


def test_nothing_is_written_over(settings, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="nothing in it is overwritten"):
        prepared(settings, tmp_path / "made")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_any_folder_with_a_file_for_each_part_keeps_its_parts(tmp_path):
    for name, texts in {"train.csv": "ab", "dev.csv": "c", "test.csv": "d"}.items():
        (tmp_path / name).write_text("prompt,response\n" + "".join(f"{text},r\n" for text in texts))
    rows = read(DataSettings(source=str(tmp_path)))
    assert [(row.prompt, row.part, row.key) for row in rows] == [
        ("a", "train", "row-1"),
        ("b", "train", "row-2"),
        ("d", "test", "row-3"),
        ("c", "validation", "row-4"),
    ]
    assert [row.prompt for row in split(rows, (0.4, 0.3, 0.3), 0).validation] == ["c"]
    with pytest.raises(UserError, match="the test part has no rows"):
        split([row for row in rows if row.part != "test"], (0.4, 0.3, 0.3), 0)
    (tmp_path / "validation.csv").write_text("prompt,response\nc,r\n")
    with pytest.raises(UserError, match=r"several files for the part validation: dev\.csv, validation\.csv"):
        read(DataSettings(source=str(tmp_path)))


def test_a_format_of_ones_own_must_hand_the_parts_on(tmp_path):
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"q": "a"}\n')
    (tmp_path / "own.py").write_text(
        "from topgraft.records import Demonstration\n"
        "def rows(raw, settings):\n"
        "    return [Demonstration(key=r.place, group='g', prompt=r.values['q'], response='') for r in raw]\n"
        "def parts(raw, settings):\n"
        "    return [Demonstration(key=r.place, group='g', prompt='p', response='', part=r.part) for r in raw]\n"
    )
    with pytest.raises(UserError, match=r"loses them: give each Demonstration part=row\.part"):
        read(DataSettings(source=str(tmp_path), format=f"{tmp_path}/own.py:rows"))
    assert len(read(DataSettings(source=str(tmp_path), format=f"{tmp_path}/own.py:parts"))) == 3
