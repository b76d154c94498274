"""Warnings of reward hacking on the page: a line at the top, a box in the stage's section, texts that stay texts."""

import json
import re

import pytest
from fake_run import CONTROL, FORMULA, LONG_WORD, SCRIPT, fake_provenance, log_stage
from test_report_page import read

from topgraft.report import write_report
from topgraft.report.words.warned import warnings
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json


def record(sign: str, message: str = "responses have grown", *samples: dict) -> dict:
    return {"step": 12, "sign": sign, "message": message, "samples": list(samples)}


def sample(text: str, **changed) -> dict:
    parts = {"learned": 2.0, "polite": -0.25}
    return {"key": "row-7", "response": text, "score": 1.5, "tokens": 90, "kl": 3.25, "parts": parts} | changed


@pytest.fixture
def run(tmp_path) -> RunFolder:
    run = RunFolder(tmp_path)
    write_json(run.path / "provenance.json", fake_provenance() | {"stages": ["sft", "ppo", "grpo"]})
    for name in ("sft", "ppo", "grpo"):
        log_stage(run, name, 3)
    return run


def squeezed(run: RunFolder) -> str:
    write_report(run)
    return " ".join("".join(read(run)[1].text).split())


def test_a_run_without_warnings_says_nothing_of_them(run):
    text = squeezed(run)
    assert "reward hacking" not in text
    assert "that show it best" not in text


def test_warnings_stand_at_the_top_and_in_their_stages(run):
    run.stage("ppo").warn(record("length", "responses have grown", sample("so very long"), sample("long too")))
    run.stage("ppo").warn(record("kl", "too far"))
    run.stage("grpo").warn(record("held_out", "fallen"))
    text = squeezed(run)
    assert "3 signs of reward hacking showed while training: PPO (length, kl); GRPO (held_out)." in text
    assert text.index("length, step 12: responses have grown") < text.index("kl, step 12: too far")
    assert "2 responses that show it best row-7 so very long score 1.50" in text
    assert text.index("kl, step 12") < text.index("held_out, step 12: fallen")
    page, reader = read(run)
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    links = re.findall(r'href="#(stage-\d+)"', page.partition("</header>")[0])
    assert len(links) == len(set(links)) == 2
    assert set(links) <= ids
    assert page.index(f'id="{links[0]}">PPO') < page.index("length</strong>") < page.index(f'id="{links[1]}">GRPO')


def test_one_warning_is_one_sign(run):
    run.stage("ppo").warn(record("length"))
    assert "1 sign of reward hacking showed" in squeezed(run)


def test_the_figures_of_a_response():
    (found,) = warnings([record("parts", "x", sample("a"), sample("b", parts={"learned": 1.5}, kl=None))])
    assert [shown.facts for shown in found.samples] == [
        ["score 1.50", "learned 2", "polite −0.250", "90 tokens", "KL 3.25"],
        ["score 1.50", "90 tokens"],  # one part alone is the score
    ]


def test_hostile_warnings_stay_text(run):
    hostile = sample(SCRIPT + LONG_WORD, key=SCRIPT, parts={SCRIPT: 1.0, FORMULA: 2.0})
    run.stage("ppo").warn(record(SCRIPT, CONTROL, hostile, sample(CONTROL)))
    with open(run.stage("ppo").path / "warnings.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record("lone", "\ud800", sample("\udfff"))) + "\n")
    text = squeezed(run)
    page, _ = read(run)
    assert text.count(SCRIPT) >= 4
    assert FORMULA in text
    assert LONG_WORD in text
    assert page.count("<script") == 1, "ours"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)


def test_every_field_of_a_warning_may_be_missing(run):
    run.stage("ppo").warn(record("length") | dict.fromkeys(["step", "sign", "message", "samples"]))
    run.stage("ppo").warn({})
    run.stage("ppo").warn(record("length", "x", dict.fromkeys(sample("")), {}))
    assert "3 signs of reward hacking" in squeezed(run)
