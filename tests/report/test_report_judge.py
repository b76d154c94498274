"""The section of a judge, from its files alone."""

import json

import pytest
from fake_run import LATEX, SCRIPT, build

from topgraft.report import write_report
from topgraft.report.document import Answers, Fold, Table, Text
from topgraft.report.parts.judge import judge_section
from topgraft.report.words.judged import missing_words, pair_rows, reliability_words
from topgraft.runs.writing import append_line, write_json, write_whole


def measure(value, low, high, n=40):
    return {"value": value, "low": low, "high": high, "n": n}


def fake_results(model="gpt"):
    names = {"win_rate": measure(0.7, 0.6, 0.8), "win_rate_lc": measure(0.62, 0.45, 0.75)}
    entries = [
        {"name": f"{key}/{model}", "arm": "ppo", "against": "base", "neutral": 0.5, **value}
        for key, value in names.items()
    ]
    pair = {"arm": "ppo", "against": "base", "wins": 26, "ties": 4, "losses": 10, "identical": 0, "longer": 0.95}
    pair |= {"unreadable": ["row-7"], "unjudged": {"row-9": "status 400: no"}, "consistency": measure(0.85, 0.7, 0.95)}
    return {
        "judge": {
            "name": model,
            "model": model,
            "served": [f"{model}-2026"],
            "endpoint": "https://host/v1",
            "rubric": {"digest": "abc", "source": "shipped"},
        },
        "comparisons": entries,
        "pairs": [pair],
        "reliability": {"consistency": measure(0.85, 0.7, 0.95), "first_position": measure(0.6, 0.52, 0.68, 70)},
        "cost": {"calls": 80, "tokens_in": 41_000, "tokens_out": 5000, "usd": 0.25},
    }


@pytest.fixture
def judged(tmp_path):
    run = build(tmp_path / "run")
    folder = run.path / "judge" / "gpt"
    write_json(folder / "results.json", fake_results())
    write_whole(folder / "rubric.txt", f"Compare. {SCRIPT}")
    record = {"id": "row-1", "arm": "ppo", "against": "base", "outcome": "win", "named": ["arm", "arm"]}
    append_line(folder / "verdicts.jsonl", record | {"words": [SCRIPT, LATEX]})
    return run


def test_a_run_that_was_not_judged_has_no_section(tmp_path):
    assert judge_section(build(tmp_path / "run")) is None


def test_the_table_reads_both_win_rates_and_says_what_they_show():
    (row,) = pair_rows(fake_results())
    assert (row.raw, row.even) == ("0.70 [0.60, 0.80]", "0.62 [0.45, 0.75]")
    assert (row.reading, row.fallen, row.agree, row.longer, row.n) == ("preferred", "26, 4, 10", "0.85", "0.95", "40")


@pytest.mark.parametrize(
    ("low", "high", "reading"),
    [(0.45, 0.8, "not separated"), (0.2, 0.4, "the other is preferred"), (None, None, "no interval")],
)
def test_a_win_rate_whose_interval_holds_one_half_separates_nothing(low, high, reading):
    found = fake_results()
    found["comparisons"][0] |= {"low": low, "high": high}
    assert pair_rows(found)[0].reading == reading


def test_what_speaks_against_the_judge_is_said():
    words = " ".join([*reliability_words(fake_results()), *missing_words(fake_results())])
    assert "0.60 [0.52, 0.68] name the one shown first: it leans to the answer shown first" in words
    assert "Both orders agree on 0.85 [0.70, 0.95] of 40 pairs" in words
    assert "ppo is longer than base in 0.95 of the pairs" in words
    assert "1 pairs have no readable verdict and do not count: row-7." in words
    assert "1 pairs are not judged (status 400: no): row-9." in words


def test_the_section_holds_tables_notices_rubric_and_words(judged):
    section = judge_section(judged)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Text, Table, Text, Text, Text, Table, Fold, Fold]
    assert [block.notice for block in section.blocks if isinstance(block, Text)] == [False, True, True, False]
    costs = section.blocks[5]
    assert costs.rows == [["gpt", "gpt-2026", "https://host/v1", "abc", "80", "41 k", "5,000", "0.25"]]
    (pair,) = section.blocks[7].blocks
    assert isinstance(pair, Answers)
    assert [answer.title for answer in pair.answers][2:] == [
        "The judge, ppo shown first",
        "The judge, ppo shown second",
    ]
    assert pair.answers[2].facts == ["names ppo"]


def test_of_several_answers_to_a_prompt_the_one_that_was_judged_is_shown(judged):
    judged.responses_file.unlink()
    for text in ("first", "second"):
        for arm in ("base", "ppo"):
            append_line(
                judged.responses_file, {"id": "row-1", "arm": arm, "prompt": "?", "response": f"{text} of {arm}"}
            )
    verdict = {
        "id": "row-1, response 2",
        "arm": "ppo",
        "against": "base",
        "outcome": "loss",
        "named": [],
        "words": ["B"],
    }
    append_line(judged.path / "judge" / "gpt" / "verdicts.jsonl", verdict)
    shown = judge_section(judged).blocks[7].blocks
    assert [[answer.text for answer in pair.answers[:2]] for pair in shown] == [
        ["first of ppo", "first of base"],
        ["second of ppo", "second of base"],
    ]


def test_two_judges_stand_side_by_side_with_their_agreement(judged):
    write_json(judged.path / "judge" / "qwen" / "results.json", fake_results("qwen"))
    entry = {"first": "gpt", "second": "qwen", "agreement": measure(0.8, 0.7, 0.9), "kappa": 0.61}
    write_json(judged.path / "judge" / "agreement.json", [entry])
    tables = [block for block in judge_section(judged).blocks if isinstance(block, Table)]
    assert [len(table.rows) for table in tables] == [1, 1, 2, 1]
    assert tables[3].rows == [["gpt", "qwen", "0.80 [0.70, 0.90]", "0.61", "40"]]


def test_answers_that_were_made_anew_make_the_judgement_stale(judged):
    path = judged.path / "judge" / "gpt" / "results.json"
    found = fake_results()
    found["judge"]["answers"] = judged.answers_digest()
    write_json(path, found)
    texts = [block.text for block in judge_section(judged).blocks if isinstance(block, Text)]
    assert not any("made anew" in text for text in texts)
    append_line(judged.responses_file, {"id": "row-1", "arm": "ppo", "response": "another answer"})
    texts = [block.text for block in judge_section(judged).blocks if isinstance(block, Text) and block.notice]
    assert any("made anew since gpt read them" in text for text in texts)


def test_the_page_shows_a_judges_words_as_text(judged):
    page = write_report(judged).read_text(encoding="utf-8")
    assert 'id="judge"' in page
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pairs": 3}', json.dumps({"pairs": [{"arm": None}]})])
def test_broken_results_do_not_stop_the_report(judged, content):
    write_whole(judged.path / "judge" / "gpt" / "results.json", content)
    section = judge_section(judged)
    assert section is None or [table.rows[0][0] for table in section.blocks if isinstance(table, Table)] == [
        "None",
        "gpt",
    ]
