"""`topgraft chat`: through a pipe one answer a line, on a terminal a conversation; nothing that could steer one."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from commands import forked, snapshot, topgraft
from conftest import Tiny
from keyboard import CTRL_C, CTRL_D, Terminal

from topgraft.data.template import PLAIN
from topgraft.train.progress import printable


def evaluated(run: Path) -> dict[str, list[dict]]:
    """The evaluation's lines by arm."""
    found: dict[str, list[dict]] = {}
    for line in (run / "evaluation" / "responses.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["arm"], []).append(row)
    return found


def in_a_line(text: str) -> str:
    return " ".join(text.split())


def rewards(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"^  reward (-?\d+\.\d{3}) \(", text, re.MULTILINE)]


def test_a_pipe_gets_one_answer_a_line_and_all_arms_of_a_model_in_one_session(finished, tmp_path):
    before, rows = snapshot(finished.run), evaluated(finished.run)
    typed = [row["prompt"] for row in rows["ppo"]]
    for arm in ("base", "sft", "ppo"):
        typed += ["", f"/arm {arm}", *(row["prompt"] for row in rows[arm])]
    typed += ["/scores on", *(row["prompt"] for row in rows["ppo"]), "/quit", "never read"]
    done = topgraft("chat", finished.run, cwd=tmp_path, given="\n".join(typed))
    assert done.code == 0, done.err
    arms = ("ppo", "base", "sft", "ppo", "ppo")  # the last of the run at first
    assert done.out.splitlines() == [in_a_line(row["response"]) for arm in arms for row in rows[arm]]
    assert rewards(done.err) == pytest.approx([row["reward"] for row in rows["ppo"]], abs=6e-4)
    assert ">" not in done.err
    assert snapshot(finished.run) == before


def test_the_best_of_several_is_the_one_with_the_highest_score(finished, tmp_path):
    typed = "Is 7 odd?\nIs 8 odd?\n"
    done = forked("chat", finished.run, "--arm", "sft", "--best-of", 5, "--scores", cwd=tmp_path, given=typed)
    assert done.code == 0, done.err
    totals = rewards(done.err)
    assert len(totals) == 10
    for place, answer in enumerate(done.out.splitlines()):
        scored = totals[5 * place : 5 * place + 5]
        assert scored == sorted(scored, reverse=True)
        shown = [line for line in done.err.splitlines() if line.startswith("  reward ")][5 * place]
        assert shown.endswith(f"): {answer}")
        assert len(set(scored)) > 1


def test_drawn_answers_differ_from_one_asking_to_the_next(finished, tmp_path):
    done = forked("chat", finished.run, "--sample", cwd=tmp_path, given="Is 7 odd?\n" * 4)
    assert done.code == 0, done.err
    assert len(set(done.out.splitlines())) > 1


