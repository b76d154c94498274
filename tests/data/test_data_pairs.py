"""Pairs that data bring: transcripts of HH-RLHF, or a rejected answer in a column."""

import gzip
import json
from pathlib import Path

import pytest

from topgraft.data.reading import DataSettings, digest, read
from topgraft.data.splitting import split
from topgraft.errors import UserError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
ASK = "\n\nHuman: Is it?\n\nAssistant:"


def transcripts(path: Path, *pairs: tuple[str, str], **more: str) -> DataSettings:
    lines = [json.dumps({"chosen": chosen, "rejected": rejected}) for chosen, rejected in pairs]
    path.with_suffix(".jsonl").write_text("\n".join(lines))
    return DataSettings(source=str(path.with_suffix(".jsonl")), **more)


def test_a_question_and_its_two_answers(tmp_path):
    (row,) = read(transcripts(tmp_path / "a", (f"{ASK} Yes, it is.", f"{ASK} No.")))
    assert (row.prompt, row.response, row.rejected, row.strength) == ("Is it?", "Yes, it is.", "No.", 1.0)
    assert row.group == "Is it?"


def test_the_prompt_of_a_longer_dialogue_is_all_turns_before_the_last_answer(tmp_path):
    before = f"{ASK} What?\n\nHuman: That.\n\nAssistant:"
    (row,) = read(transcripts(tmp_path / "a", (f"{before} Yes.", f"{before} No.")))
    assert row.prompt == "Human: Is it?\n\nAssistant: What?\n\nHuman: That."
    assert (row.response, row.rejected, row.group) == ("Yes.", "No.", "Is it?")


def test_dialogues_that_part_earlier_are_cut_where_they_do(tmp_path):
    (row,) = read(transcripts(tmp_path / "a", (f"{ASK} Yes.\n\nHuman: Oh.\n\nAssistant: Well.", f"{ASK} No.")))
    assert (row.prompt, row.response, row.rejected) == ("Is it?", "Yes.\n\nHuman: Oh.\n\nAssistant: Well.", "No.")


def test_two_answers_that_are_the_same_are_a_tie(tmp_path):
    assert [
        row.strength for row in read(transcripts(tmp_path / "a", (f"{ASK} A", f"{ASK} A"), (f"{ASK} A", f"{ASK} B")))
    ] == [0, 1]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("Is it?", f"{ASK} No."), r"line 1: 'chosen' is no transcript .* it is 'Is it\?'"),
        ((f"{ASK} Yes.", "\n\nHuman: Who?\n\nAssistant: I."), "differ in their first question"),
        ((f"{ASK} Yes.", None), "'rejected' is no transcript"),
    ],
)
def test_what_is_no_pair_of_transcripts_is_named(tmp_path, pair, said):
    with pytest.raises(UserError, match=said):
        read(transcripts(tmp_path / "a", pair))


def test_a_rejected_answer_and_a_strength_may_stand_in_columns(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"p{n}", "chosen": "good", "rejected": "bad", "strength": n / 2} for n in range(3)]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read(DataSettings(source=str(path)))
    assert [(row.response, row.rejected, row.strength) for row in found] == [("good", "bad", n / 2) for n in range(3)]
    plain = read(DataSettings(source=str(path), rejected="-", strength="-"))
    assert [(row.rejected, row.strength) for row in plain] == [(None, 1.0)] * 3
    assert digest(found) != digest(plain)
    path.write_text(json.dumps(rows[0] | {"strength": "0.5 "}))
    assert read(DataSettings(source=str(path)))[0].strength == 0.5
    path.write_text(json.dumps(rows[0] | {"strength": -1}))
    with pytest.raises(UserError, match="'strength' must be a number, 0"):
        read(DataSettings(source=str(path)))


@pytest.mark.parametrize("name", ["hh-rlhf-helpful/train_gt", "hh-rlhf-helpful/train_w2s", "hh-rlhf-harmless/test"])
def test_the_real_files_are_recognised_and_their_parts_share_no_prompt(name):
    path = REAL / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"the real data are not here: {path.name}")
    rows = read(DataSettings(source=str(path)))
    assert len(rows) == len(gzip.decompress(path.read_bytes()).splitlines())
    assert all(row.prompt and row.rejected is not None for row in rows)
    parts = split(rows, (0.7, 0.2, 0.1), 0).parts()
    prompts = [{row.prompt for row in part} for part in parts.values()]
    assert not prompts[0] & prompts[1]
    assert not prompts[0] & prompts[2]
    assert not prompts[1] & prompts[2]
