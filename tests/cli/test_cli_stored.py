"""`topgraft evaluate --stored`: other metrics of the answers that are there, without a model."""

import json
import tomllib

import pytest
from commands import forked, snapshot


def results(run) -> dict:
    return json.loads((run / "evaluation" / "results.json").read_text(encoding="utf-8"))


def metrics(run) -> dict[str, dict]:
    return results(run)["arms"]["ppo"]["metrics"]


def test_stored_answers_are_measured_without_any_model(finished, tmp_path):
    run = finished.copy(tmp_path)
    before, answers = results(run), (run / "evaluation" / "responses.jsonl").read_bytes()
    recipe = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(recipe.replace(str(finished.model), str(tmp_path / "no-such-model")))
    for weights in run.rglob("*.safetensors"):
        weights.unlink()
    done = forked("evaluate", run, "--stored", "--metrics", "+toxicity,reward_gain", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "toxicity" in done.out
    after = results(run)
    for arm, content in before["arms"].items():
        assert content["metrics"].items() <= after["arms"][arm]["metrics"].items()
    gain = metrics(run)["reward_gain"]["value"]
    rewards = {arm: content["metrics"]["reward"]["value"] for arm, content in before["arms"].items()}
    assert gain == pytest.approx(rewards["ppo"] - rewards["base"])
    assert after["instruments"] == before["instruments"]
    assert (run / "evaluation" / "responses.jsonl").read_bytes() == answers
    assert "toxicity" in (run / "report" / "index.html").read_text()
    assert tomllib.loads((run / "recipe.toml").read_text())["evaluate"]["metrics"][-2:] == ["toxicity", "reward_gain"]


def test_a_list_of_metrics_replaces_the_recipes_and_keeps_what_others_wrote(finished, tmp_path):
    run = finished.copy(tmp_path)
    answers = (run / "evaluation" / "responses.jsonl").read_bytes()
    words = ("--metrics", "compliance, length", "--set", 'evaluate.clauses.brief.use="length"')
    more = ("--set", "evaluate.clauses.brief.options={high=3}", "--set", "evaluate.clauses.brief.at_least=0")
    done = forked("evaluate", run, "--stored", *words, *more, cwd=tmp_path)
    assert done.code == 0, done.err
    assert list(metrics(run)) == ["compliance", "length"]
    rows = [json.loads(line) for line in answers.decode().splitlines()]
    brief = [len(row["response"].split()) <= 3 for row in rows if row["arm"] == "ppo"]
    assert metrics(run)["compliance"]["value"] == pytest.approx(sum(brief) / len(brief), abs=0.3)
    assert (run / "evaluation" / "responses.jsonl").read_bytes() == answers, "SAC was not measured, and stays"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metrics", "blue"), "Did you mean 'bleu'"),
        (("--metrics", ","), "names no metric"),
        (("--metrics", "+perplexity"), "has no model to read with"),
        (("--set", "ppo.steps=9"), "only [evaluate] can change"),
        (("--set", "evaluate.decoding=sampled"), "the stored answers were made with 'greedy'"),
    ],
)
def test_what_stored_answers_cannot_give_is_refused(finished, tmp_path, words, said):
    run = finished.copy(tmp_path)
    before = snapshot(run)
    done = forked("evaluate", run, "--stored", *words, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert snapshot(run) == before


def test_a_run_without_answers_says_how_to_get_them(finished, tmp_path):
    run = finished.copy(tmp_path)
    (run / "evaluation" / "responses.jsonl").unlink()
    done = forked("evaluate", run, "--stored", cwd=tmp_path)
    assert done.code == 2
    assert "Leave --stored out" in done.err
