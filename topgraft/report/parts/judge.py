"""What language models said of the arms: win rates, whether such a judge can be believed, its rubric and its words."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topgraft.report.document import Answer, Answers, Block, Fold, Listing, Section, Table, Text
from topgraft.report.words.judged import cell_text, missing_words, pair_rows, reliability_words
from topgraft.report.words.numbers import MISSING, count, number, show
from topgraft.report.words.results import listed, mapping
from topgraft.runs import RunFolder
from topgraft.runs.writing import read_lines

HEADER = (
    "Arm",
    "Against",
    "Win rate",
    "At equal lengths",
    "Reading",
    "Wins, ties, losses",
    "Orders agree",
    "Longer",
    "n",
)
OUTCOMES = ("win", "loss", "tie", "unreadable")
STALE = "The answers were made anew since {judge} read them: these figures speak of the earlier ones. Judge again."


def judge_section(run: RunFolder) -> Section | None:
    """The section of all judges of the run; None where none was asked."""
    folders = [path.parent for path in sorted(run.path.glob("judge/*/results.json"))]
    judges = [(folder, found) for folder in folders if listed(found := _read(folder / "results.json"), "pairs")]
    if not judges:
        return None
    blocks: list[Block] = [
        Text(
            text="A language model read two answers to the same prompt and said which is better, once with either "
            "answer first. An arm wins where it is named in both orders and loses where the other is; readable "
            "verdicts that differ are a tie, which counts 1/2. Intervals resample problems. 0.5 is no preference."
        )
    ]
    for folder, found in judges:
        blocks += _judge_blocks(folder, found, run)
    blocks += [_costs(judges), *_agreement(run)]
    for folder, found in judges:
        blocks += _folds(folder, found, _by_name(run.responses()))
    return Section(anchor="judge", title="Judge", blocks=blocks)


def _by_name(responses: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """(row, arm) -> answer; the later ones to a prompt are "ROW, response N", as verdicts.jsonl calls them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    turns = Counter[tuple[str, str]]()
    for record in responses:
        place = row, arm = str(record.get("id")), str(record.get("arm"))
        turns[place] += 1
        found[row if turns[place] == 1 else f"{row}, response {turns[place]}", arm] = record
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _source(folder: Path, name: str) -> str:
    return f"judge/{folder.name}/{name}"


def _judge_blocks(folder: Path, found: dict[str, Any], run: RunFolder) -> list[Block]:
    judge = mapping(found.get("judge"))
    rows = [
        [row.arm, row.against, row.raw, row.even, row.reading, row.fallen, row.agree, row.longer, row.n]
        for row in pair_rows(found)
    ]
    caption = (
        f"By {judge.get('model')}. At equal lengths: a logistic regression, its length term set to 0. Orders agree: "
        "share of the pairs asked about on which both say the same. Longer: share of the pairs in which the arm's "
        "answer is the longer one. n: pairs with a readable verdict."
    )
    table = Table(
        name=f"Win rates by {folder.name}",
        header=HEADER,
        rows=rows,
        caption=caption,
        source=_source(folder, "results.json"),
        numeric=frozenset({2, 3, 6, 7, 8}),
    )
    notices = [Text(text=words, notice=True) for words in missing_words(found)]
    if judge.get("answers") not in (None, run.answers_digest()):
        notices.append(Text(text=STALE.format(judge=folder.name), notice=True))
    return [table, *notices, Text(text=" ".join(reliability_words(found)))]


def _costs(judges: Sequence[tuple[Path, dict[str, Any]]]) -> Table:
    rows = []
    for folder, found in judges:
        judge, cost = mapping(found.get("judge")), mapping(found.get("cost"))
        served, usd = ", ".join(map(str, judge.get("served") or [])), number(cost.get("usd"))
        rubric = str(mapping(judge.get("rubric")).get("digest") or MISSING)
        tokens = [count(cost.get(key)) for key in ("tokens_in", "tokens_out")]
        price = MISSING if usd is None else f"{usd:.2f}"
        rows.append([folder.name, served, str(judge.get("endpoint")), rubric, str(cost.get("calls")), *tokens, price])
    return Table(
        name="Judges",
        header=("Judge", "Model as served", "Endpoint", "Rubric", "Calls", "Tokens in", "Tokens out", "USD"),
        rows=rows,
        caption="What the calls behind the verdicts came to. Tokens as the endpoint counts them.",
        source="judge/*/results.json (cost), judge/*/calls.jsonl",
        numeric=frozenset({4, 5, 6, 7}),
    )


def _agreement(run: RunFolder) -> list[Block]:
    try:
        found = json.loads((run.path / "judge" / "agreement.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    rows = []
    for entry in entries:
        same, kappa = mapping(entry.get("agreement")), number(entry.get("kappa"))
        names = [str(entry.get("first")), str(entry.get("second"))]
        rows.append([*names, cell_text(same), MISSING if kappa is None else show(kappa, 2), str(same.get("n"))])
    if not rows:
        return []
    table = Table(
        name="Agreement between judges",
        header=("First", "Second", "Say the same", "Cohen's kappa", "n"),
        rows=rows,
        caption="On the pairs that both judged: share with the same outcome (win, tie, loss), and kappa, which takes "
        "off what chance brings.",
        source="judge/agreement.json",
        numeric=frozenset({2, 3, 4}),
    )
    return [table]


def _folds(folder: Path, found: dict[str, Any], responses: dict[tuple[str, str], dict[str, Any]]) -> list[Block]:
    rubric = folder / "rubric.txt"
    blocks: list[Block] = []
    if rubric.exists():
        text = rubric.read_text(encoding="utf-8", errors="replace")
        blocks.append(Fold(title=f"What {folder.name} was asked", blocks=[Listing(text=text)]))
    verdicts = list(read_lines(folder / "verdicts.jsonl"))
    shown = []
    for outcome in OUTCOMES:
        own = (verdict for verdict in verdicts if verdict.get("outcome") == outcome and verdict.get("words"))
        shown += [_pair(verdict, responses) for verdict, _ in zip(own, range(1), strict=False)]
    if shown:
        title = f"Pairs in the words of {folder.name}: the first of each outcome"
        blocks.append(Fold(title=title, blocks=shown))
    return blocks


def _pair(verdict: dict[str, Any], responses: dict[tuple[str, str], dict[str, Any]]) -> Answers:
    key, arm, against = (str(verdict.get(name)) for name in ("id", "arm", "against"))
    own, other = (mapping(responses.get((key, name))) for name in (arm, against))
    orders = zip(("shown first", "shown second"), verdict["words"], verdict.get("named") or [], strict=False)
    names = {"arm": arm, "against": against}
    answers = [
        Answer(title=arm, text=str(own.get("response") or "")),
        Answer(title=against, text=str(other.get("response") or "")),
        *(
            Answer(title=f"The judge, {arm} {place}", text=str(words), facts=[f"names {names.get(named, named)}"])
            for place, words, named in orders
        ),
    ]
    return Answers(
        key=f"{key}: {verdict.get('outcome')} of {arm}", prompt=str(own.get("prompt") or ""), answers=answers
    )
