"""Checkpoints of a stage that is under way, from which it goes on as if it had never stopped.

A checkpoint is one safetensors file, stages/<stage>/resume/step-N-DIGEST.safetensors: all that decides the steps to
come (weights, optimizer, the best so far, every random generator, the place in the data, beta), and how long the
stage's line files were, with digests. It is written at the end of a step, beside its name, flushed to the disk and
renamed; the name holds its digest. To go on, the line files are cut back to those lengths and the steps after it are
done again, to the same bits: nothing is kept of a step that is half done.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from topgraft import __version__
from topgraft.algorithms.protocol import StepSettings
from topgraft.errors import UserError
from topgraft.processes import Processes
from topgraft.runs import StageFolder
from topgraft.runs.lines import Lines
from topgraft.runs.sums import sha256
from topgraft.runs.writing import settle, writing_weights

KEPT = 2
"""Newest checkpoints that are kept: should the last be damaged, the one before it is there."""
PATIENCE = 40.0
"""A step is followed by a checkpoint once the last one lies so many times back as it took to write: 1/40 of the time at
most goes into them, however large the model and however slow the disk."""
SPEED = 5e8
"""Bytes a second by which the cost of the first checkpoint is guessed."""
DIGITS = 16
"""Of a checkpoint's digest, in its name."""
TENSOR = "tensor:"
"""What a tensor's name begins with where it stands in the JSON."""


class Part(Protocol):
    """Something that decides the steps to come. A state is a tree of dicts and lists with tensors and JSON values."""

    def state(self) -> Any:
        """All that changes from step to step."""

    def restore(self, state: Any) -> None:
        """Be again as it was."""


class Checkpoints:
    """Those of one stage, by name the parts that they hold."""

    def __init__(
        self,
        stage: StageFolder,
        parts: Mapping[str, Part],
        size: int,
        say: Callable[[str], None],
        processes: Processes,
    ) -> None:
        """`size` is that of one checkpoint, in bytes, about."""
        self.stage, self.parts, self.size, self.say, self.processes = stage, parts, size, say, processes
        self.lines = Lines(stage.path)
        self._cost, self._last = size / SPEED, time.monotonic()

    def resume(self) -> int:
        """Restore the newest checkpoint that is whole; the step after which it was written, 0 where the stage starts
        over (its line files are then empty). Raises UserError where the disk has no room for checkpoints."""
        found = self._newest() if self.stage.writes else None
        name = self.processes.agree(found[0] if found else None)
        if name is None:
            return 0
        tree = found[1] if found else read_state(self.stage.resume / name)
        for part, at in self.parts.items():
            at.restore(tree["parts"][part])
        self._last = time.monotonic()
        self.say(f"  going on after step {tree['step']}")
        return int(tree["step"])

    def _newest(self) -> tuple[str, Any] | None:
        """The newest that is whole, by name, with the line files cut back to it."""
        refuse_full_disk(self.stage.path, (KEPT + 1) * self.size)
        for path in self.stage.resume.glob(".*"):
            path.unlink()  # of a process that was killed while it wrote
        for path in self._files():
            try:
                tree = read_state(path)
                if tree["version"] != __version__:
                    raise ValueError(f"was written by topgraft {tree['version']}")
                self.lines.cut(tree["lines"])
            except (OSError, ValueError) as error:
                self.say(f"  {path.name} {error}: going back to the checkpoint before it")
                path.unlink(missing_ok=True)
                continue
            return path.name, tree
        self.lines.cut({})
        return None

    def after(self, step: int, asked: int | None) -> int | None:
        """Write a checkpoint where it is time for one, or a process was `asked` to stop, by a signal; that signal."""
        due = self.stage.writes and time.monotonic() - self._last >= PATIENCE * self._cost
        said = self.processes.everyone([asked, due])
        stop: int | None = next((number for number, _ in said if number is not None), None)
        if stop is not None or any(due for _, due in said):
            self.write(step)
        return stop

    def write(self, step: int) -> None:
        """Write a checkpoint, or take part in it. Raises OSError where there is no room for it; those before it
        stay."""
        begun = time.monotonic()
        tree = {
            "version": __version__,
            "step": step,
            "lines": self.lines.marks(),
            "parts": whole({name: part.state() for name, part in self.parts.items()}),
        }
        if not self.stage.writes:
            return
        write_state(self.stage.resume, f"step-{step:07d}", tree)
        for path in self._files()[KEPT:]:
            path.unlink()
        self._last = time.monotonic()
        self._cost = self._last - begun

    def _files(self) -> list[Path]:
        """The newest first."""
        return sorted(self.stage.resume.glob("step-*.safetensors"), reverse=True)


def refuse_full_disk(folder: Path, needed: int) -> None:
    """Raise UserError where the disk of `folder`, which need not be there yet, has no room for `needed` bytes."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise UserError(
            f"The checkpoints of stage '{folder.name}' need {needed / 1e9:.2f} GB, and {there} has {free / 1e9:.2f} GB "
            f"free. Make room, or give another folder with --out."
        )


def size_of(weights: Iterable[nn.Parameter], settings: StepSettings) -> int:
    """Bytes of a checkpoint: the weights, the best so far, the optimizer's moments."""
    moments = 2 if settings.optimizer == "adamw" else 1
    return (2 + moments) * sum(weight.nbytes for weight in weights)


def write_state(folder: Path, name: str, tree: Any) -> Path:
    """Write a tree of dicts and lists with tensors and JSON values as `folder`/`name`-DIGEST.safetensors, whole or not
    at all."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    told = json.dumps(_without_tensors(tree, "", tensors))
    beside = folder / f".{name}.part"
    try:
        with writing_weights(beside):
            save_file(tensors, beside, {"state": told})
        settle(beside)
        path = folder / f"{name}-{sha256(beside)[:DIGITS]}.safetensors"
        beside.replace(path)
        settle(folder)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path


def read_state(path: Path) -> Any:
    """The tree that `write_state` wrote, its tensors on the CPU. Raises ValueError where the file is damaged."""
    if sha256(path)[:DIGITS] != path.stem.rpartition("-")[2]:
        raise ValueError("is damaged")
    with safe_open(path, framework="pt") as file:
        return _with_tensors(json.loads(file.metadata()["state"]), file.get_tensor)


def whole(tree: Any) -> Any:
    """The tree with tensors that processes hold in shares gathered; all of them have to ask."""
    if isinstance(tree, DTensor):
        return tree.full_tensor()
    if isinstance(tree, Mapping):
        return {key: whole(value) for key, value in tree.items()}
    return [whole(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _without_tensors(tree: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """The tree with the name of each tensor in its place; the tensors go to `tensors`."""
    if isinstance(tree, torch.Tensor):
        tensors[path] = tree.detach().cpu().contiguous()
        return TENSOR + path
    if isinstance(tree, Mapping):
        return {key: _without_tensors(value, f"{path}/{key}", tensors) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_without_tensors(value, f"{path}/{place}", tensors) for place, value in enumerate(tree)]
    return tree


def _with_tensors(tree: Any, tensor: Callable[[str], torch.Tensor]) -> Any:
    if isinstance(tree, str) and tree.startswith(TENSOR):
        return tensor(tree.removeprefix(TENSOR))
    if isinstance(tree, dict):
        return {key: _with_tensors(value, tensor) for key, value in tree.items()}
    return [_with_tensors(value, tensor) for value in tree] if isinstance(tree, list) else tree
