"""What is fuzzed: every reader of what others wrote, as a function of bytes, with examples that it understands.

A target returns, or raises UserError; anything else is a defect. All of them are the real readers on real files.
"""

import asyncio
import atexit
import gzip
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from topgraft.data.levels import read_levels
from topgraft.data.programs.labelling import problems_of, programs_of, same
from topgraft.data.reading import DataSettings, digest, read_all
from topgraft.data.sources import raw_rows
from topgraft.data.splitting import split
from topgraft.data.voices import read_voices
from topgraft.errors import UserError
from topgraft.evaluate.judge.endpoint import Address, Endpoint, Passing, retry_after
from topgraft.evaluate.judge.rubric import read_rubric, read_verdict
from topgraft.rating.questions import DIMENSIONS, read_dimensions
from topgraft.rating.server import application
from topgraft.rating.store import Store
from topgraft.rating.study import new_study
from topgraft.recipe import build, overlay, parse_set, read_recipe, scales_of
from topgraft.train.settings import settings_of

TOKEN = "t" * 32


@cache
def folder() -> Path:
    """A folder of this process, removed at its end."""
    made = Path(tempfile.mkdtemp(prefix="topgraft-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def kept(data: bytes, name: str) -> str:
    """The path of a file that holds `data`."""
    path = folder() / name
    path.write_bytes(data)
    return str(path)


def _rows(name: str) -> Callable[[bytes], None]:
    """Rows of a file as a run reads them: strictly, and then without those that are bad."""

    def read(data: bytes) -> None:
        source = kept(data, name)
        for skip in (False, True):
            with suppress(UserError):
                found = read_all(DataSettings(source=source, skip_bad=skip))
                digest(found.rows)
                split(found.rows, (0.7, 0.2, 0.1), 0)

    return read


def _views(data: bytes) -> None:
    """The first byte says what is taken of the rows; the others are the file."""
    views = ("auto", "conversations", "pairs", "prompts")
    asked: dict[str, Any] = {"source": kept(data[1:], "views.jsonl"), "view": views[data[0] % 4] if data else "auto"}
    asked |= {"prompt": "a.b"} if data[:1] > b"\x7f" else {}
    read_all(DataSettings(**asked))


def _encodings(data: bytes) -> None:
    """The first line names an encoding; the others are the file."""
    encoding, _, rest = data.partition(b"\n")
    read_all(DataSettings(source=kept(rest, "encoded.csv"), encoding=encoding.decode("latin-1")))


def _others(data: bytes) -> None:
    """The readers of texts of known level, of other voices, and of programs with their tests."""
    source = kept(data, "others.jsonl")
    for reader in (read_levels, read_voices):
        with suppress(UserError):
            reader(source)
    with suppress(UserError):
        problems_of(raw_rows(source))
    with suppress(UserError):
        programs_of(raw_rows(source), {})
    found, _, wanted = data.decode("utf-8", "replace").partition("\n")
    same(found, wanted)


def _recipe(data: bytes) -> None:
    """A recipe from its file, at each of its scales."""
    path = kept(data, "recipe.toml")
    for scale in [None, *scales_of(path)]:
        with suppress(UserError):
            settings_of(read_recipe(path, scale=scale))


@cache
def _professor() -> dict[str, Any]:
    return read_recipe("professor")


def _sets(data: bytes) -> None:
    """The values of --set, one a line, on a shipped recipe."""
    raw = _professor()
    for line in data.decode("utf-8", "replace").split("\n"):
        raw = overlay(raw, parse_set(line))
    settings_of(raw)


def _settings(data: bytes) -> None:
    """Any tables and values in the place of a recipe."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(raw, dict):
        with suppress(UserError):
            settings_of(raw)
        build(DataSettings, raw)


def _dimensions(data: bytes) -> None:
    """Questions to raters, and a rubric for a judge, from files."""
    with suppress(UserError):
        read_dimensions(kept(data, "questions.toml"))
    read_rubric(Path(kept(data, "rubric.txt"))).messages("{prompt}", "a", "b", data.decode("utf-8", "replace"))


@cache
def _endpoint() -> Endpoint:
    return Endpoint(Address("http://127.0.0.1:9/v1", "sk-0123456789"), "judge", {}, 1.0)


def _reply(data: bytes) -> None:
    """What an endpoint sends back: its body, a reply's text, a header."""
    text = data.decode("utf-8", "replace")
    with suppress(Passing):
        read_verdict(_endpoint()._read(text).text)
    read_verdict(text)
    retry_after({"retry-after": text[:200]})


@cache
def _page() -> Callable[..., Any]:
    rows = [{"id": f"r{n}", "arm": arm, "prompt": "p", "response": arm * 2} for n in range(3) for arm in ("a", "b")]
    store = Store(folder() / "rating" / "ratings.sqlite")
    return application(store, store.begin(new_study(rows, None, DIMENSIONS, prompts=3, repeat=0.2, seed=1)), f"{TOKEN}")


def _request(data: bytes) -> None:
    """A request to the rating page: its path, a line break, its body. 4xx and 2xx are answers, 5xx a defect."""
    path, _, body = data.partition(b"\n")
    name = path.decode("utf-8", "replace").removeprefix("/")
    for under in (f"/{TOKEN}/{name}", f"/{name}"):
        status = asyncio.run(_ask(under, body, "POST" if body else "GET"))
        assert status < 500, f"{under}: {status}"


async def _ask(path: str, body: bytes, method: str) -> int:
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [], "client": (str(id(sent)), 1), "http_version": "1.1", "scheme": "http", "root_path": ""}
    await _page()(scope, receive, send)
    return int(sent[0]["status"])


@dataclass(frozen=True)
class Target:
    """A reader, and inputs that it understands."""

    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


ASK = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
JSONL = (
    _lines({"id": "a", "problem": "x", "prompt": "p", "response": "r", "correct": True, "category": "c"}),
    _lines({"prompt": "p", "chosen": "a", "rejected": "b", "strength": 0.5, "right_answers": ["a"], "lang": "en"}),
    _lines({"messages": ASK, "conversation_id": 3}, {"conversations": [{"from": "human", "value": [{"text": "x"}]}]}),
    _lines({"chosen": ASK, "rejected": [ASK[0], {"role": "assistant", "content": "No."}]}),
    _lines({"prompt": ASK[:1], "response_a": "1", "response_b": "2", "winner": "a"}),
    _lines({"prompt": "p", "output_1": "1", "output_2": "2", "score_1": 1.5, "score_2": 0, "preference_strength": -1}),
    _lines({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}),
    _lines({"message_id": "1", "parent_id": None, "text": "t", "role": "prompter", "lang": "en", "rank": 0}),
    _lines(
        {
            "prompt": {
                "message_id": "1",
                "text": "t",
                "role": "prompter",
                "replies": [{"message_id": "2", "text": "u", "role": "assistant", "rank": 1}],
            }
        }
    ),
    _lines({"key": "k", "group": "g", "prompt": "p", "response": "r", "right": ["x"], "wrong": [], "part": "train"}),
    _lines({"instruction": "i", "input": "n", "output": "o", "part": "test"}, "text", [1], None),
    _lines({"topic": "t", "level": 2, "text": "x"}, {"id": "a", "voice": "v", "feedback": "f"}),
    _lines(
        {"question": 1, "tests": [{"input": "f(1)", "output": "2"}], "code": "def f(x): return 2", "label": "wrong"}
    ),
)
JSON = (
    *(b"[" + row.strip().replace(b"\n", b",") + b"]" for row in JSONL),
    b'{"rows": [{"prompt": "p", "response": "r"}]}',
)
CSV = (
    b'id,prompt,response,correct\n1,"a, ""b""\nc",d,true\n2,=1+1,"\'+2",0\n',
    b"\xef\xbb\xbfprompt;response\r\na;b\r\n\r\nc;d;e\r\n",
    b"question\tchosen\trejected\nq\ta\tb\n",
)
RECIPE = (
    b"""extends = "professor"
stages = ["sft"]
[arms.a]
train = ["sft", "dpo"]
model.layers = "full"
[arms.b]
best_of = 4
""",
    b"""name = "x"
seed = 1
stages = []
[data]
source = "rows.csv"
split = [0.8, 0.1, 0.1]
[scale.tiny]
ppo.steps = 2
""",
    b"""[rewards.brief]
use = "length"
weight = 0.5
options = { least = 3 }
[learners.mine]
use = "x.py:Y"
[evaluate]
metrics = ["bleu", "x.py:Z"]
""",
    b"""[model]
layers = [1, 2]
dtype = "auto"
lora = { rank = 4, targets = ["attention"] }
[evaluate]
decoding = "greedy"
[constraint]
high = ["a"]
""",
)
SETS = (b"ppo.steps=20\nmodel.layers=[1, 2]\ndata.source=x", b"arms.a.train=['sft']\nname=x\nevaluate.metrics=['bleu']")
REPLIES = (
    b'{"choices": [{"message": {"content": "A is right.\\n**Verdict: A**"}, "finish_reason": "stop"}], '
    b'"usage": {"prompt_tokens": 3}}',
    b"So both.\nVerdict: tie",
    b"Wed, 21 Oct 2015 07:28:00 GMT",
    b"3.5",
)
REQUESTS = (
    b"",
    b"page.js",
    b'start\n{"name": "anna"}',
    b'click\n{"id": "0000-0000-00", "rater": 1, "screen": 0, "question": "coherence", "value": "4"}',
    b"../token",
)
QUESTIONS = (
    b'[clear]\nmeans = "m"\none = "1"\nfive = "5"\n',
    b"Judge.\n---\n{prompt} {answer_a} {answer_b} {reference} {mark}",
)


def _parquet() -> tuple[bytes, ...]:
    import pyarrow
    import pyarrow.parquet

    found = []
    for row in JSONL[:7]:
        table = pyarrow.Table.from_pylist([json.loads(line) for line in row.splitlines()])
        file = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(table, file)
        found.append(file.getvalue().to_pybytes())
    return tuple(found)


TARGETS = {
    "jsonl": Target(_rows("rows.jsonl"), JSONL),
    "json": Target(_rows("rows.json"), JSON),
    "csv": Target(_rows("rows.csv"), CSV),
    "gz": Target(_rows("rows.jsonl.gz"), tuple(gzip.compress(seed, mtime=0) for seed in JSONL)),
    "parquet": Target(_rows("rows.parquet"), _parquet()),
    "views": Target(_views, tuple(bytes([n % 8 * 32]) + seed for n, seed in enumerate(JSONL))),
    "encodings": Target(
        _encodings, tuple(name + b"\n" + CSV[0] for name in (b"utf-8", b"latin-1", b"utf-16", b"idna"))
    ),
    "others": Target(_others, (*JSONL[-2:], b"[1, {2: 3}]\n[1, {2: 3.0}]")),
    "recipe": Target(_recipe, RECIPE),
    "sets": Target(_sets, SETS),
    "settings": Target(
        _settings, (b'{"name": "x", "stages": ["sft"], "arms": {"a": {"train": ["sft"]}}, "model": {}}',)
    ),
    "questions": Target(_dimensions, QUESTIONS),
    "replies": Target(_reply, REPLIES),
    "requests": Target(_request, REQUESTS),
}
"""Name -> target."""
