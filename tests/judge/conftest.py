"""A run with answers to judge, and the server that judges them."""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from topgraft.evaluate.judge.asking import Asker
from topgraft.evaluate.judge.budget import Budget, parse_limit
from topgraft.evaluate.judge.endpoint import Address, Endpoint
from topgraft.evaluate.judge.kept import Kept, shared_file
from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_whole

TEXTS = [  # sft against base: what the judge "good" says of each row
    ("GOOD", "bad", "win"),
    ("so GOOD", "bad too", "win"),
    ("bad", "GOOD", "loss"),
    ("GOOD one", "another GOOD one", "tie"),
    ("alike", "alike", "tie"),
    ("GOOD again", "", "win"),
]


@dataclass(frozen=True)
class Server:
    """The server's address, and what it has seen."""

    url: str

    def tell(self, **says: object) -> None:
        request = urllib.request.Request(self.url, data=json.dumps(says).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=30).read()

    def seen(self) -> list[dict]:
        return json.loads(urllib.request.urlopen(self.url, timeout=30).read())

    def answered(self) -> Counter[str]:
        """How often each question was answered."""
        return Counter(entry["content"] for entry in self.seen() if entry["answered"])


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


def make_run(path: Path, texts: list[tuple[str, str, str]]) -> RunFolder:
    folder = RunFolder(path)
    write_whole(folder.recipe_file, 'name = "judged"\n')
    for arm in (1, 0):
        for place, row in enumerate(texts):
            record = {"id": f"row-{place}", "problem": f"p{place // 2}", "arm": ["sft", "base"][arm]}
            append_line(
                folder.responses_file, record | {"prompt": f"Ask {place}?", "response": row[arm], "reference": "R"}
            )
    return folder


def asker(server: Server, run: RunFolder, *, key: str = "", workers: int = 4, **more) -> Asker:
    """An asker as the command makes it, with short waits."""
    parameters = more.pop("parameters", {"temperature": 0, "max_tokens": 64})
    budget, seconds = more.pop("budget", None), more.pop("seconds", 30)
    endpoint = Endpoint(Address(server.url, key), "tester", parameters, seconds)
    kept = Kept(run.path / "judge" / "tester" / "calls.jsonl", shared_file("tester"))
    limit = Budget(parse_limit(budget) if budget else None, more.pop("price", None))
    return Asker(endpoint, kept, limit, workers=workers, per_minute=None, first_wait=0.01, **more)
