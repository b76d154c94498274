"""`topgraft generate`: answers of an arm to a file of prompts, to one prompt, or to the run's own test rows."""

import csv
import json
import signal
from pathlib import Path

import pytest
from commands import forked, snapshot, stopped
from keyboard import Terminal
from material import write_rows

from topgraft.report.words.text import from_csv


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_generate_answers_a_file_and_reads_nothing_of_it_but_prompts(finished, tmp_path):
    rows = [{"prompt": f"Is {n} odd?", "correct": "?", "category": [n], "right_answers": n} for n in range(5)]
    questions = write_rows(tmp_path / "questions.jsonl", rows)
    words = ("generate", finished.run, "--arm", "sft", "--data", questions, "--out", "answers.jsonl")
    done = forked(*words, cwd=tmp_path)
    assert done.code == 0, done.err
    found = lines(tmp_path / "answers.jsonl")
    assert [row["prompt"] for row in found] == [f"Is {n} odd?" for n in range(5)]
    assert all(set(row) == {"id", "arm", "prompt", "response", "tokens", "ended"} for row in found)
    assert {row["arm"] for row in found} == {"sft"}
    first = (tmp_path / "answers.jsonl").read_bytes()
    assert forked(*words, cwd=tmp_path).code == 0
    assert (tmp_path / "answers.jsonl").read_bytes() == first


def test_generate_repeats_the_answers_of_the_evaluation(finished, tmp_path):
    before = snapshot(finished.run)
    for arm in ("base", "ppo"):
        done = forked("generate", finished.run, "--arm", arm, "--out", f"{arm}.jsonl", cwd=tmp_path)
        assert done.code == 0, done.err
        found = {row["id"]: row["response"] for row in lines(tmp_path / f"{arm}.jsonl")}
        evaluated = lines(finished.run / "evaluation" / "responses.jsonl")
        assert found == {row["id"]: row["response"] for row in evaluated if row["arm"] == arm}
    assert snapshot(finished.run) == before


def test_generate_answers_one_prompt_on_the_screen(finished, tmp_path):
    evaluated = [row for row in lines(finished.run / "evaluation" / "responses.jsonl") if row["arm"] == "ppo"]
    done = forked("generate", finished.run, "--prompt", evaluated[0]["prompt"], cwd=tmp_path)
    assert done.code == 0, done.err
    assert evaluated[0]["response"] in done.out
    assert snapshot(tmp_path) == {}


def test_generate_writes_nothing_but_json_lines_to_standard_output(finished, tmp_path):
    # The answers may be piped on: no progress lines between them, and no character of a text replaced.
    strange = "Is\u00a0this\u3000odd\u200d?"
    questions = write_rows(tmp_path / "questions.jsonl", [{"prompt": strange}])
    done = forked("generate", finished.run, "--data", questions, cwd=tmp_path)
    assert done.code == 0, done.err
    assert [json.loads(line)["prompt"] for line in done.out.splitlines()] == [strange]


def test_generate_draws_answers_where_it_is_told_to(finished, tmp_path):
    for name, more in (("greedy", ["--greedy"]), ("drawn", ["--sample"])):
        done = forked("generate", finished.run, *more, "--out", f"{name}.jsonl", cwd=tmp_path)
        assert done.code == 0, done.err
    greedy, drawn = lines(tmp_path / "greedy.jsonl"), lines(tmp_path / "drawn.jsonl")
    assert [row["id"] for row in greedy] == [row["id"] for row in drawn]
    assert [row["response"] for row in greedy] != [row["response"] for row in drawn]


def test_generate_knows_the_arms_of_the_run(finished, tmp_path):
    done = forked("generate", finished.run, "--arm", "pop", cwd=tmp_path)
    assert done.code == 2
    assert "has no arm 'pop'. Did you mean 'ppo'? Known: base, ppo, sft." in done.err


def test_a_terminal_and_a_spreadsheet_get_texts_that_they_do_not_obey(finished, tmp_path):
    prompts = ["=1+1 a\x9b31mb", "'=1", "-2 is odd?", "Is \x1b]0;t\x07 odd?"]
    questions = write_rows(tmp_path / "questions.jsonl", [{"prompt": text} for text in prompts])
    words = ("generate", finished.run, "--arm", "base", "--data", questions)
    terminal = Terminal(*words, cwd=tmp_path)
    assert terminal.end() == 0
    shown = terminal.see("Is .*odd")
    assert "=1+1 a\N{REPLACEMENT CHARACTER}31mb" in shown
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)
    done = forked(*words, "--out", "answers.csv", cwd=tmp_path)
    assert done.code == 0, done.err
    cells = [row["prompt"] for row in table(tmp_path / "answers.csv")]
    assert cells == ["'=1+1 a\x9b31mb", "''=1", "'-2 is odd?", prompts[3]]
    assert [from_csv(cell) for cell in cells] == prompts
    assert all(row["tokens"].isdecimal() for row in table(tmp_path / "answers.csv"))


MANY = ("--arm", "sft", "--sample", "--samples", "12", "--set", "sampling.rows_at_once=6")


def table(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("harm", ["torn", "changed"])
def test_generate_goes_on_where_it_was_killed_and_loses_and_doubles_nothing(finished, tmp_path, harm):
    questions = write_rows(tmp_path / "questions.jsonl", [{"prompt": f"Is {n} odd?"} for n in range(8)])
    words = ("generate", finished.run, "--data", questions, *MANY, "--out")
    whole = forked(*words, "whole.csv", cwd=tmp_path)
    assert whole.code == 0, whole.err
    part = tmp_path / ".cut.csv.part"

    def far_enough() -> bool:
        return part.exists() and len(part.read_bytes().splitlines()) > 20

    killed = stopped(*words, "cut.csv", cwd=tmp_path, when=far_enough, by=signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    assert not (tmp_path / "cut.csv").exists()
    kept = part.read_bytes().splitlines(keepends=True)
    if harm == "torn":  # the last line, as by a full disk
        kept[-1] = kept[-1][: len(kept[-1]) // 2]
        whole_ones = (len(kept) - 2) // 6 * 6  # as many as were drawn together
    else:  # a line of the second six that were drawn together
        kept[9] = kept[9].replace(b'"response": "', b'"response": "?')
        whole_ones = 6
    part.write_bytes(b"".join(kept))
    again = forked(*words, "cut.csv", cwd=tmp_path)
    assert again.code == 0, again.err
    assert f"{whole_ones} of 96 responses are there; going on" in again.err
    assert not part.exists()
    rows = table(tmp_path / "cut.csv")
    assert [(row["prompt"], row["sample"]) for row in rows] == [
        (f"Is {n} odd?", str(sample)) for n in range(8) for sample in range(12)
    ]
    assert rows == table(tmp_path / "whole.csv")
    assert len({row["response"] for row in rows}) > 12


def test_generate_does_not_go_on_with_another_job(finished, tmp_path):
    part = tmp_path / ".answers.csv.part"
    part.write_text('{"job": "ppo"}\n{"number": 0, "response": "x"}\n')
    done = forked("generate", finished.run, *MANY, "--out", "answers.csv", cwd=tmp_path)
    assert done.code == 2
    assert "holds the beginning of another job (arm 'ppo'" in done.err
    assert part.exists()


def test_generate_refuses_many_of_the_likeliest_answer(finished, tmp_path):
    done = forked("generate", finished.run, "--samples", "3", cwd=tmp_path)
    assert done.code == 2
    assert "--samples 3 of the likeliest response would all be the same. Add --sample." in done.err
