import math

import pytest
from sklearn.metrics import cohen_kappa_score

from topgraft.errors import UserError
from topgraft.evaluate.judge.agreement import agreements, chosen, judged, kappa
from topgraft.evaluate.judge.asking import Finding, Findings
from topgraft.evaluate.judge.budget import Price
from topgraft.evaluate.judge.judging import cost, name_of, plain_name
from topgraft.evaluate.judge.pairs import Pair, choose, pairs_of
from topgraft.evaluate.judge.people import rated
from topgraft.evaluate.judge.results import reliability, results
from topgraft.evaluate.judge.verdicts import Judgement, decide
from topgraft.runs.writing import append_line

ARM, OTHER, TIE, MUTE = "arm", "against", "tie", "unreadable"


def pair(row=0, group="p", arm="sft", against="base", answer="long answer", other="short"):
    return Pair(
        row=f"row-{row}", group=group, prompt="p", reference="r", arm=arm, against=against, answer=answer, other=other
    )


def read(first, second, **more):
    """The verdict on a pair whose two readings name these."""
    order = [{"arm": "A", "against": "B"}, {"arm": "B", "against": "A"}]
    found = {
        f"call-{place}": Finding(order[place].get(named, named), "words", (f"call-{place}",))
        for place, named in enumerate((first, second))
    }
    return decide(pair(**more), ["call-0", "call-1"], Findings(found=found))


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (ARM, ARM, "win"),
        (OTHER, OTHER, "loss"),
        (TIE, TIE, "tie"),
        (ARM, OTHER, "tie"),
        (OTHER, ARM, "tie"),
        (ARM, TIE, "tie"),
        (TIE, OTHER, "tie"),
        (MUTE, ARM, "unreadable"),
        (ARM, MUTE, "unreadable"),
        (MUTE, MUTE, "unreadable"),
    ],
)
def test_a_win_needs_both_orders_and_silence_is_no_tie(first, second, outcome):
    verdict = read(first, second)
    assert verdict.outcome == outcome
    assert verdict.named == (first, second)


def test_a_pair_without_both_readings_is_not_judged_and_says_why():
    half = Findings(found={"one": Finding("A", "w", ("one",))}, failed={"two": "status 400: no"})
    assert (decide(pair(), ["one", "two"], half).outcome, decide(pair(), ["one", "two"], half).reason) == (
        "unjudged",
        "status 400: no",
    )
    assert decide(pair(), ["one", "two"], Findings()).reason == "not asked yet"


def known():
    """Ten pairs: 4 wins, 2 losses, 2 ties by disagreement, 1 tie of one text, 1 unreadable."""
    readings = [(ARM, ARM)] * 4 + [(OTHER, OTHER)] * 2 + [(ARM, OTHER), (ARM, TIE), (MUTE, ARM)]
    found = [read(*names, row=place, group=f"p{place // 2}") for place, names in enumerate(readings)]
    return [*found, Judgement(pair=pair(9, "p4", answer="one", other=" one\n"), outcome="tie")]


def test_the_win_rate_counts_ties_half_and_the_unreadable_not_at_all():
    found = results("judge", known())
    measure = found["arms"]["sft"]["metrics"]["win_rate/judge"]
    assert measure["value"] == pytest.approx((4 + 3 * 0.5) / 9)
    assert measure["n"] == 9
    assert measure["low"] < measure["value"] < measure["high"]
    assert found["arms"]["base"]["metrics"] == {}
    (counted,) = found["pairs"]
    assert {key: counted[key] for key in ("wins", "ties", "losses", "identical", "unreadable", "unjudged")} == {
        "wins": 4,
        "ties": 3,
        "losses": 2,
        "identical": 1,
        "unreadable": ["row-8"],
        "unjudged": {},
    }
    assert counted["longer"] == pytest.approx(8 / 9)
    raw, even = found["comparisons"]
    assert (raw["name"], raw["neutral"], raw["value"]) == ("win_rate/judge", 0.5, measure["value"])
    assert even["name"] == "win_rate_lc/judge"


