"""Every other verb on real folders: what it prints, what it writes, and that its help shows an example."""

import json
import random
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from commands import environment, forked, snapshot, topgraft
from metrics_page import documented

from topgraft import __version__
from topgraft.recipe import shipped_recipes

QUICK = 'evaluate.metrics=["length"]'
"""For what does not ask about figures: to measure and draw them all takes longer than to train."""
VERBS = [
    "run",
    "check",
    "recipes",
    "train",
    "generate",
    "chat",
    "export",
    "evaluate",
    "report",
    "sweep",
    "data inspect",
    "data prepare",
]

AS_PROFESSOR = ["reward.trains=head", "reward.reads=mean"]
"""What the reward model of the finished run is, and `train` with another model than the shipped one does not say."""


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_shows_an_example(tmp_path, verb):
    done = forked(*verb.split(), "--help", cwd=tmp_path)
    assert done.code == 0
    assert "Example" in done.out
    assert f"topgraft {verb} " in done.out.partition("Example")[2].replace("\n", " ") + " "


def test_the_help_lists_every_verb(tmp_path):
    done = forked("--help", cwd=tmp_path)
    assert done.code == 0
    assert all(f" {verb.split()[0]} " in done.out for verb in VERBS)


def test_the_version_is_told(tmp_path):
    assert forked("--version", cwd=tmp_path).out == f"topgraft {__version__}\n"


def test_recipes_lists_names_sentences_and_files(tmp_path):
    done = topgraft("recipes", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    names = [line.split(" ")[0] for line in lines[::2]]
    assert names == list(shipped_recipes())
    assert "professor" in names
    assert all(len(line.split()) > 4 for line in lines[::2])
    assert all(Path(line.strip()).is_file() for line in lines[1::2])


def test_recipes_and_help_start_without_torch():
    code = "import sys, topgraft.cli, topgraft.cli.recipes as verb; verb.command(); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, check=False)
    assert done.returncode == 0


def test_check_tries_everything_and_writes_nothing(words, tmp_path):
    done = forked("check", *words, cwd=tmp_path)
    assert done.code == 0, done.err
    for begin in (
        "model ",
        "template",
        "data ",
        "identity",
        "tokens",
        "end ",
        "prompt",
        "trained",
        "step 0",
        "memory",
    ):
        assert any(line.startswith(begin) for line in done.out.splitlines()), begin
    assert "12 train, 4 test, 4 validation rows" in done.out
    # Rank 32 on matrices of 32 x 32 (query, output), 32 x 16 (key, value) and 32 x 64 (gate, up, down) in two blocks.
    size = 2 * 32 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 64))
    modules = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj of blocks 2-3, rank 32"
    assert f"trained   {size:,} weights a slot (sft, ppo): {modules}; " in done.out
    assert snapshot(tmp_path) == {}


def test_check_says_which_blocks_were_drawn_and_what_an_alias_means(words, tmp_path):
    sets = ["model.layers=random-2", 'model.lora.targets=["qv"]', "seed=7"]
    done = forked("check", *words, *(word for text in sets for word in ("--set", text)), cwd=tmp_path)
    assert done.code == 0, done.err
    drawn = random.Random(7).sample(range(4), 2)
    blocks = f"{min(drawn)}-{max(drawn)}" if max(drawn) - min(drawn) == 1 else f"{min(drawn)}, {max(drawn)}"
    assert f"training blocks {blocks} (random-2 by seed 7, split at {min(drawn)})" in done.out
    assert f": q_proj, v_proj of blocks {blocks}, rank 32; " in done.out
    refused = forked("check", *words, "--set", "model.layers=auto", cwd=tmp_path)
    assert refused.code == 2
    assert "only `topgraft run` asks for them. Here name them yourself" in refused.err


