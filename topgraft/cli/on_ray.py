"""The same commands on a Ray cluster: a run by workers that train together, trials and prompts that are dealt out.

All machines must see the same files (data, model, the folder that is written): Ray moves none of them. A worker that is
lost is started again, and goes on from what stands in the folder.
"""

import logging
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topgraft.errors import UserError

RESTARTS = 20
"""How often lost workers are started again."""
LOCAL = "local"
"""The address of a cluster of this machine alone, which ends with the command."""
SECONDS = 0.2
"""Between two looks at what the workers say."""


@dataclass(frozen=True)
class Desk:
    """A folder beside the one that is written, while the command runs: what the workers say, and why they gave up."""

    folder: Path
    working_in: Path = field(default_factory=Path.cwd)
    words: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))

    @property
    def said(self) -> Path:
        """What the workers print."""
        return self.folder / "said.txt"

    @property
    def error(self) -> Path:
        """A user's error, in words."""
        return self.folder / "error.txt"


@contextmanager
def cluster(address: str, workers: int, out: Path) -> Iterator[tuple[Any, Desk]]:
    """Ray, connected to a cluster, and a desk beside `out`; what workers say there is printed here. Raises UserError
    where there is no cluster, or it is too small, and for what workers gave up for."""
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    if address == LOCAL:  # its ports are open to the network: only who has this token is let in
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ImportError as error:
        raise UserError(f'--ray needs Ray ({error}): pip install "topgraft[cluster]"') from None
    here: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address == LOCAL else {}
    desk = Desk(out.absolute().with_name(f".{out.name}.ray"))
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **here)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"No Ray cluster answers at {address} ({error}). Start one with `ray start --head`, or write --ray {LOCAL}."
        ) from None
    try:
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < workers:
            raise UserError(f"--workers {workers} needs a core each, and the cluster has {cores}.")
        shutil.rmtree(desk.folder, ignore_errors=True)
        desk.folder.mkdir(parents=True)
        with _aloud(desk.said):
            yield ray, desk
        if desk.error.exists():
            raise UserError(desk.error.read_text(encoding="utf-8"))
    finally:
        ray.shutdown()
        shutil.rmtree(desk.folder, ignore_errors=True)


def train_together(command: Callable[[], object], address: str, workers: int, out: Path) -> None:
    """Have workers do `command` as the processes of one run: it must go on with what stands in `out`."""
    with cluster(address, workers, out) as (ray, desk):
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchTrainer

        trainer = TorchTrainer(
            _work,
            train_loop_config={"command": command, "desk": desk},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=ray.cluster_resources().get("GPU", 0) >= workers),
            run_config=RunConfig(
                name="run", storage_path=str(desk.folder), failure_config=FailureConfig(max_failures=RESTARTS)
            ),
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise UserError(f"Workers failed {RESTARTS + 1} times: {error}") from None


def deal_out(command: Callable[[], object], address: str, workers: int, out: Path) -> None:
    """Have each of the workers do `command`, which takes from `out` what is left to do, until nothing is."""
    with cluster(address, workers, out) as (ray, desk):
        work = ray.remote(num_cpus=1, max_retries=RESTARTS)(_work)
        try:
            ray.get([work.remote({"command": command, "desk": desk}) for _ in range(workers)])
        except ray.exceptions.RayTaskError:
            if not desk.error.exists():
                raise


def drawn_on(
    make: Callable[[], Callable[[Any], Any]], parts: Sequence[Any], address: str, workers: int, out: Path
) -> Iterator[Any]:
    """What workers make of each part, in the order of the parts; `make` gives a worker what it makes it by. A part
    whose worker is lost is made by the next one."""
    with cluster(address, workers, out) as (ray, desk):
        from ray.util import ActorPool

        drawer = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Drawer)
        pool: Any = ActorPool([drawer.remote(make, desk) for _ in range(workers)])
        yield from pool.map(lambda one, part: one.draw.remote(part), parts)


class _Drawer:
    """A worker that makes parts, one after the other."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]], desk: Desk) -> None:
        os.chdir(desk.working_in)
        self.made = make()

    def draw(self, part: Any) -> Any:
        """What is made of a part."""
        return self.made(part)


def _work(told: dict[str, Any]) -> None:
    """What a worker does. It speaks to the desk; a user's error lies there for all, and nobody tries again."""
    desk: Desk = told["desk"]
    if desk.error.exists():
        return
    os.chdir(desk.working_in)
    sys.argv[:] = desk.words
    with open(desk.said, "a", encoding="utf-8", buffering=1) as said, redirect_stdout(said):
        try:
            told["command"]()
        except UserError as error:
            desk.error.write_text(str(error), encoding="utf-8")
            raise


@contextmanager
def _aloud(said: Path) -> Iterator[None]:
    """Print what comes into a file."""
    over = threading.Event()

    def follow() -> None:
        at = 0
        while True:
            last = over.is_set()
            if said.exists():
                with open(said, encoding="utf-8", errors="replace") as file:
                    file.seek(at)
                    print(file.read(), end="", flush=True)
                    at = file.tell()
            if last:
                return
            over.wait(SECONDS)

    following = threading.Thread(target=follow)
    following.start()
    try:
        yield
    finally:
        over.set()
        following.join()
