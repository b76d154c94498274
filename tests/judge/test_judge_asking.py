"""The engine against a real server that misbehaves."""

from collections import Counter

import pytest
from judge_runs import asker

from topgraft.errors import UserError
from topgraft.evaluate.judge import asking
from topgraft.evaluate.judge.asking import GIVE_UP, READINGS, TRIES
from topgraft.evaluate.judge.judging import questions
from topgraft.evaluate.judge.pairs import choose, pairs_of
from topgraft.evaluate.judge.rubric import read_rubric
from topgraft.evaluate.judge.verdicts import decide


def work(run, asker):
    """Ask about all pairs; outcome by row, and what was found."""
    responses = run.responses()
    asked = questions(pairs_of(responses, choose(responses, [], [])), read_rubric(None), asker)
    findings = asker.carry_out(asked.messages, lambda: None, lambda: None)
    verdicts = [decide(pair, digests, findings) for pair, digests in zip(asked.pairs, asked.of_pair, strict=True)]
    return {verdict.pair.row: verdict for verdict in verdicts}, findings


def outcomes(verdicts):
    return [verdicts[f"row-{place}"].outcome for place in range(len(verdicts))]


def test_a_judge_of_known_taste_gives_the_known_verdicts(serve, run):
    server = serve(judge="good")
    verdicts, _ = work(run, asker(server, run))
    assert outcomes(verdicts) == ["win", "win", "loss", "tie", "tie", "win"]
    assert verdicts["row-0"].named == ("arm", "arm")
    assert verdicts["row-2"].named == ("against", "against")
    assert len(server.seen()) == 10  # the pair of one text is not asked about
    for entry in server.seen():
        assert entry["asked"]["model"] == "tester"
        assert entry["asked"]["temperature"] == 0
        assert entry["asked"]["max_tokens"] == 64


def test_a_judge_that_goes_by_the_place_gives_ties(serve, run):
    verdicts, _ = work(run, asker(serve(judge="first"), run))
    assert outcomes(verdicts) == ["tie"] * 6
    assert verdicts["row-0"].named == ("arm", "against")


def test_every_trouble_passes_and_every_question_is_answered_once(serve, run):
    trouble = ["slow", "429", "500", "broken", "drop", "html", "empty", "503", "drop", "broken", "500", "429"]
    server = serve(judge="good", trouble=trouble, seconds=0.2)
    verdicts, findings = work(run, asker(server, run))
    assert outcomes(verdicts) == ["win", "win", "loss", "tie", "tie", "win"]
    assert not findings.failed
    assert set(server.answered().values()) == {1}
    assert len(server.seen()) == 10 + 11  # all but the slow one again


def test_a_reply_that_takes_too_long_is_asked_for_again(serve, run):
    server = serve(judge="good", trouble=["slow"], seconds=3)
    verdicts, _ = work(run, asker(server, run, seconds=0.5))
    assert outcomes(verdicts) == ["win", "win", "loss", "tie", "tie", "win"]
    assert Counter(entry["kind"] for entry in server.seen()) == {"slow": 1, "ok": 10}


def test_an_unreadable_verdict_is_asked_for_again_and_then_named(serve, run):
    server = serve(judge="mumble")
    verdicts, _ = work(run, asker(server, run))
    assert outcomes(verdicts) == ["unreadable"] * 4 + ["tie", "unreadable"]
    assert len(server.seen()) == 10 * READINGS
    assert verdicts["row-0"].words == ("It depends.", "It depends.")
    again = asker(server, run)
    work(run, again)
    assert again.requests == 0  # unreadable replies were paid for, and are kept


def test_a_judge_that_follows_the_reminder_is_read(serve, run):
    server = serve(judge="reminded")
    verdicts, _ = work(run, asker(server, run))
    assert outcomes(verdicts) == ["tie"] * 6
    assert len(server.seen()) == 10 * 3
    assert [len(calls) for calls in verdicts["row-0"].calls] == [3, 3]


