"""A run by workers that share no file system: its folder goes through a store, and each machine has a copy."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from topgraft.cli.run import carry_out
from topgraft.cli.storage import RECIPE, Storage
from topgraft.errors import UserError
from topgraft.processes import Processes
from topgraft.runs import RunFolder
from topgraft.runs.caches import caches
from topgraft.train.plan import Step
from topgraft.train.settings import RunSettings


def hold_together(storage: Storage, folder: Path, *, resume: bool) -> None:
    """Before a run: what the store holds of it goes on, else what `folder` holds. Raises UserError where the store
    holds a run that is not to be gone on with, or something else."""
    there = storage.files()
    if there and RECIPE not in there:
        raise UserError(f"{storage.shown} is not empty and holds no run. Give another folder with --storage.")
    if there and not resume:
        raise UserError(
            f"{storage.shown} already holds a run. Continue it with --resume, or give another folder with --storage."
        )
    if there:
        storage.bring(folder)
    elif (folder / RECIPE).exists():
        storage.take(folder)


def carry_out_stored(settings: RunSettings, storage: Storage, shown: Path) -> None:
    """Carry the run out as one worker: the first process puts what it writes into the store, and the first one of every
    other machine brings what a finished step has written."""
    import ray

    processes = Processes.here()
    nodes = processes.everyone(ray.get_runtime_context().get_node_id())
    node = nodes[processes.rank]
    brings = node not in nodes[: processes.rank]  # one process does it for its machine
    known = hashlib.sha256(f"{storage.address} {node}".encode()).hexdigest()[:16]
    folder = caches() / "stored" / known

    @contextmanager
    def around(_: RunFolder, step: Step) -> Iterator[None]:
        yield
        if processes.first:
            storage.take(folder)
        processes.wait()
        if brings and not processes.first:
            storage.bring(folder)
        processes.wait()

    if brings:
        shutil.rmtree(folder, ignore_errors=True)
        storage.bring(folder)
    processes.wait()
    keeping: AbstractContextManager[None] = storage.following(folder) if processes.first else nullcontext()
    with keeping:
        carry_out(settings, folder, resume=True, around=around, shown=shown)
    processes.wait()
    if brings:
        shutil.rmtree(folder, ignore_errors=True)
