"""The files of one stage (topgraft.runs.folder says which there are)."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topgraft.records import Sample
from topgraft.runs.lines import LINE_FILES
from topgraft.runs.sums import broken, seal
from topgraft.runs.writing import append_line, as_json, read_json, read_lines, whole_folder, write_whole

PAIRS = "pairs.jsonl"
"""What stage `pairs` writes."""


@dataclass(frozen=True)
class StageFolder:
    """One stage's files. Where several processes work at a stage, one of them writes."""

    path: Path
    writes: bool = True

    @property
    def name(self) -> str:
        """The stage's name, e.g. "sft"."""
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        """The folder that holds the stage's adapters and heads."""
        return self.path / "checkpoints"

    @property
    def resume(self) -> Path:
        """The folder of the states from which an unfinished stage can go on."""
        return self.path / "resume"

    @property
    def finished(self) -> bool:
        """True once the stage has written its summary."""
        return (self.path / "stage.json").exists()

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Append one step's metrics, and what most people plot of a policy's to a table of three columns."""
        if not self.writes:
            return
        append_line(self.path / "metrics.jsonl", {"step": step, **metrics})
        if {"reward/score", "kl/token"} <= metrics.keys():
            table = self.path / "training_metrics.csv"
            head = "" if table.exists() else "step,reward,kl\n"
            with open(table, "a", encoding="utf-8") as file:
                file.write(f"{head}{step},{metrics['reward/score']:.6g},{metrics['kl/token']:.6g}\n")

    def keep(self, step: int, samples: Iterable[Sample]) -> None:
        """Append the responses that a step sampled."""
        if not self.writes:
            return
        for sample in samples:
            append_line(self.path / "rollouts.jsonl", {"step": step, **asdict(sample)})

    def sample(self, record: dict[str, Any]) -> None:
        """Append one sample text with its scores."""
        if not self.writes:
            return
        append_line(self.path / "samples.jsonl", record)

    def warn(self, record: dict[str, Any]) -> None:
        """Append one warning with the responses that show it."""
        if not self.writes:
            return
        append_line(self.path / "warnings.jsonl", record)

    def skip(self, record: dict[str, Any]) -> None:
        """Append a batch that was not learned from."""
        if not self.writes:
            return
        append_line(self.path / "skipped.jsonl", record)

    def write(self, name: str, text: str) -> None:
        """Write a file of the stage."""
        if self.writes:
            write_whole(self.path / name, text)

    def save(self, name: str, write: Callable[[Path | None], None]) -> None:
        """Have `write` put weights into the folder checkpoints/`name`, whole or not at all; into none, where another
        process writes."""
        if self.writes:
            whole_folder(self.checkpoints / name, write)
        else:
            write(None)

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the stage's summary; from now on the stage counts as done, and needs nothing to go on from."""
        if not self.writes:
            return
        made = [self.path / name for name in (*LINE_FILES, PAIRS)]
        weights = (self.checkpoints / "last").rglob("*")
        text = as_json(summary)
        seal(self.path, [path for path in (*made, *weights) if path.is_file()], {"stage.json": text})
        write_whole(self.path / "stage.json", text)
        shutil.rmtree(self.resume, ignore_errors=True)

    def harmed(self) -> list[Path]:
        """All that is not as it was written: of a finished stage, and of the copies of its weights."""
        copies = (path for copy in sorted(self.checkpoints.glob("step-*")) for path in broken(copy))
        return [*(broken(self.path) if self.finished else []), *copies]

    def broken(self) -> list[Path]:
        """What of a finished stage is not as it was, of all that anything later depends on."""
        return [path for path in broken(self.path) if self.matters(path)] if self.finished else []

    def matters(self, path: Path) -> bool:
        """Whether anything later depends on a file of the stage: not on its logs, nor on copies of its weights."""
        copied = path.is_relative_to(self.checkpoints) and not path.is_relative_to(self.checkpoints / "last")
        return path.name not in LINE_FILES and not copied

    def reopen(self) -> None:
        """Let a finished stage be unfinished again."""
        if not self.writes:
            return
        (self.path / "stage.json").unlink()

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
        return read_json(self.path / "stage.json")
