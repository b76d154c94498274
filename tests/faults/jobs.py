"""Small jobs that are killed and harmed: the words that begin or continue each, and all that must come of it."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge_server import Server

NOT_THE_RESULT = re.compile(r"cost/.*|seconds|peak_memory_bytes|trunk_passes_per_token|loaded_from")
"""Keys of what a job cost and when it was done, which no two runs have in common."""
TRUNK_TOKENS = "tokens"
"""Key of a stage's summary: tokens that passed the trunk, none where the cache had all of them."""
SETS = (
    *("data.max_prompt_tokens=80", "data.max_response_tokens=24", "data.split=[0.6, 0.2, 0.2]", "data.max_rows=20"),
    *("model.layers=last-2", "model.lora.dropout=0.1", "samples_shown=2"),
    'evaluate.metrics=["sac", "bleu", "reward", "kl"]',  # one of each kind: to draw them all takes longer than to train
    *("sft.epochs=6", "sft.batch_size=3", "sft.checkpoint_every=9"),
    *("reward.epochs=6", "reward.batch_size=3", "reward.trains=branch"),
    *("ppo.steps=8", "ppo.learning_rate=3e-3", "ppo.batch_size=6", "ppo.minibatch_size=3", "ppo.evaluate_every=3"),
    *("ppo.kl.target=0.05", "ppo.kl.horizon=100", "threads=1"),
    *("grpo.steps=8", "grpo.batch_size=3", "grpo.minibatch_size=3", "grpo.evaluate_every=3", "grpo.inner_epochs=2"),
    *("dpo.epochs=6", "dpo.batch_size=3", "kto.epochs=4", "kto.batch_size=3", "orpo.epochs=4", "orpo.batch_size=3"),
)
JUDGE: dict[str, Any] = {"judge": "longer", "then": "slow", "seconds": 0.1}
"""What the server that judges is told."""


@dataclass(frozen=True)
class Job:
    """One command, given again and again until it has come to its end, and what it leaves in its folder."""

    name: str
    words: tuple[str, ...]
    outcome: Callable[[Path], dict[str, Any]]
    needs: str = ""
    """The job whose folder, finished, this one begins from."""
    asks: bool = False
    """Whether it asks the server that judges."""


def jobs(model: Path, data: Path, judge: Server) -> dict[str, Job]:
    """All of them, on a tiny model and tiny data. Each is done in the folder in which its command is given."""
    sets = [f"model.name={model}", f"data.source={data}", *SETS]

    def words(*more: str) -> tuple[str, ...]:
        return ("professor", "--scale", "tiny", *(word for text in (*sets, *more) for word in ("--set", text)))

    def recipe(name: str, *stages: str) -> Job:
        chosen = f"stages={json.dumps(stages)}"
        return Job(name, ("run", *words(chosen), "--out", "run", "--resume"), run_outcome)

    drawn = ("generate", "run", "--arm", "ppo", "--sample", "--samples", "60", "--out", "rows.csv")
    asked = ("judge", "run", "--model", "tester", "--url", judge.url, "--workers", "3")
    grid = ("--grid", "sft.learning_rate=1e-3,3e-3", "--grid", "sft.epochs=2,3", "--arm", "sft", "--out", "sweep")
    found = [
        recipe("professor", "sft", "pairs", "reward", "ppo"),
        recipe("grpo", "sft", "pairs", "reward", "grpo"),
        recipe("dpo", "pairs", "dpo", "orpo", "kto"),
        Job("generate", (*drawn, "--set", "sampling.rows_at_once=20"), rows_outcome, needs="professor"),
        Job("judge", asked, judge_outcome, needs="professor", asks=True),
        Job("sweep", ("sweep", *words('stages=["sft"]'), *grid), sweep_outcome),
    ]
    return {job.name: job for job in found}


def run_outcome(folder: Path) -> dict[str, Any]:
    """Every stage's log, samples and weights, the answers and the results of a run."""
    run = folder / "run"
    found: dict[str, Any] = {}
    for path in sorted(path for part in ("stages", "evaluation") for path in (run / part).rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if path.suffix == ".jsonl":
            found[name] = [_plain(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        elif path.suffix == ".json":
            found[name] = _plain(json.loads(path.read_text(encoding="utf-8")))
            if path.name == "stage.json":
                found[name].pop(TRUNK_TOKENS, None)
        elif path.name not in ("SHA256SUMS", "README.md"):
            found[name] = path.read_bytes()
    found["report"] = _plain(json.loads((run / "report" / "results.json").read_text(encoding="utf-8")))
    return found


def rows_outcome(folder: Path) -> dict[str, Any]:
    """The rows of the table."""
    with open(folder / "rows.csv", encoding="utf-8", newline="") as file:
        return {"rows": list(csv.reader(file)), "left": [path.name for path in folder.glob(".rows*")]}


def judge_outcome(folder: Path) -> dict[str, Any]:
    """Verdicts, results, and the replies in whatever order they came."""
    judge = folder / "run" / "judge"
    found: dict[str, Any] = {"agreement.json": json.loads((judge / "agreement.json").read_text())}
    for name in ("results.json", "rubric.txt", "verdicts.jsonl"):
        found[name] = (judge / "tester" / name).read_text(encoding="utf-8")
    found["calls"] = sorted((judge / "tester" / "calls.jsonl").read_text(encoding="utf-8").splitlines())
    return found


def sweep_outcome(folder: Path) -> dict[str, Any]:
    """What every trial came to."""
    trials = json.loads((folder / "sweep" / "trials.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {"trials": trials}
    for number in range(1, len(trials) + 1):
        run = folder / "sweep" / "trials" / str(number)
        lines = (run / "stages" / "sft" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        found[f"{number}/metrics"] = [_plain(json.loads(line)) for line in lines]
        results = json.loads((run / "evaluation" / "results.json").read_text(encoding="utf-8"))
        found[f"{number}/results"] = _plain(results)
    return found


def _plain(tree: Any) -> Any:
    """The tree without what no two runs have in common."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items() if not NOT_THE_RESULT.fullmatch(key)}
    return [_plain(value) for value in tree] if isinstance(tree, list) else tree
