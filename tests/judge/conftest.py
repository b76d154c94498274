"""The server that judges, in a process of its own, and a run for it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from judge_runs import TEXTS, Server, make_run

from topgraft.runs import RunFolder


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server: `serve(judge="good", trouble=["500"])`."""
    running = []

    def start(**says: object) -> Server:
        command = [sys.executable, str(Path(__file__).with_name("server.py"))]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(says) + "\n")
        process.stdin.flush()
        return Server(f"http://127.0.0.1:{int(process.stdout.readline())}/v1")

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two arms, six prompts of three problems."""
    return make_run(tmp_path / "run", TEXTS)
