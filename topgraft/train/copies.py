"""Copies of the weights on the way, checkpoints/step-N: in the formats of checkpoints/last, for whoever wants them."""

import shutil
from pathlib import Path

from topgraft.algorithms.protocol import Algorithm, StepSettings
from topgraft.runs import StageFolder
from topgraft.runs.sums import seal


def copy_weights(algorithm: Algorithm, settings: StepSettings, step: int, stage: StageFolder) -> None:
    """Make a copy where the settings ask for one at this step, and remove those that are to go."""
    if not settings.checkpoint_every or step % settings.checkpoint_every:
        return
    stage.save(f"step-{step}", lambda folder: _save(algorithm, folder))
    if settings.checkpoints_kept and stage.writes:
        _remove(stage, settings.checkpoints_kept)


def _save(algorithm: Algorithm, folder: Path | None) -> None:
    """Write the weights, and the digests by which whoever takes the copy can check it."""
    algorithm.save(folder)
    if folder is not None:
        seal(folder, [path for path in folder.rglob("*") if path.is_file()])


def _remove(stage: StageFolder, kept: int) -> None:
    """Remove all but the newest, and the one whose step the last evaluation up to it found best."""
    steps = sorted(int(path.name.removeprefix("step-")) for path in stage.checkpoints.glob("step-*"))
    value, found = float("inf"), dict[int, float]()
    for row in stage.metrics():
        value = row.get("eval/loss", -row["eval/reward"] if "eval/reward" in row else value)
        found[row["step"]] = value
    best = min(steps, key=lambda step: (found.get(step, float("inf")), step))
    for step in steps[:-kept]:
        if step != best:
            shutil.rmtree(stage.checkpoints / f"step-{step}", ignore_errors=True)
