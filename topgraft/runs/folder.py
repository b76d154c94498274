"""Where things lie in a run folder.

recipe.toml                      the resolved settings
provenance.json                  versions, commit, device, seeds, digests of data and model
stages/<stage>/stage.json        what the stage did and cost; written last, its presence means "finished"
stages/<stage>/metrics.jsonl     one line a step: {"step": 3, "loss/total": 1.2, "kl/response": 0.8, ...}
stages/<stage>/rollouts.jsonl    every response that a policy learned from: {"step", "key", "response", "score", ...}
stages/<stage>/warnings.jsonl    signs of reward hacking: {"step", "sign", "message", "samples": the worst responses}
stages/<stage>/samples.jsonl     texts shown while training: {"step", "prompt", "response", "reward", ...}
stages/<stage>/checkpoints/      adapters in PEFT's format, the head beside them
evaluation/responses.jsonl       one line per arm and test row, with every per-row score
evaluation/results.json          arms -> metrics with intervals, comparisons, notes of the measuring instruments
evaluation/reward_pairs.jsonl    held-out pairs with the reward model's two scores, the most confidently wrong first
evaluation/reward_model.json     how right the reward model is: by length, by category, by its own confidence
elsewhere/<name>/evaluation/     the same of the arms' answers to other data (topgraft evaluate --on)
judge/<name>/                    what a language model said of the answers
rating/                          ratings.sqlite, every click of people who rate; results.json and ratings.csv
report/                          the page, tables and figures, made from all of the above
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topgraft.records import Sample
from topgraft.runs.writing import append_line, read_lines, write_json


@dataclass(frozen=True)
class StageFolder:
    """One stage's files."""

    path: Path

    @property
    def name(self) -> str:
        """The stage's name, e.g. "sft"."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """The folder that holds the stage's adapters and heads."""
        return self.path / "checkpoints"

    @property
    def finished(self) -> bool:
        """True once the stage has written its summary."""
        return (self.path / "stage.json").exists()

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Append one step's metrics."""
        append_line(self.path / "metrics.jsonl", {"step": step, **metrics})

    def keep(self, step: int, samples: Iterable[Sample]) -> None:
        """Append the responses that a step sampled."""
        for sample in samples:
            append_line(self.path / "rollouts.jsonl", {"step": step, **asdict(sample)})

    def sample(self, record: dict[str, Any]) -> None:
        """Append one sample text with its scores."""
        append_line(self.path / "samples.jsonl", record)

    def warn(self, record: dict[str, Any]) -> None:
        """Append one warning with the responses that show it."""
        append_line(self.path / "warnings.jsonl", record)

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the stage's summary; from now on the stage counts as done."""
        write_json(self.path / "stage.json", summary)

    def clear_unfinished(self) -> None:
        """Empty the line files of a stage that was cut off, so that it starts over cleanly."""
        if not self.finished:
            for name in ("metrics.jsonl", "samples.jsonl", "rollouts.jsonl", "warnings.jsonl"):
                (self.path / name).unlink(missing_ok=True)

    def metrics(self) -> list[dict[str, Any]]:
        """All logged steps, in order."""
        return list(read_lines(self.path / "metrics.jsonl"))

    def samples(self) -> list[dict[str, Any]]:
        """All logged samples, in order."""
        return list(read_lines(self.path / "samples.jsonl"))

    def rollouts(self) -> list[dict[str, Any]]:
        """All responses that a policy learned from, in order."""
        return list(read_lines(self.path / "rollouts.jsonl"))

    def warnings(self) -> list[dict[str, Any]]:
        """The stage's warnings, in the order in which they were raised."""
        return list(read_lines(self.path / "warnings.jsonl"))

    def summary(self) -> dict[str, Any]:
        """The stage's summary; empty while the stage is unfinished."""
        return _read_json(self.path / "stage.json")


@dataclass(frozen=True)
class RunFolder:
    """One run's files."""

    path: Path

    def stage(self, name: str) -> StageFolder:
        """The folder of the stage called `name`, whether or not it exists yet."""
        return StageFolder(self.path / "stages" / name)

    def stages(self) -> Iterator[StageFolder]:
        """The stages present, in the order in which they were begun."""
        root = self.path / "stages"
        if root.is_dir():
            begun = _read_json(self.path / "provenance.json").get("stages", [])
            names = [path.name for path in root.iterdir() if path.is_dir()]
            order = {name: place for place, name in enumerate(begun)}
            for name in sorted(names, key=lambda name: (order.get(name, len(order)), name)):
                yield StageFolder(root / name)

    @property
    def report(self) -> Path:
        """The report's folder."""
        return self.path / "report"

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

    def elsewhere(self, source: str) -> "RunFolder":
        """The folder of an evaluation on other data; it is called after their name, without folders and endings."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", source.rstrip("/").rpartition("/")[2].partition(".")[0]).strip("-")
        return RunFolder(self.path / "elsewhere" / (name or "data"))

    def elsewheres(self) -> "list[RunFolder]":
        """Those that there are, sorted by name."""
        return [RunFolder(path) for path in sorted((self.path / "elsewhere").glob("*")) if path.is_dir()]

    @property
    def responses_file(self) -> Path:
        """The evaluated responses."""
        return self.path / "evaluation" / "responses.jsonl"

    @property
    def results_file(self) -> Path:
        """The metrics of all arms."""
        return self.path / "evaluation" / "results.json"

    @property
    def reward_pairs_file(self) -> Path:
        """The held-out pairs with the reward model's scores."""
        return self.path / "evaluation" / "reward_pairs.jsonl"

    @property
    def reward_model_file(self) -> Path:
        """Where the reward model is right."""
        return self.path / "evaluation" / "reward_model.json"

    def provenance(self) -> dict[str, Any]:
        """Versions, device, seeds and digests; empty when the run has not begun."""
        return _read_json(self.path / "provenance.json")

    def responses(self) -> list[dict[str, Any]]:
        """Every evaluated response with its scores."""
        return list(read_lines(self.responses_file))

    def reward_pairs(self) -> list[dict[str, Any]]:
        """Every held-out pair with the reward model's scores, the most confidently wrong first."""
        return list(read_lines(self.reward_pairs_file))

    def reward_model(self) -> dict[str, Any]:
        """Where the reward model is right; empty where a run has none."""
        return _read_json(self.reward_model_file)

    def answers_digest(self) -> str:
        """A digest of the evaluated answers' texts, by which what was made of them can be told to be out of date."""
        texts = [[record.get(key) for key in ("id", "arm", "prompt", "response")] for record in self.responses()]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]

    def results(self) -> dict[str, Any]:
        """Arms, metrics and comparisons; empty before the evaluation."""
        return _read_json(self.results_file)


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