def test_nothing_that_could_steer_a_terminal_is_shown(finished, tmp_path):
    row = evaluated(finished.run)["base"][0]
    letter = next(char for char in row["response"] if char.isprintable() and char not in row["prompt"] + PLAIN)
    copied = Path(shutil.copytree(finished.model, tmp_path / "model"))
    tokenizer = json.loads((copied / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["\x1b"] = tokenizer["model"]["vocab"].pop(letter)
    (copied / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    words = ("chat", finished.run, "--arm", "base", "--set", f"model.name={copied}")
    done = forked(*words, cwd=tmp_path, given=row["prompt"] + "\n")
    assert done.code == 0, done.err
    assert done.out == in_a_line(row["response"].replace(letter, "\N{REPLACEMENT CHARACTER}")) + "\n"
    assert printable("a\x1b[2J\x07\x9bb\n\tc\u202e") == "a\ufffd[2J\ufffd\ufffdb\n\tc\ufffd"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--arm", "pop"], "has no arm 'pop'. Did you mean 'ppo'? Known: base, ppo, sft."),
        (["--greedy", "--best-of", "2"], "--best-of chooses among drawn answers, --greedy draws none."),
        (["--best-of", "2", "--set", "sampling.temperature=0", "--set", 'stages=["sft"]'], "temperature is 0"),
        (["--arm", "sft", "--scores", "--set", 'stages=["sft"]'], "has nothing to score with: no stage `reward`"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(finished, tmp_path, flags, said):
    done = forked("chat", finished.run, *flags, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_mistake_ends_a_pipe_with_an_error_after_the_answers_before_it(finished, tmp_path):
    done = forked("chat", finished.run, cwd=tmp_path, given="//score\n/score\nIs 7 odd?\n")
    assert done.code == 2
    assert len(done.out.splitlines()) == 1
    assert done.err.splitlines()[-1].startswith("error: There is no command '/score'. Did you mean '/scores'?")


SLOW = """
import pathlib, time

def slow(prompt, response):
    if prompt == "Wait":
        pathlib.Path("waiting").touch()
        time.sleep(600)
    return float(len(response))
"""


def test_a_conversation_on_a_terminal(finished, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    row = evaluated(finished.run)["sft"][0]
    sets = ("--set", "rewards.slow.use=slow.py:slow", "--set", "rewards.slow.weight=2")
    terminal = Terminal("chat", finished.run, "--arm", "base", *sets, cwd=tmp_path)
    assert "/help" in terminal.see("base> ")
    terminal.type("/arm stf\r")
    terminal.see("error: Run .* has no arm 'stf'. Did you mean 'sft'")
    terminal.see("base> ")
    terminal.type("/arm sft\r")
    terminal.see("sft of base, sft, ppo")
    terminal.see("sft> ")

    def asks() -> None:
        terminal.type(row["prompt"] + "\r")
        shown = terminal.see(rf"sft, \d+\.\d s, {row['tokens']} tokens")
        assert shown.endswith(f"\n{row['response']}\n" + shown.rpartition("\n")[2])

    asks()
    terminal.see("sft> ")
    terminal.type("/scores\r")
    terminal.see("scores on")
    terminal.see("sft> ")
    terminal.type("Wait\r")
    end = time.monotonic() + 120
    while not (tmp_path / "waiting").exists():
        assert time.monotonic() < end, terminal.raw
        time.sleep(0.01)
    terminal.type(CTRL_C)
    terminal.see("stopped")
    terminal.see("sft> ")
    asks()
    size = len(row["response"])
    terminal.see(rf"reward {2 * size}\.000 \(slow {size}\.000 x 2\)")
    terminal.see("sft> ")
    terminal.type("/help\r")
    terminal.see("/quit")
    terminal.see("sft> ")
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def test_ctrl_c_at_the_prompt_ends_the_conversation(finished, tmp_path):
    terminal = Terminal("chat", finished.run, cwd=tmp_path)
    terminal.see("ppo> ")
    terminal.rest()
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.raw


@pytest.fixture(scope="module")
def of_two_models(tmp_path_factory: pytest.TempPathFactory, finished: Tiny) -> Path:
    """A run whose arms are on other blocks and of other kinds, with a reward model that has an adapter."""
    folder = tmp_path_factory.mktemp("arms")
    sets = ['stages=["sft", "pairs", "reward"]', "reward.trains=branch", "reward.learning_rate=1e-3"]
    sets += [
        "arms.best.best_of=3",
        'arms.best.train=["sft"]',
        'arms.high.train=["sft"]',
        "arms.high.model.layers=last-1",
    ]
    more = [word for text in [*sets, 'evaluate.metrics=["reward"]'] for word in ("--set", text)]
    done = forked("run", *finished.words, *more, "--out", "run", cwd=folder)
    assert done.code == 0, done.err + done.out
    return folder / "run"


def test_arms_of_other_models_and_best_of_arms_answer_as_they_are_measured(of_two_models, tmp_path):
    rows = evaluated(of_two_models)
    assert list(rows) == ["base", "sft", "best", "high"]
    typed = [row["prompt"] for row in rows["high"]]
    typed += [
        text for arm in ("sft", "high", "best") for text in (f"/arm {arm}", *(row["prompt"] for row in rows[arm]))
    ]
    done = forked("chat", of_two_models, "--scores", cwd=tmp_path, given="\n".join(typed))
    assert done.code == 0, done.err
    found, totals = done.out.splitlines(), rewards(done.err)
    greedy = [row for arm in ("high", "sft", "high") for row in rows[arm]]
    assert found[: len(greedy)] == [in_a_line(row["response"]) for row in greedy]
    assert totals[: len(greedy)] == pytest.approx([row["reward"] for row in greedy], abs=6e-4)
    assert len(found) - len(greedy) == len(rows["best"])
    drawn = [totals[len(greedy) :][place : place + 3] for place in range(0, 3 * len(rows["best"]), 3)]
    assert all(len(scored) == 3 and scored == sorted(scored, reverse=True) for scored in drawn)