def test_consistency_and_place_are_of_the_pairs_that_were_asked():
    found = reliability(known())
    assert found["consistency"]["value"] == pytest.approx(6 / 8)
    # named first: each of the six agreed pairs once of twice; of the last two, (A, A) and (A, tie)
    assert found["first_position"]["value"] == pytest.approx((6 + 2 + 1) / (12 + 2 + 1))
    assert found["first_position"]["n"] == 15


def test_without_a_readable_verdict_there_is_no_figure():
    found = results("judge", [read(MUTE, MUTE)])
    assert found["arms"] == {"base": {"metrics": {}}}
    assert found["comparisons"] == []
    assert found["reliability"] == {}
    assert found["pairs"][0]["unreadable"] == ["row-0"]


def test_arms_hold_the_win_rates_against_the_first_and_comparisons_all():
    verdicts = [read(ARM, ARM, arm=arm, against=against) for arm, against in (("ppo", "base"), ("ppo", "sft"))]
    found = results("judge", verdicts)
    assert list(found["arms"]) == ["base", "ppo"]
    assert {(entry["arm"], entry["against"]) for entry in found["comparisons"]} == {("ppo", "base"), ("ppo", "sft")}


def answers(*arms):
    return [
        {"arm": arm, "id": f"row-{row}", "problem": f"p{row}", "response": arm} for arm in arms for row in range(30)
    ]


def test_all_arms_are_set_against_the_first_unless_said_otherwise():
    responses = answers("base", "sft", "ppo")
    assert choose(responses, [], []) == [("sft", "base"), ("ppo", "base")]
    assert choose(responses, ["ppo"], ["base", "sft"]) == [("ppo", "base"), ("ppo", "sft")]
    assert choose(responses, ["ppo", "sft"], ["ppo", "sft"]) == [("sft", "ppo")]


@pytest.mark.parametrize(
    ("arms", "against", "words"),
    [(["pop"], [], "Did you mean 'ppo'"), (["ppo"], ["ppo"], "against itself"), ([], ["basis"], "no answers")],
)
def test_arms_that_cannot_be_set_against_each_other_are_refused(arms, against, words):
    with pytest.raises(UserError, match=words):
        choose(answers("base", "ppo"), arms, against)


def test_a_run_with_one_arm_has_nothing_to_judge():
    with pytest.raises(UserError, match="this run has 1"):
        choose(answers("base"), [], [])


def test_pairs_of_one_prompt_stand_together_in_an_order_that_mixes_problems():
    pairs = pairs_of(answers("base", "sft", "ppo"), [("sft", "base"), ("ppo", "base")])
    assert len(pairs) == 60
    rows = [found.row for found in pairs]
    assert rows[::2] == rows[1::2]
    assert sorted(set(rows), key=lambda row: int(row[4:])) != rows[::2]
    assert [found.row for found in pairs_of(answers("base", "sft"), [("sft", "base")])] == rows[::2]


def test_second_answers_of_an_arm_are_pairs_of_their_own():
    responses = [{"arm": arm, "id": "row", "response": text} for arm in ("base", "sft") for text in ("one", "two")]
    pairs = {found.row: (found.answer, found.other) for found in pairs_of(responses, [("sft", "base")])}
    assert pairs == {"row": ("one", "one"), "row, response 2": ("two", "two")}


def test_what_json_holds_and_no_request_can_becomes_a_question_mark():
    responses = [{"arm": arm, "id": "row", "response": "half \ud83d"} for arm in ("base", "sft")]
    assert pairs_of(responses, [("sft", "base")])[0].answer == "half ?"


