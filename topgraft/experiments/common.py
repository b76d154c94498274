"""Steps that the trials of a sweep have in common: the first trial to come makes one, the others take it.

common/<kind>-<digest>/ is the folder of a finished step, named after all that its outcome depends on. Its files are
hard links where the disk has them, so that it takes no room of its own; a finished step's files are never written to.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import BaseFileLock

from topgraft.runs import RunFolder, StageFolder, locking
from topgraft.train.plan import Step

NOT_THE_BASE = {"layers", "lora", "gradient_checkpointing"}
"""Settings of the model that say what learns; where a step depends on them, `Step.made_of` holds them."""


def lock(sweep: Path, name: str) -> BaseFileLock:
    """A lock of the sweep in folder `sweep`."""
    return locking.lock(sweep / "locks" / f"{name}.lock")


def identity(step: Step) -> str:
    """A digest of all that the outcome of a step depends on, data and base model included."""
    settings = step.settings
    depends = {
        "made_of": step.made_of,
        "data": settings.data.model_dump(mode="json"),
        "base": settings.model.model_dump(mode="json", exclude=NOT_THE_BASE),
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def shared(sweep: Path, run: RunFolder, step: Step) -> Iterator[None]:
    """Around a step of a trial: take it where it is there, else hold its lock while it is made, and leave it."""
    name = f"{step.kind}-{identity(step)}"
    kept, stage = StageFolder(sweep / "common" / name), run.stage(step.name)
    with ExitStack() as held:
        if not kept.finished:
            held.enter_context(lock(sweep, name))
        if kept.finished and not stage.finished:
            _take(kept, stage, step)
        yield
        if not kept.finished:
            _leave(stage, kept)


def _take(kept: StageFolder, stage: StageFolder, step: Step) -> None:
    shutil.rmtree(stage.path, ignore_errors=True)  # what a trial that was cut off left of it
    shutil.copytree(kept.path, stage.path, copy_function=_link, ignore=shutil.ignore_patterns("stage.json"))
    there = {"stage": step.name, "start": step.start, "seconds": 0.0, "loaded_from": str(kept.path)}
    stage.finish({**kept.summary(), **there})


def _leave(stage: StageFolder, kept: StageFolder) -> None:
    beside = kept.path.with_name(f".{kept.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(stage.path, beside, copy_function=_link)
    beside.rename(kept.path)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without hard links
        shutil.copy2(source, target)
