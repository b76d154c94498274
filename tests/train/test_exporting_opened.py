"""Law: an exported folder answers as its run does, wherever it is moved; a folder from anyone runs no code."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from exports import QUIET, base, exported, in_this_process, trained  # noqa: F401  (a fixture)

from topgraft.errors import UserError
from topgraft.rollout.choosing import greedy
from topgraft.runs import RunFolder
from topgraft.train.arms import OpenArms, answer
from topgraft.train.exported import ExportedArms, open_arms
from topgraft.train.exporting.about import NAME

PROMPTS = ["Q3?", "Why?", "A much longer question than others."]


def answers(arms: OpenArms | ExportedArms, arm: str) -> list[list[str]]:
    """Greedy and drawn answers."""
    chosen, found = arms.plan.arms[arm], []
    place = arms.open(chosen)
    for settings in (greedy(place.settings.sampling), place.settings.sampling):
        generator = torch.Generator().manual_seed(0)
        texts = [answer(place, chosen.policy, prompt, settings, generator).texts[0] for prompt in PROMPTS]
        found.append(texts)
    return found


@pytest.fixture
def run(tmp_path: Path, tokenizer) -> RunFolder:
    sampling = {"temperature": 0.6, "repetition_penalty": 1.2}
    more: dict[str, Any] = {"sampling": sampling, "data": {"template": "Say {prompt} now:"}}
    return trained(tmp_path / "run", base(tmp_path / "base", tokenizer), **more)


def test_an_exported_folder_answers_as_its_run_does(run, tmp_path):
    of_run = OpenArms(run, open_arms(run.path, [], QUIET).plan, QUIET)
    expected, of_base = answers(of_run, "sft"), answers(of_run, "base")
    assert expected != of_base
    for merge in (False, True):
        out = exported(run, tmp_path / f"out-{merge}", merge=merge)
        moved = tmp_path / "elsewhere" / f"moved-{merge}"
        moved.parent.mkdir(exist_ok=True)
        shutil.move(out, moved)
        arms = open_arms(moved, [], QUIET)
        assert isinstance(arms, ExportedArms)
        assert answers(arms, "sft") == expected
        assert list(arms.plan.arms) == (["sft"] if merge else ["base", "sft"])
        if not merge:
            assert answers(arms, "base") == of_base


def test_settings_may_be_changed_and_strange_ones_are_refused(run, tmp_path):
    out = exported(run, tmp_path / "out")
    assert open_arms(out, ["sampling.temperature=0.1"], QUIET).plan.settings.sampling.temperature == 0.1
    with pytest.raises(UserError, match="Did you mean 'temperature'"):
        open_arms(out, ["sampling.temprature=0.1"], QUIET)


def test_there_is_nothing_to_score_with(run, tmp_path):
    arms = open_arms(exported(run, tmp_path / "out"), [], QUIET)
    with pytest.raises(UserError, match="nothing to score its answers with"):
        arms.reward(arms.plan.arms["sft"])


def test_a_folder_of_the_library_alone_is_opened_with_defaults(run, tmp_path):
    out = exported(run, tmp_path / "out", merge=True)
    (out / NAME).unlink()
    arms = open_arms(out, ["data.max_response_tokens=20"], QUIET)  # the model's context is 128
    assert list(arms.plan.arms) == ["base"]
    assert arms.open(arms.plan.arms["base"]).model.split_layer == 3
    adapter = exported(run, tmp_path / "adapter")
    (adapter / NAME).unlink()
    with pytest.raises(UserError, match="is an adapter that topgraft did not export"):
        open_arms(adapter, [], QUIET)
    with pytest.raises(UserError, match="holds no run"):
        open_arms(tmp_path / "nothing", [], QUIET)


def test_a_damaged_or_strange_file_is_refused_and_runs_nothing(run, tmp_path, monkeypatch):
    out = exported(run, tmp_path / "out")
    right = json.loads((out / NAME).read_text(encoding="utf-8"))
    (tmp_path / "evil.py").write_text("raise SystemExit('this was run')")
    monkeypatch.chdir(tmp_path)
    wrong = {
        "{": "is damaged",
        "[]": "holds no table",
        json.dumps(right | {"layout": 2, "topgraft": "9.9"}): "written by topgraft 9.9",
        json.dumps(right | {"weights": "pickle"}): "'weights' in",
        json.dumps(right | {"stages": ["mine"], "learners": {"mine": {"use": "evil.py:x"}}}): "Unknown key",
        json.dumps(right | {"evaluate": {"metrics": ["evil.py:x"]}}): "Unknown key 'evaluate'",
        json.dumps(right | {"lengths": {"source": "evil.py:x"}}): "Unknown key 'lengths.source'",
        json.dumps({key: right[key] for key in right if key != "sampling"}): "'sampling' in",
    }
    for text, said in wrong.items():
        (out / NAME).write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=said):
            open_arms(out, [], QUIET)
