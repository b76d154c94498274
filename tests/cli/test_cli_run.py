"""A whole run: what it writes and says, and how it goes on after a stop."""

import json
import signal
import tomllib

import pytest
import torch
from commands import forked, snapshot, stopped
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from topgraft.data.template import LengthSettings, Template
from topgraft.runs import RunFolder

STAGES = ("sft", "pairs", "reward", "reward-check", "ppo")
ADAPTER, HEAD = "adapter_model.safetensors", "head.safetensors"
WEIGHTS = {"sft": ADAPTER, "reward": HEAD, "reward-check": HEAD, "ppo": ADAPTER}
"""What each trained stage of the recipe leaves in its checkpoint."""


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_cost(records: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if not key.startswith("cost/")} for record in records]


def test_the_run_folder_holds_what_is_promised(finished):
    run = finished.run
    for name in (*STAGES, "evaluate"):
        summary = json.loads((run / "stages" / name / "stage.json").read_text())
        assert summary["stage"] == name
        assert summary["seconds"] >= 0
    for name, weights in WEIGHTS.items():
        stage = run / "stages" / name
        steps = [line["step"] for line in lines(stage / "metrics.jsonl")]
        assert steps == list(range(1, len(steps) + 1))
        assert (stage / "checkpoints" / "last" / weights).is_file()
    for name in ("sft", "ppo"):
        samples = lines(run / "stages" / name / "samples.jsonl")
        assert samples
        assert all({"step", "prompt", "response", "reference", "reward"} <= set(sample) for sample in samples)
    report = run / "report"
    for name in ("index.html", "results.json", "results.csv", "results.tex"):
        assert (report / name).stat().st_size > 100
    figures = {path.suffix for path in (report / "figures").iterdir()}
    assert figures == {".svg", ".pdf"}
    left_over = [name for name in snapshot(run) if name.endswith((".part", ".tmp")) or "/." in name]
    assert not left_over


def test_the_resolved_recipe_and_the_provenance_stand_in_the_folder(finished):
    recipe = tomllib.loads((finished.run / "recipe.toml").read_text(encoding="utf-8"))
    assert (recipe["name"], recipe["ppo"]["steps"], recipe["data"]["max_response_tokens"]) == ("professor", 6, 24)
    assert "scale" not in recipe
    origin = json.loads((finished.run / "provenance.json").read_text(encoding="utf-8"))
    assert origin["data"]["rows"] == {"train": 12, "test": 4, "validation": 4}
    assert origin["model"]["trained_layers"] == [2, 3]
    assert len(origin["model"]["digest"]) >= 16
    assert len(origin["data"]["digest"]) == 16
    assert {"torch", "transformers", "peft", "python", "device", "commit", "seed", "started", "finished"} <= set(origin)
    problems = [set(names) for names in origin["data"]["problems"].values()]
    assert sum(len(names) for names in problems) == len(set.union(*problems)) == 10


def test_a_stage_says_what_learns(finished):
    adapted = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj of blocks 2-3, rank 32"
    assert f"  32,768 of slot sft: {adapted}; " in finished.done.out
    assert f"  32,768 of slot ppo: {adapted}; " in finished.done.out
    said = finished.done.out.splitlines()
    assert "  33 trainable weights, 12 training items, 4 held out" in said  # a reward head on 32 numbers
    at = next(number for number, line in enumerate(said) if line.startswith("  32,801 trainable weights"))
    assert said[at + 1].startswith("  32,768 of slot ppo: ")
    assert said[at + 2] == "  33 of a head"


def test_a_stage_says_what_it_was_made_from(finished):
    made = {name: json.loads((finished.run / "stages" / name / "stage.json").read_text()) for name in ("reward", "ppo")}
    assert [made["ppo"][key] for key in ("start", "pairs", "reward")] == ["sft", None, "reward"]
    assert [made["reward"][key] for key in ("start", "pairs", "reward")] == [None, "pairs", None]