def test_train_sft_by_flags_makes_a_whole_run(finished, tmp_path):
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]", QUICK]
    flags = ["--model", finished.model, "--data", finished.data, "--steps", 1, "--out", "made"]
    more = [word for text in sets for word in ("--set", text)]
    done = forked("train", "sft", *flags, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    run = tmp_path / "made"
    assert sorted(path.name for path in (run / "stages").iterdir()) == ["evaluate", "sft"]
    assert len(lines(run / "stages" / "sft" / "metrics.jsonl")) == 1
    results = json.loads((run / "report" / "results.json").read_text(encoding="utf-8"))
    assert list(results["arms"]) == ["base", "sft"]


def test_train_ppo_takes_finished_stages_from_other_runs(finished, tmp_path):
    stages = finished.run / "stages"
    begun = ["--sft", stages / "sft", "--reward", stages / "reward"]
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]"]
    sets += ["model.layers=last-2", "ppo.batch_size=4", *AS_PROFESSOR]
    more = [word for text in sets for word in ("--set", text)]
    flags = ["--model", finished.model, "--data", finished.data, "--steps", 1, "--out", "made"]
    done = forked("train", "ppo", *flags, *begun, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    made = tmp_path / "made" / "stages"
    for name, weights in (("sft", "adapter_model.safetensors"), ("reward", "head.safetensors")):
        summary = json.loads((made / name / "stage.json").read_text())
        assert summary["loaded_from"] == str(stages / name)
        files = [path / "checkpoints" / "last" / weights for path in (made / name, stages / name)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert len(lines(made / "ppo" / "metrics.jsonl")) == 1
    assert not (made / "pairs").exists()
    json.loads((made.parent / "evaluation" / "results.json").read_text(), parse_constant=pytest.fail)


def test_train_without_sft_starts_from_the_model_and_needs_prompts_alone(finished, tmp_path):
    (tmp_path / "my_file.py").write_text("def my_reward(prompt, response):\n    return len(response.split())\n")
    rows = [{"prompt": f"Tell me of the number {number}."} for number in range(10)]
    (tmp_path / "asks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=8", "model.layers=last-2", "grpo.batch_size=2"]
    sets.append(QUICK)
    more = [word for text in sets for word in ("--set", text)]
    flags = ["--model", finished.model, "--data", "asks.jsonl", "--reward", "my_file.py:my_reward", "--steps", 1]
    done = forked("train", "grpo", *flags, "--out", "made", *more, cwd=tmp_path)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "made" / "stages").iterdir()) == ["evaluate", "grpo"]
    recipe = tomllib.loads((tmp_path / "made" / "recipe.toml").read_text(encoding="utf-8"))
    assert recipe["ppo"]["optimizer"] == "adamw", "another model than the shipped one has the settings for larger ones"


def test_train_takes_a_reward_from_a_file(finished, tmp_path):
    (tmp_path / "my_file.py").write_text("def my_reward(prompt, response):\n    return len(response.split())\n")
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]", QUICK]
    sets += ["model.layers=last-2", "ppo.batch_size=2", "ppo.inner_epochs=1"]
    more = [word for text in sets for word in ("--set", text)]
    flags = ["--model", finished.model, "--data", finished.data, "--sft", finished.run / "stages" / "sft", "--steps", 2]
    done = forked("train", "ppo", *flags, "--reward", "my_file.py:my_reward", "--out", "made", *more, cwd=tmp_path)
    assert done.code == 0, done.err
    stages = tmp_path / "made" / "stages"
    assert not (stages / "reward").exists()
    kept = lines(stages / "ppo" / "rollouts.jsonl")
    assert len(kept) == 16, "two steps of two prompts, four answers to each"
    assert all(row["score"] == row["parts"]["my_reward"] == len(row["response"].split()) for row in kept)
    refused = forked("train", "dpo", *flags, "--reward", "my_file.py:my_reward", "--out", "other", cwd=tmp_path)
    assert refused.code == 2
    assert "learns from no reward" in refused.err


