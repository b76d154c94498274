"""`topgraft judge` as its user meets it: killed and resumed, under a budget, with a key, into the report."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment, forked, stopped
from judge_runs import make_run

from topgraft.runs.writing import read_lines

KEY = "sk-secret-of-the-test-0123456789"
KILLED_AFTER = 5


def lines(run):
    return list(read_lines(run.path / "judge" / "tester" / "calls.jsonl"))


def judge(server, run, *words):
    return forked("judge", run.path, "--model", "tester", "--url", server.url, *words, cwd=run.path.parent)


def results(run, name="tester"):
    return json.loads((run.path / "judge" / name / "results.json").read_text(encoding="utf-8"))


def test_a_run_that_is_killed_goes_on_and_no_call_is_made_twice(serve, run):
    server = serve(judge="good", trouble=["500", "drop"], hold_after=KILLED_AFTER + 2)
    words = ("judge", run.path, "--model", "tester", "--url", server.url, "--workers", "3")

    def all_wait():
        held = sum(entry["kind"] == "held" for entry in server.seen())
        return held == 3 and len(lines(run)) == KILLED_AFTER

    done = stopped(*words, cwd=run.path.parent, when=all_wait, by=signal.SIGKILL)
    assert done.code == -signal.SIGKILL
    assert len(lines(run)) == KILLED_AFTER
    before = set(server.answered())
    server.tell(judge="good")
    done = judge(server, run)
    assert done.code == 0, done.err + done.out
    assert f"10 calls in both orders, {KILLED_AFTER} of them answered before" in done.out
    assert "this time 5 new replies from 5 requests" in done.out
    answered = server.answered()
    assert before < set(answered)
    assert len(answered) == 10
    assert set(answered.values()) == {1}  # what was answered before the kill was not asked for again
    measure = results(run)["arms"]["sft"]["metrics"]["win_rate/tester"]
    assert measure["value"] == pytest.approx((3 + 2 * 0.5) / 6)
    assert measure["n"] == 6
    assert results(run)["reliability"]["consistency"]["value"] == 1


def test_an_interrupt_keeps_what_was_answered_and_says_how_to_go_on(serve, run):
    server = serve(judge="good", then="slow", seconds=0.3)
    words = ("judge", run.path, "--model", "tester", "--url", server.url, "--workers", "1")
    done = stopped(*words, cwd=run.path.parent, when=lambda: len(lines(run)) >= 2, by=signal.SIGINT)
    assert done.code == 130
    kept = re.search(r"(\d+) new replies are kept; the same command goes on", done.out)
    assert kept is not None
    assert int(kept[1]) == len(lines(run)) == len(server.answered())  # the one on its way was waited for
    assert "Traceback" not in done.err


def test_judging_starts_without_torch():
    code = "import sys, topgraft.evaluate.judge.judging, topgraft.report; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_judge_by_place_gives_even_results_and_is_found_out(serve, tmp_path):
    run = make_run(tmp_path / "run", [(f"one {place}", f"two {place}", "tie") for place in range(24)])
    done = judge(serve(judge="first"), run)
    assert done.code == 0, done.err
    found = results(run)
    assert found["arms"]["sft"]["metrics"]["win_rate/tester"]["value"] == 0.5
    assert found["arms"]["sft"]["metrics"]["win_rate_lc/tester"]["value"] == pytest.approx(0.5)
    assert found["reliability"]["consistency"]["value"] == 0
    assert found["reliability"]["first_position"]["value"] == 1
    assert "it leans to the answer shown first" in done.out
    assert "it leans to the answer shown first" in (run.report / "index.html").read_text(encoding="utf-8")


def test_a_budget_ends_cleanly_and_the_same_command_goes_on(serve, run):
    server = serve(judge="good")
    done = judge(server, run, "--budget", "4calls")
    assert done.code == 0, done.err
    assert len(server.seen()) == 4
    assert "budget    used up; the same command goes on" in done.out
    assert not results(run)["judge"]["complete"]
    assert "pairs are not judged (not asked yet)" in done.out
    assert judge(server, run, "--budget", "6calls").code == 0
    assert results(run)["judge"]["complete"]
    assert set(server.answered().values()) == {1}


def test_the_key_is_sent_and_written_nowhere(serve, run, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    server = serve(judge="echo", trouble=["ok", "500"])
    done = judge(server, run, "--key-name", "JUDGE_KEY", "--price", "1,10")
    assert done.code == 0, done.err
    replies = [record["reply"] for record in lines(run)]
    assert replies
    assert all("Bearer [key]" in reply for reply in replies)  # it was sent, and what came back was cleaned
    server.tell(judge="echo", then="401")
    refused = judge(server, run, "--key-name", "JUDGE_KEY", "--parameter", "seed=1")
    assert refused.code == 2
    assert "refuses the key" in refused.err
    files = [path for root in (run.path, Path(os.environ["XDG_CACHE_HOME"])) for path in root.rglob("*")]
    texts = [path.read_bytes() for path in files if path.is_file()]
    assert len(texts) > 8
    assert not [text for text in texts if KEY.encode() in text]
    for said in (done, refused):
        assert KEY not in said.out + said.err
        assert "Traceback" not in said.err
    assert results(run)["cost"]["usd"] > 0


def test_show_prints_what_would_be_asked_and_asks_nothing(run):
    done = forked("judge", run.path, "--show", cwd=run.path.parent)
    assert done.code == 0, done.err
    assert "--- system ---" in done.out
    assert "A is sft, B is base" in done.out
    assert not (run.path / "judge").exists()


def test_a_rubric_of_ones_own_is_used_and_kept_beside_the_other(serve, run):
    mine = run.path.parent / "strict.txt"
    mine.write_text("Be strict. {prompt} {answer_a} {answer_b}")
    server = serve(judge="good")
    assert judge(server, run).code == 0
    assert judge(server, run, "--rubric", mine, "--workers", "2").code == 0
    assert (run.path / "judge" / "tester-strict" / "rubric.txt").read_text() == mine.read_text()
    assert results(run, "tester-strict")["judge"]["rubric"]["source"] == str(mine)
    (agreement,) = json.loads((run.path / "judge" / "agreement.json").read_text())
    assert agreement["agreement"]["value"] == 1
    page = (run.report / "index.html").read_text(encoding="utf-8")
    assert "Agreement between judges" in page
    assert "Be strict." in page


def test_pairs_without_a_verdict_are_named_on_screen_and_page(serve, run):
    done = judge(serve(judge="mumble"), run)
    assert done.code == 0, done.err
    words = "sft against base: 5 pairs have no readable verdict and do not count: "
    assert words in done.out
    assert words in (run.report / "index.html").read_text(encoding="utf-8")
    assert results(run)["arms"]["sft"]["metrics"]["win_rate/tester"]["n"] == 1  # the pair of one text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name the judge: --model NAME"),
        (("--model", "m", "--arms", "stf"), "Did you mean 'sft'"),
        (("--model", "m", "--budget", "2usd", "--url", "http://127.0.0.1:9/v1"), "needs the model's prices"),
        (("--model", "m", "--parameter", "stream=true"), "is not understood"),
        (("--model", "m", "--parameter", "api_key=sk-1"), "--parameter api_key is written into the run folder"),
        (("--model", "m", "--parameter", 'extra_headers={"a": 1}'), "it into the environment"),
        (("--model", "m", "--url", "127.0.0.1"), "is no address"),
        (("--model", "m", "--url", "http://127.0.0.1:9/v1"), "Is the address right"),
        (("--model", "m", "--key-name", "NOT_THERE"), "The environment has no NOT_THERE"),
        (("--model", "m", "--rubric", "none.txt"), "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_message(run, words, said):
    done = forked("judge", run.path, *words, cwd=run.path.parent)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [("judge", "run", "--model", "m"), ("rate", "run")])
def test_answers_that_were_changed_are_not_made_into_results(run, words):
    run.seal_evaluation()
    run.responses_file.write_text(run.responses_file.read_text().replace("GOOD one", "GOOD two"))
    done = forked(*words, cwd=run.path.parent)
    assert done.code == 2
    assert "responses.jsonl is damaged, or was changed since it was written" in done.err
