"""A Ray cluster that a command is connected to, and the desk at which its workers are heard."""

import io
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topgraft.cli.alongside import alongside
from topgraft.errors import UserError

LOCAL = "local"
"""The address of a cluster of this machine alone, which ends with the command."""
PATIENCE = 10.0
"""Seconds in which a cluster's door has to open; Ray itself waits for minutes."""
SECONDS = 0.2
"""Between two looks at what the workers say."""


@dataclass(frozen=True)
class Desk:
    """What a worker is told: whom it speaks to, and where and by which words it was asked."""

    heard: Any
    """The actor that keeps what the workers say."""
    working_in: Path = field(default_factory=Path.cwd)
    words: tuple[str, ...] = field(default_factory=lambda: tuple(sys.argv))

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Inside, this worker stands where the command was given, under its words, and prints to the desk. A user's
        error is said there, and nobody tries again."""
        import ray

        if self.working_in.is_dir():  # machines that share no files may lack it
            os.chdir(self.working_in)
        sys.argv[:] = self.words
        try:
            with redirect_stdout(_Voice(self.heard)):
                yield
        except UserError as error:
            ray.get(self.heard.give_up.remote(str(error)))
            raise
        finally:
            ray.get(self.heard.say.remote(""))  # all before it has arrived by then

    def given_up(self) -> str | None:
        """Why a worker gave up for good; None where none did."""
        import ray

        why: str | None = ray.get(self.heard.why.remote())
        return why


class _Heard:
    """The actor at the desk."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.error: str | None = None

    def say(self, text: str) -> None:
        self.said.append(text)

    def give_up(self, why: str) -> None:
        self.error = self.error or why

    def why(self) -> str | None:
        return self.error

    def take(self) -> str:
        """What was said since the last time."""
        said, self.said = "".join(self.said), []
        return said


class _Voice(io.TextIOBase):
    """A worker's standard output."""

    def __init__(self, heard: Any) -> None:
        self.heard = heard

    def write(self, text: str) -> int:
        """Have it said."""
        self.heard.say.remote(text)
        return len(text)


@contextmanager
def cluster(address: str, workers: int) -> Iterator[tuple[Any, Desk]]:
    """Ray, connected to a cluster, and a desk; what workers say there is printed here. Raises UserError where there is
    no cluster, or it is too small, and for what workers gave up for."""
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    if address == LOCAL:  # its ports are open to the network: only who has this token is let in
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ImportError as error:
        raise UserError(f'--ray needs Ray ({error}): pip install "topgraft[cluster]"') from None
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address == LOCAL else {}
    stop = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **here)
        signal.signal(signal.SIGTERM, stop)  # under Ray's own handler the process aborts three seconds after
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"No Ray cluster answers at {address} ({error}). Start one with `ray start --head`, or write --ray {LOCAL}."
        ) from None
    try:
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < workers:
            raise UserError(f"--workers {workers} needs a core each, and the cluster has {cores}.")
        beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        heard: Any = ray.remote(_Heard)
        desk = Desk(heard.options(num_cpus=0, scheduling_strategy=beside).remote())
        try:
            with _aloud(ray, desk):
                yield ray, desk
        finally:
            if (why := desk.given_up()) is not None:  # whatever came of it here
                raise UserError(why)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where host:port does not open."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdigit():
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()


def _aloud(ray: Any, desk: Desk) -> AbstractContextManager[None]:
    """Inside, what is said at the desk is printed."""

    def follow(over: threading.Event) -> None:
        last = False
        while not last:
            last = over.wait(SECONDS)
            print(ray.get(desk.heard.take.remote()), end="", flush=True)

    return alongside(follow)