def test_kappa_is_the_textbooks():
    # Cohen (1960): 20 + 15 of 50 alike, margins 25 / 25 and 30 / 20: (0.7 - 0.5) / (1 - 0.5)
    first = ["win"] * 25 + ["loss"] * 25
    second = ["win"] * 20 + ["loss"] * 5 + ["win"] * 10 + ["loss"] * 15
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    three, other = ["win", "tie", "loss", "tie", "win"] * 4, ["win", "tie", "tie", "loss", "loss"] * 4
    assert kappa(three, other) == pytest.approx(cohen_kappa_score(three, other))
    assert math.isnan(kappa(["win", "win"], ["win", "win"]))


def test_judges_are_compared_on_what_both_judged_whichever_way_round(tmp_path):
    for judge, lines in {
        "one": [("r1", "sft", "base", "win"), ("r2", "sft", "base", "tie"), ("r3", "sft", "base", "win")],
        "two": [("r1", "base", "sft", "loss"), ("r2", "base", "sft", "win"), ("r4", "base", "sft", "win")],
    }.items():
        for row, arm, against, outcome in lines:
            record = {"id": row, "arm": arm, "against": against, "outcome": outcome}
            append_line(tmp_path / judge / "verdicts.jsonl", record)
        append_line(tmp_path / judge / "verdicts.jsonl", record | {"id": "r9", "outcome": "tie", "identical": True})
        append_line(tmp_path / judge / "verdicts.jsonl", record | {"id": "r8", "outcome": "unreadable"})
    (found,) = agreements(judged(tmp_path), {"r1": "p1", "r2": "p2"})
    assert (found["first"], found["second"]) == ("one", "two")
    assert found["agreement"]["value"] == 0.5
    assert found["agreement"]["n"] == 2
    # (win, tie) and (win, loss): observed 1/2, expected 1/4
    assert found["kappa"] == pytest.approx((0.5 - 0.25) / 0.75)


def test_people_choose_by_the_mean_of_their_ratings(tmp_path):
    (tmp_path / "rating").mkdir()
    lines = [
        "rater,screen,repeats,prompt,problem,question,arm,against,value,side,at",
        "1,0,,r1,p1,win_rate,sft,base,1,left,x",
        "2,0,,r1,p1,win_rate,sft,base,0.5,left,x",
        "2,9,0,r1,p1,win_rate,sft,base,0,left,x",  # a repeat
        "1,1,,r2,p1,win_rate,sft,base,1,left,x",
        "2,1,,r2,p1,win_rate,sft,base,0,left,x",
        "1,2,,'-r3,p2,win_rate,base,ppo,0,left,x",
        "1,2,,r1,p1,helpfulness,sft,,5,,x",
        "1,2,,r1,p1,comment,sft,base,so so,,x",
        "1,3,,r4,p2,win_rate,sft,base,broken,,x",
    ]
    (tmp_path / "rating" / "ratings.csv").write_text("\n".join(lines))
    expected = [
        chosen("r1", "sft", "base", "win"),
        chosen("r2", "sft", "base", "tie"),
        chosen("-r3", "ppo", "base", "win"),
    ]
    assert rated(tmp_path) == dict(expected)
    assert rated(tmp_path / "elsewhere") == {}


def test_costs_are_summed_over_the_calls_that_told_them():
    calls = [{"tokens_in": 1000, "tokens_out": 10}, {"tokens_in": 500, "tokens_out": 20}, {"tokens_in": None}]
    expected = {"calls": 3, "uncounted": 1, "tokens_in": 1500, "tokens_out": 30}
    assert cost(calls, None) == expected | {"usd": None}
    assert cost(calls, Price(2, 10))["usd"] == pytest.approx((1500 * 2 + 30 * 10) / 1e6)


def test_judges_are_called_by_model_and_rubric(tmp_path):
    assert name_of("openai/gpt-4o mini", None) == "openai-gpt-4o-mini"
    assert name_of("qwen3:8b", tmp_path / "strict.txt") == "qwen3-8b-strict"
    assert plain_name("../../up") == "up"
    with pytest.raises(UserError, match="--name"):
        plain_name("../..")