@pytest.mark.parametrize("stage", ["dpo", "orpo", "kto", "grpo", "rloo"])
def test_train_runs_every_learner_and_the_docs_name_what_it_logs(finished, tmp_path, stage):
    stages = finished.run / "stages"
    begun = ["--sft", stages / "sft", *(["--reward", stages / "reward"] if stage in ("grpo", "rloo") else [])]
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]", QUICK]
    sets += [
        "model.layers=last-2",
        *(f"{name}.{what}" for name in ("grpo", "rloo") for what in ("batch_size=2", "evaluate_every=1")),
        *AS_PROFESSOR,
    ]
    more = [word for text in sets for word in ("--set", text)]
    flags = ["--model", finished.model, "--data", finished.data, "--steps", 2, "--out", "made"]
    done = forked("train", stage, *flags, *begun, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    run = tmp_path / "made"
    assert list(json.loads((run / "report" / "results.json").read_text())["arms"]) == ["base", "sft", stage]
    logged = set.union(*map(set, lines(run / "stages" / stage / "metrics.jsonl")))
    assert logged == documented(stage) - {"loss/skipped"}, "no update of these is skipped"
    assert (run / "stages" / stage / "checkpoints" / "last" / "adapter_model.safetensors").exists()


def test_weights_for_other_blocks_are_refused(finished, tmp_path):
    more = ["--set", "data.max_prompt_tokens=80", "--set", "data.max_response_tokens=16"]
    more += ["--set", "model.layers=last-1", "--set", "data.split=[0.6, 0.2, 0.2]"]
    flags = ["--model", finished.model, "--data", finished.data, "--out", "made"]
    done = forked("train", "sft", *flags, *more, "--set", f"sft.load={finished.run}/stages/sft", cwd=tmp_path)
    assert done.code == 2
    assert "split_layer = 2, this run has 3" in done.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("reward.trains=branch", "reward.reads=mean"), "trains = head, this run has branch"),
        (("reward.trains=head", "reward.reads=last"), "reads = mean, this run has last"),
    ],
)
def test_a_reward_of_another_kind_is_refused(finished, tmp_path, settings, said):
    more = ["--set", "data.max_prompt_tokens=80", "--set", "data.max_response_tokens=16"]
    more += [word for setting in settings for word in ("--set", setting)]
    more += ["--set", "model.layers=last-2", "--set", "data.split=[0.6, 0.2, 0.2]"]
    flags = ["--model", finished.model, "--data", finished.data, "--out", "made"]
    stages = finished.run / "stages"
    done = forked("train", "ppo", *flags, "--sft", stages / "sft", "--reward", stages / "reward", *more, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err


def test_evaluate_measures_a_finished_run_again_and_finds_the_same(finished, tmp_path):
    run = finished.copy(tmp_path)
    expected = json.loads((run / "report" / "results.json").read_text(encoding="utf-8"))
    shutil.rmtree(run / "report")
    shutil.rmtree(run / "evaluation")
    done = forked("evaluate", run, cwd=tmp_path)
    assert done.code == 0, done.err
    found = json.loads((run / "report" / "results.json").read_text(encoding="utf-8"))
    assert found == expected
    assert "SAC" in done.out


def test_report_needs_nothing_but_the_folder(finished, tmp_path):
    run = finished.copy(tmp_path)
    before = {name: (run / "report" / name).read_bytes() for name in ("results.json", "results.csv", "results.tex")}
    shutil.rmtree(run / "report")
    done = forked("report", run, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == str(run / "report" / "index.html")
    assert {name: (run / "report" / name).read_bytes() for name in before} == before
    assert (run / "report" / "index.html").stat().st_size > 1000


def test_report_of_a_run_that_was_cut_off_is_a_page_too(finished, tmp_path):
    run = finished.copy(tmp_path)
    shutil.rmtree(run / "evaluation")
    (run / "stages" / "ppo" / "stage.json").unlink()
    done = forked("report", run, cwd=tmp_path)
    assert done.code == 0, done.err


def test_an_unfinished_run_cannot_be_evaluated(finished, tmp_path):
    run = finished.copy(tmp_path)
    (run / "stages" / "ppo" / "stage.json").unlink()
    for verb in ("evaluate", "generate", "chat"):
        done = forked(verb, run, cwd=tmp_path)
        assert done.code == 2
        assert "Stage 'ppo'" in done.err
        assert "--resume" in done.err


@pytest.mark.parametrize("verb", ["evaluate", "report", "generate", "chat"])
def test_a_folder_without_a_run_is_refused(tmp_path, verb):
    done = forked(verb, tmp_path / "nothing", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "holds no run" in done.err
    assert snapshot(tmp_path) == {}


def test_code_in_the_folder_where_one_works_is_found(finished, tmp_path):
    code = """
        from topgraft.evaluate.statistics.intervals import mean_interval
        from topgraft.evaluate.metric import Metric
        from topgraft.evaluate.records import MetricResult

        def measure(evaluation):
            groups = [row.group for row in next(iter(evaluation.responses.values()))]
            return MetricResult(
                measures={arm: mean_interval([7.0] * len(rows), groups) for arm, rows in evaluation.responses.items()}
            )

        SEVEN = Metric("always the same number seven", "neutral", measure)
    """
    (tmp_path / "my_metric.py").write_text(textwrap.dedent(code))
    sets = ["data.max_prompt_tokens=80", "data.max_response_tokens=16", "data.split=[0.6, 0.2, 0.2]", "sft.epochs=1"]
    sets += ['evaluate.metrics=["length", "my_metric:SEVEN"]', f"model.name={finished.model}"]
    sets += [f"data.source={finished.data}", 'stages=["sft"]']
    more = [word for text in sets for word in ("--set", text)]
    # -P leaves the working folder out of the path, as the installed command does.
    command = [sys.executable, "-P", "-m", "topgraft", "run", "professor", *more, "--out", "made"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    results = json.loads((tmp_path / "made" / "report" / "results.json").read_text(encoding="utf-8"))
    assert results["arms"]["sft"]["metrics"]["seven"]["value"] == 7.0
