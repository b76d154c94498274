"""Where things lie in a run folder.

recipe.toml                      the resolved settings
provenance.json                  versions, commit, device, seeds, digests of data and model
stages/<stage>/SHA256SUMS        digests of its files, once it is finished; evaluation/ has one too
stages/<stage>/stage.json        what the stage did and cost; written last, its presence means "finished"
stages/<stage>/metrics.jsonl     one line a step: {"step": 3, "loss/total": 1.2, "kl/response": 0.8, ...}
stages/<stage>/training_metrics.csv  step, reward, kl: mean score and KL per token of a policy that learns from samples
stages/<stage>/rollouts.jsonl    every response that a policy learned from: {"step", "key", "response", "score", ...}
stages/<stage>/warnings.jsonl    signs of reward hacking: {"step", "sign", "message", "samples": the worst responses}
stages/<stage>/samples.jsonl     texts shown while training: {"step", "prompt", "response", "reward", ...}
stages/<stage>/skipped.jsonl     batches that were not learned from, as a loss, gradient or score was not finite
stages/<stage>/checkpoints/      last, and step-N where asked for: adapters in PEFT's format, the head beside them
stages/<stage>/resume/           while the stage is under way: the state of the training from which it can go on
evaluation/responses.jsonl       one line per arm and test row, with every per-row score
evaluation/results.json          arms -> metrics with intervals, comparisons, notes of the measuring instruments
evaluation/reward_pairs.jsonl    held-out pairs with the reward model's two scores, the most confidently wrong first
evaluation/reward_model.json     how right the reward model is: by length, by category, by its own confidence
elsewhere/<name>/evaluation/     the same of the arms' answers to other data (topgraft evaluate --on)
judge/<name>/                    what a language model said of the answers
rating/                          ratings.sqlite, every click of people who rate; results.json and ratings.csv
tracking/                        event files for TensorBoard and its like, where track.to names one
.lock                            held by the process that works in the folder
report/                          the page, tables and figures, made from all of the above
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.runs.stage import StageFolder
from topgraft.runs.sums import broken, seal
from topgraft.runs.writing import read_json, read_lines, write_whole


@dataclass(frozen=True)
class RunFolder:
    """One run's files. Where several processes work at a run, one of them writes."""

    path: Path
    writes: bool = True

    def stage(self, name: str) -> StageFolder:
        """The folder of the stage called `name`, whether or not it exists yet."""
        return StageFolder(self.path / "stages" / name, self.writes)

    def stages(self) -> Iterator[StageFolder]:
        """The stages present, in the order in which they were begun."""
        root = self.path / "stages"
        if root.is_dir():
            begun = read_json(self.path / "provenance.json").get("stages", [])
            names = [path.name for path in root.iterdir() if path.is_dir()]
            order = {name: place for place, name in enumerate(begun)}
            for name in sorted(names, key=lambda name: (order.get(name, len(order)), name)):
                yield StageFolder(root / name, self.writes)

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
        return read_json(self.path / "provenance.json")

    def responses(self) -> list[dict[str, Any]]:
        """Every evaluated response with its scores."""
        return list(read_lines(self.responses_file))

    def whole_responses(self) -> list[dict[str, Any]]:
        """The same, for what is made of them; UserError where they are not as they were written."""
        if self.responses_file.exists() and self.responses_file in self.broken_evaluation():
            raise UserError(
                f"{self.responses_file} is damaged, or was changed since it was written. Have the arms answer again: "
                f"topgraft evaluate {self.path}."
            )
        return self.responses()

    def reward_pairs(self) -> list[dict[str, Any]]:
        """Every held-out pair with the reward model's scores, the most confidently wrong first."""
        return list(read_lines(self.reward_pairs_file))

    def reward_model(self) -> dict[str, Any]:
        """Where the reward model is right; empty where a run has none."""
        return read_json(self.reward_model_file)

    def answers_digest(self) -> str:
        """A digest of the evaluated answers' texts, by which what was made of them can be told to be out of date."""
        texts = [[record.get(key) for key in ("id", "arm", "prompt", "response")] for record in self.responses()]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]

    def write(self, path: Path, text: str) -> None:
        """Write one of the run's files, whole or not at all."""
        if self.writes:
            write_whole(path, text)

    def seal_evaluation(self) -> None:
        """Write the digests of what the evaluation has written."""
        if not self.writes:
            return
        folder = self.results_file.parent
        seal(folder, [path for path in folder.glob("*.json*") if path.is_file()])

    def broken_evaluation(self) -> list[Path]:
        """What of the evaluation is not as it was written."""
        return broken(self.results_file.parent)

    def broken(self) -> list[Path]:
        """Files that are not as they were written: of the stages, and of the evaluation."""
        return [*(path for stage in self.stages() for path in stage.harmed()), *self.broken_evaluation()]

    def results(self) -> dict[str, Any]:
        """Arms, metrics and comparisons; empty before the evaluation."""
        return read_json(self.results_file)