def test_results_have_the_promised_shape(finished):
    results = json.loads((finished.run / "report" / "results.json").read_text(encoding="utf-8"))
    assert (results["recipe"], results["seed"]) == ("professor", 42)
    assert list(results["arms"]) == ["base", "sft", "ppo"]
    of_texts = {"sac", "apc", "bleu", "chrf", "rouge_l", "ca", "distinct_2", "mtld"}
    everywhere = of_texts | {"reward", "reward_check", "length", "ended"}
    for arm, content in results["arms"].items():
        expected = everywhere if arm == "base" else everywhere | {"win_rate", "kl"}
        assert set(content["metrics"]) == expected
        for entry in content["metrics"].values():
            assert set(entry) == {"value", "low", "high", "n"}
            assert entry["low"] <= entry["value"] <= entry["high"]
            assert entry["n"] == 4
    assert results["starts"] == {"sft": "base", "ppo": "sft"}
    pairs = {(item["name"], item["arm"], item["against"]) for item in results["comparisons"]}
    assert {("sac", "sft", "base"), ("sac", "ppo", "sft"), ("reward", "ppo", "sft")} <= pairs
    assert set(results["instruments"]) == {"sac", "apc", "ca", "reward"}


def test_evaluated_responses_stand_row_by_row(finished):
    found = lines(finished.run / "evaluation" / "responses.jsonl")
    assert [row["arm"] for row in found] == ["base"] * 4 + ["sft"] * 4 + ["ppo"] * 4
    assert len({row["id"] for row in found}) == 4
    for row in found:
        assert row["verdict"] in {"correct", "incorrect", None}
        assert 0 <= row["sac"] <= 1
        assert (row["kl_response"] is None) == (row["arm"] == "base")
        assert 1 <= row["tokens"] <= 24


def test_every_token_of_ppo_passed_the_trunk_once(finished):
    found = lines(finished.run / "stages" / "ppo" / "metrics.jsonl")
    assert [row["cost/trunk_passes_per_token"] for row in found] == [1.0] * 6
    for name in ("sft", "pairs", "reward", "ppo"):
        summary = json.loads((finished.run / "stages" / name / "stage.json").read_text())
        assert summary["trunk_passes_per_token"] == 1.0, name


def test_pairs_hold_no_prompt_of_the_test_split(finished):
    origin = json.loads((finished.run / "provenance.json").read_text(encoding="utf-8"))
    problem_of = {row["id"]: row["problem"] for row in lines(finished.data)}
    used = {problem_of[row["key"]] for row in lines(finished.run / "stages" / "pairs" / "pairs.jsonl")}
    assert used == {*origin["data"]["problems"]["train"], *origin["data"]["problems"]["validation"]}


@pytest.mark.parametrize("arm", ["sft", "ppo"])
def test_adapters_load_in_plain_peft_and_answer_as_they_did_in_the_run(finished, arm):
    tokenizer = AutoTokenizer.from_pretrained(finished.model)
    template = Template(tokenizer, (tokenizer.eos_token_id,), 100, LengthSettings(max_prompt_tokens=80))
    base = AutoModelForCausalLM.from_pretrained(finished.model)
    folder = finished.run / "stages" / arm / "checkpoints" / "last"
    whole = PeftModel.from_pretrained(base, str(folder)).eval()
    for row in RunFolder(finished.run).responses():
        if row["arm"] != arm:
            continue
        ids = torch.tensor([template.encode_prompt(row["prompt"])])
        with torch.no_grad():
            answer = whole.generate(input_ids=ids, attention_mask=ids.ne(-1), do_sample=False, max_new_tokens=24)
        assert template.decode(answer[0, ids.shape[1] :].tolist()) == row["response"]


def test_the_screen_gets_plain_lines_where_it_is_no_terminal(finished):
    out, err = finished.done.out, finished.done.err
    assert "\x1b" not in out + err
    assert "\r" not in out + err
    assert "Traceback" not in err
    for words in ("1/6 sft", "5/6 ppo", "6/6 evaluate", "SAC", "report    finished/report/index.html"):
        assert words in out


