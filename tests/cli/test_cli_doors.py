"""A reward, an algorithm, a format and a metric come in from outside: those of CONTRIBUTING.md, as they stand there."""

import json
import re
from pathlib import Path

import pytest
from commands import forked

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
ANSWERS = ["Yes.", "No, it is not.", "Yes: it is even, as every number is that two divides without anything left over."]


def blocks() -> dict[str, str]:
    """The code in the section on doors: file -> text; the recipe is "recipe.toml"."""
    if not PAGE.exists():
        pytest.skip("CONTRIBUTING.md stands in a checkout only")
    section = PAGE.read_text(encoding="utf-8").split("## Four doors\n")[1].split("\n## ")[0]
    found = dict.fromkeys(re.findall(r"```python\n# (\w+\.py)\n", section), "")
    for text in re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL):
        found[text.splitlines()[0].removeprefix("# ")] = text
    (found["recipe.toml"],) = re.findall(r"```toml\n(.*?)```", section, flags=re.DOTALL)
    return found


def test_each_door_is_under_15_lines():
    lengths = {name: len(text.strip().splitlines()) for name, text in blocks().items() if name.endswith(".py")}
    assert set(lengths) == {"my_reward.py", "my_learner.py", "my_format.py", "my_metric.py"}
    assert max(lengths.values()) < 15, lengths


def test_all_four_work_in_one_recipe(model_folder, tmp_path):
    for name, text in blocks().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    data = [{f"Is {number} even?": ANSWERS[number % 3]} for number in range(12)]
    (tmp_path / "my_data.json").write_text(json.dumps(data))
    sets = [f"model.name={model_folder}", "model.layers=last-2", "data.max_prompt_tokens=60"]
    sets += ["data.max_response_tokens=16", "data.split=[0.5, 0.25, 0.25]"]
    done = forked("run", "recipe.toml", *(word for text in sets for word in ("--set", text)), cwd=tmp_path)
    assert done.code == 0, done.err
    run = tmp_path / "runs" / "recipe"
    results = json.loads((run / "report" / "results.json").read_text())
    assert list(results["arms"]) == ["base", "hinge"]
    assert all(set(found["metrics"]) == {"reward", "questions"} for found in results["arms"].values())
    summary = json.loads((run / "stages" / "hinge" / "stage.json").read_text())
    assert summary["steps"] == 2, "an epoch of six pairs in batches of four"
    rows = [json.loads(line) for line in (run / "stages" / "hinge" / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss/total"] == pytest.approx(1.0), "the hinge, where the policy is still its reference"
    responses = [json.loads(line) for line in (run / "evaluation" / "responses.jsonl").read_text().splitlines()]
    assert all(row["reward"] == float(len(row["response"].split()) <= 10) for row in responses)
    assert all(row["prompt"] in {ask for row in data for ask in row} for row in responses)