def test_another_run_with_the_same_texts_pays_nothing(serve, run, tmp_path):
    from judge_runs import TEXTS, make_run

    server = serve(judge="good")
    work(run, asker(server, run))
    other = make_run(tmp_path / "other", TEXTS)
    later = asker(server, other)
    verdicts, _ = work(other, later)
    assert outcomes(verdicts) == ["win", "win", "loss", "tie", "tie", "win"]
    assert later.requests == 0
    assert len(list((other.path / "judge" / "tester").glob("calls.jsonl"))) == 1


def test_other_parameters_are_other_calls(serve, run):
    server = serve(judge="good")
    work(run, asker(server, run))
    work(run, asker(server, run, parameters={"temperature": 0, "max_tokens": 65}))
    assert len(server.seen()) == 20


@pytest.mark.parametrize(("budget", "requests"), [("4calls", 4), ("1call", 1)])
def test_a_budget_of_calls_is_used_up_and_never_exceeded(serve, run, budget, requests):
    server = serve(judge="good", trouble=["500", "drop"])
    first = asker(server, run, budget=budget)
    _, findings = work(run, first)
    assert findings.spent
    assert len(server.seen()) == requests
    server.tell(judge="good")
    verdicts, findings = work(run, asker(server, run))
    assert not findings.spent
    assert outcomes(verdicts) == ["win", "win", "loss", "tie", "tie", "win"]
    assert set(server.answered().values()) == {1}


def test_a_budget_of_tokens_is_never_exceeded(serve, run):
    server = serve(judge="good")
    first = asker(server, run, budget="3000tokens", workers=8)
    verdicts, findings = work(run, first)
    paid = sum(record["tokens_in"] + record["tokens_out"] for record in first.new)
    assert findings.spent
    assert paid == first.budget.spent
    assert 0 < paid <= 3000
    assert "unjudged" in outcomes(verdicts)
    assert verdicts["row-0"].reason in ("", "not asked yet")


def test_a_budget_of_tokens_needs_a_limit_of_the_reply(serve, run):
    with pytest.raises(UserError, match="max_tokens=1024"):
        work(run, asker(serve(judge="good"), run, budget="3000tokens", parameters={}))


def test_a_question_that_is_refused_is_named_and_the_others_are_answered(serve, run):
    server = serve(judge="good", trouble=["ok", "400"])
    verdicts, findings = work(run, asker(server, run, workers=1))
    assert len(findings.failed) == 1
    assert sorted(outcomes(verdicts)).count("unjudged") == 1
    (unjudged,) = (verdict for verdict in verdicts.values() if verdict.outcome == "unjudged")
    assert unjudged.reason.startswith("status 400: ")
    server.tell(judge="good", then="400")
    verdicts, _ = work(run, asker(server, run))  # still refused: not the request but the question is at fault
    assert outcomes(verdicts).count("unjudged") == 1
    server.tell(judge="good")
    verdicts, _ = work(run, asker(server, run))
    assert "unjudged" not in outcomes(verdicts)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("400", "refuses the request.*--parameter temperature=0 --parameter max_tokens=64"),
        ("401", "refuses the key.*--key-name"),
        ("402", "asks for money"),
        ("404", "no chat completions by a model 'tester'"),
    ],
)
def test_what_no_wait_mends_ends_the_command_at_once(serve, run, status, words):
    server = serve(judge="good", then=status)
    with pytest.raises(UserError, match=words):
        work(run, asker(server, run, workers=2))
    assert len(server.seen()) <= 2


def test_an_endpoint_that_is_down_is_given_up(serve, run, monkeypatch):
    monkeypatch.setattr(asking, "LONGEST_WAIT", 0.02)
    server = serve(judge="good", then="500")
    with pytest.raises(UserError, match=r"stopped answering: status 500\. 0 new replies are kept"):
        work(run, asker(server, run, workers=1))
    assert len(server.seen()) == GIVE_UP * TRIES


def test_an_address_where_nobody_listens_is_said_at_once(serve, run):
    server = serve(judge="good")
    server.stop()
    with pytest.raises(UserError, match="Is the address right, and the server running"):
        work(run, asker(server, run))


def test_a_wait_of_hours_ends_the_command(serve, run, monkeypatch):
    monkeypatch.setattr(asking, "LONGEST_ASKED", 0.01)
    with pytest.raises(UserError, match="asks to wait"):
        work(run, asker(serve(judge="good", then="429"), run, workers=1))
