"""A run with answers to judge, and who asks for it."""

from pathlib import Path

from judge_server import Server

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
