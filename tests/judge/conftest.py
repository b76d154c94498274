"""The server that judges, in a process of its own, and a run for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from judge_runs import TEXTS, make_run
from judge_server import Server

from topgraft.runs import RunFolder


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server: `serve(judge="good", trouble=["500"])`."""
    running = list[Server]()

    def start(**says: object) -> Server:
        running.append(Server(**says))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two arms, six prompts of three problems."""
    return make_run(tmp_path / "run", TEXTS)
