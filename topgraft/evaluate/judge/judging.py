"""A run before a judge: the questions, and what is written of the answers.

judge/<name>/calls.jsonl      every reply, one line a call, at once
judge/<name>/verdicts.jsonl   every pair with its outcome and the judge's words
judge/<name>/results.json     win rates, reliability, cost; the shape of evaluation/results.json
judge/<name>/rubric.txt       what the judge was asked
judge/agreement.json          judges with one another, and with people who rated the run
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.evaluate.judge.agreement import agreements, judged
from topgraft.evaluate.judge.asking import Asker, Findings
from topgraft.evaluate.judge.budget import Price
from topgraft.evaluate.judge.pairs import Pair
from topgraft.evaluate.judge.people import rated
from topgraft.evaluate.judge.results import results
from topgraft.evaluate.judge.rubric import Message, Rubric
from topgraft.evaluate.judge.verdicts import Judgement, decide
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json, write_whole


def name_of(model: str, rubric: Path | None) -> str:
    """What a judge is called in the run folder: its model, with the rubric's file where that is not the shipped one."""
    return plain_name(f"{model}-{rubric.stem}" if rubric else model)


def plain_name(name: str) -> str:
    """The name as a folder's: letters, digits, dot, dash and underscore. Raises UserError where nothing is left."""
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")
    if not found:
        raise UserError(f"'{name}' has no letter that a folder could be called by. Give the judge a name with --name.")
    return found


def orders(rubric: Rubric, pair: Pair) -> list[list[Message]]:
    """The two questions about a pair: the arm's answer as A, then as B."""
    return [
        rubric.messages(pair.prompt, pair.answer, pair.other, pair.reference),
        rubric.messages(pair.prompt, pair.other, pair.answer, pair.reference),
    ]


@dataclass(frozen=True)
class Questions:
    """All that is to be asked: each pair's two digests (none where its answers are the same), and the messages of
    each."""

    pairs: Sequence[Pair]
    of_pair: Sequence[Sequence[str]]
    messages: Mapping[str, list[Message]]


def questions(pairs: Sequence[Pair], rubric: Rubric, asker: Asker) -> Questions:
    """The questions about all pairs; what two pairs ask alike is asked once."""
    of_pair, messages = [], dict[str, list[Message]]()
    for pair in pairs:
        asked = [] if pair.identical else orders(rubric, pair)
        of_pair.append([asker.digest(question) for question in asked])
        messages |= dict(zip(of_pair[-1], asked, strict=True))
    return Questions(pairs, of_pair, messages)


def write(
    run: RunFolder,
    name: str,
    asked: Questions,
    findings: Findings,
    *,
    rubric: Rubric,
    asker: Asker,
    price: Price | None,
) -> dict[str, Any]:
    """Write verdicts, results and agreement; what results.json holds."""
    folder = run.path / "judge" / name
    verdicts = [decide(pair, digests, findings) for pair, digests in zip(asked.pairs, asked.of_pair, strict=True)]
    records = [asker.kept.find(digest) for digest in dict.fromkeys(_calls(verdicts))]
    calls = [record for record in records if record is not None]
    endpoint = asker.endpoint
    found = {
        "judge": {
            "name": name,
            "model": endpoint.model,
            "served": sorted({str(record.get("served")) for record in calls}),
            "endpoint": endpoint.where.url,
            "parameters": endpoint.parameters,
            "rubric": {"digest": rubric.digest, "source": rubric.source},
            "answers": run.answers_digest(),
            "complete": not any(verdict.outcome == "unjudged" for verdict in verdicts),
        },
        **results(name, verdicts),
        "cost": cost(calls, price),
    }
    write_whole(folder / "rubric.txt", rubric.text)
    lines = (json.dumps(verdict.as_json(), ensure_ascii=False) + "\n" for verdict in verdicts)
    write_whole(folder / "verdicts.jsonl", "".join(lines))
    write_json(folder / "results.json", found)
    groups = {pair.row: pair.group for pair in asked.pairs}
    sources = judged(run.path / "judge") | {"people": rated(run.path)}
    write_json(run.path / "judge" / "agreement.json", agreements(sources, groups))
    return found


def cost(calls: Sequence[Mapping[str, Any]], price: Price | None) -> dict[str, Any]:
    """What the calls behind the verdicts came to, whichever command paid for them. `uncounted` calls told no tokens."""
    told = [record for record in calls if record.get("tokens_in") is not None and record.get("tokens_out") is not None]
    tokens = [sum(record[key] for record in told) for key in ("tokens_in", "tokens_out")]
    return {
        "calls": len(calls),
        "uncounted": len(calls) - len(told),
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        "usd": price.of(*tokens) if price else None,
    }


def _calls(verdicts: Sequence[Judgement]) -> list[str]:
    return [digest for verdict in verdicts for digests in verdict.calls for digest in digests]