def test_resuming_a_finished_run_does_no_stage_again(finished, tmp_path):
    run = finished.copy(tmp_path)
    before = {name: found for name, found in snapshot(run).items() if name.startswith(("stages/", "evaluation/"))}
    done = forked("run", *finished.words, "--out", run, "--resume", cwd=tmp_path)
    assert done.code == 0, done.err
    after = {name: found for name, found in snapshot(run).items() if name.startswith(("stages/", "evaluation/"))}
    assert after == before
    assert done.out.count("(finished before)") >= 5


def test_a_folder_with_a_run_is_refused_without_resume(finished, tmp_path):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    done = forked("run", *finished.words, "--out", run, cwd=tmp_path)
    assert done.code == 2
    assert "already holds a run" in done.err
    assert "--resume" in done.err
    assert snapshot(run) == before


def test_a_folder_with_another_run_is_refused_by_naming_what_changed(finished, tmp_path):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    changed = ("--set", "ppo.steps=7", "--set", "seed=43")
    done = forked("run", *finished.words, *changed, "--out", run, "--resume", cwd=tmp_path)
    assert done.code == 2
    assert "ppo.steps: 6 -> 7" in done.err
    assert "seed: 42 -> 43" in done.err
    assert done.err.count("->") == 2
    assert "Traceback" not in done.err
    assert snapshot(run) == before


def test_a_resumed_run_notices_that_its_data_changed(finished, tmp_path):
    run = finished.copy(tmp_path)
    before = finished.data.read_text(encoding="utf-8")
    other = tmp_path / "rows.jsonl"
    other.write_text(before.replace("Correct, and brief", "Correct, but brief"), encoding="utf-8")
    recipe = run / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(str(finished.data), str(other)))
    seen = snapshot(run)
    done = forked("run", *finished.words, "--set", f"data.source={other}", "--out", run, "--resume", cwd=tmp_path)
    assert done.code == 2
    assert "The data" in done.err
    assert "changed since the run began" in done.err
    assert snapshot(run) == seen


def same_run(one, two) -> None:
    """Both runs came to the same, to the bit, but for what they cost."""
    for name, file in WEIGHTS.items():
        first, second = (run / "stages" / name for run in (one, two))
        found, expected = (without_cost(lines(stage / "metrics.jsonl")) for stage in (second, first))
        assert found == expected
        weights = [load_file(stage / "checkpoints" / "last" / file) for stage in (first, second)]
        assert weights[0].keys() == weights[1].keys()
        for key in weights[0]:
            torch.testing.assert_close(weights[1][key], weights[0][key], rtol=0, atol=0)
    assert lines(two / "stages" / "pairs" / "pairs.jsonl") == lines(one / "stages" / "pairs" / "pairs.jsonl")
    responses = [lines(run / "evaluation" / "responses.jsonl") for run in (one, two)]
    assert responses[1] == responses[0]
    results = [json.loads((run / "report" / "results.json").read_text(encoding="utf-8")) for run in (one, two)]
    assert results[1]["arms"] == results[0]["arms"]


@pytest.mark.parametrize(
    "by",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, id="term", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, id="kill", marks=pytest.mark.slow),  # tests/faults kills such a run each time
    ],
)
def test_a_stopped_run_is_resumed_and_comes_to_the_same(finished, tmp_path, by):
    stage = "reward" if by == signal.SIGKILL else "ppo"
    run = tmp_path / "run"
    log = run / "stages" / stage / "metrics.jsonl"
    words = ("run", *finished.words, "--out", "run", "--resume")
    done = stopped(*words, cwd=tmp_path, when=log.exists, by=by)
    if by != signal.SIGKILL:
        assert done.code == 128 + by
        assert "--resume" in done.out + done.err
        assert "Traceback" not in done.out + done.err
        assert not (run / "stages" / "ppo" / "stage.json").exists()
    else:
        assert done.code == -signal.SIGKILL
    assert (run / "stages" / "sft" / "stage.json").exists()
    assert not (run / "evaluation").exists()
    kept = (run / "stages" / "sft" / "stage.json").stat().st_mtime_ns
    for text in log.read_text(encoding="utf-8").splitlines():
        json.loads(text)
    resumed = forked(*words, cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    assert (run / "stages" / "sft" / "stage.json").stat().st_mtime_ns == kept
    same_run(finished.run, run)
