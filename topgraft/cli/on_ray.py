"""The same commands on a Ray cluster: a run by workers that train together, trials and prompts that are dealt out.

All machines must have the same data and models, and see the folder that is written, for Ray moves no files; that of a
run may also go through an object store (topgraft.cli.storage). A worker that is lost is started again, and goes on from
what stands there.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from signal import SIGINT
from typing import Any

from topgraft.cli.ray_cluster import Desk, cluster
from topgraft.cli.storage import Storage
from topgraft.errors import UserError
from topgraft.train.interrupt import Stopped

RESTARTS = 20
"""How often lost workers are started again."""


def train_together(
    command: Callable[[], object], address: str, workers: int, out: Path, storage: Storage | None
) -> None:
    """Have workers do `command` as the processes of one run: it must go on with what stands in `out`, or in the
    storage."""
    with cluster(address, workers) as (ray, desk), _notes(out, storage) as notes:
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchTrainer

        trainer = TorchTrainer(
            _work,
            train_loop_config={"command": command, "desk": desk},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=ray.cluster_resources().get("GPU", 0) >= workers),
            run_config=RunConfig(name="run", failure_config=FailureConfig(max_failures=RESTARTS), **notes),
        )
        try:
            trainer.fit()
        except SystemExit as ended:  # what Ray makes of Ctrl-C, once it has ended the workers
            raise Stopped(SIGINT) from ended
        except TrainingFailedError as error:
            raise UserError(f"Workers failed {RESTARTS + 1} times: {error}") from None


def deal_out(command: Callable[[], object], address: str, workers: int) -> None:
    """Have each of the workers do `command`, which takes what is left to do, until nothing is."""
    with cluster(address, workers) as (ray, desk):
        work = ray.remote(num_cpus=1, max_retries=RESTARTS)(_work)
        ray.get([work.remote({"command": command, "desk": desk}) for _ in range(workers)])


def drawn_on(
    make: Callable[[], Callable[[Any], Any]], parts: Sequence[Any], address: str, workers: int
) -> Iterator[Any]:
    """What workers make of each part, in the order of the parts; `make` gives a worker what it makes it by. A part
    whose worker is lost is made by the next one."""
    with cluster(address, workers) as (ray, desk):
        from ray.util import ActorPool

        drawer = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Drawer)
        pool: Any = ActorPool([drawer.remote(make) for _ in range(workers)])
        yield from pool.map(lambda one, part: one.draw.remote(desk, part), parts)


class _Drawer:
    """A worker that makes parts, one after the other. It is told the desk with every part: a handle that an actor was
    made with might be gone when Ray starts it again, of which Ray warns the user."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self.make = make

    @cached_property
    def made(self) -> Callable[[Any], Any]:
        """What a part is made by."""
        return self.make()

    def draw(self, desk: Desk, part: Any) -> Any:
        """What is made of a part."""
        with desk.speaking():
            return self.made(part)


def _work(told: dict[str, Any]) -> None:
    """What a worker does."""
    desk: Desk = told["desk"]
    if desk.given_up() is None:
        with desk.speaking():
            told["command"]()


@contextmanager
def _notes(out: Path, storage: Storage | None) -> Iterator[dict[str, Any]]:
    """Where Ray keeps its own notes while it trains: a place that all machines see. Nothing is left of it, and what a
    killed command left there goes."""
    if storage is None:
        place = out.absolute().with_name(f".{out.name}.ray")
        with _nothing_left(partial(shutil.rmtree, place, ignore_errors=True)):
            yield {"storage_path": str(place)}
        return
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    fs, root = storage.open()
    path = f"{root}.ray"

    def clear() -> None:
        if fs.exists(path):
            fs.rm(path, recursive=True)

    with _nothing_left(clear):
        yield {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(fs))}


@contextmanager
def _nothing_left(clear: Callable[[], object]) -> Iterator[None]:
    clear()
    try:
        yield
    finally:
        clear()
