"""Where the rows come from: a shipped set, a local file, a URL or the hub -> a list of `Demonstration`.

    rows = read(DataSettings(source="answers.csv", prompt="question", response="answer"))
    splits = split(rows, settings.split, settings.split_seed)

`topgraft.data.sources` finds and opens the source, a format of `topgraft.data.formats` makes the rows of it.
"""

import hashlib
import json
from typing import Any

from topgraft.data.formats import pick
from topgraft.data.sources import raw_rows
from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.records import Demonstration


class DataSettings(LengthSettings):
    """[data]: which rows, which columns, which parts."""

    source: str = "feedback-200"
    """A shipped set, a file (.json, .jsonl, .csv, .parquet, each also .gz), the URL of one, or a hub id
    ("owner/name", "owner/name:config", "owner/name#test")."""
    format: str = "auto"
    """The shape of the rows: "auto", a name, or "package.module:function" of your own."""
    prompt: str = "prompt"
    """Column of the prompts."""
    response: str = ""
    """Column of the responses; empty: the first there is of professor_feedback, completion, response, output,
    answer, chosen."""
    group: str = ""
    """Column whose equal values stay in one part of the split; empty: "problem" where there is one, else
    the rows of one prompt together ("-": always)."""
    key: str = ""
    """Column of the rows' ids; empty: "id" where there is one, else the rows are numbered ("-": always)."""
    correct: str = ""
    """Column that says whether the work judged is right; empty: "correct" where there is one ("-": none)."""
    category: str = ""
    """Column of what sort of prompt it is, for rewards and figures by category; empty: "category" where there is one
    ("-": none)."""
    right: str = ""
    """Column of answers known to be right, for rewards: a list of texts, or one text with "; " between the answers;
    empty: "right_answers" where there is one ("-": none)."""
    wrong: str = ""
    """Column of answers known to be wrong, written alike; empty: "wrong_answers" where there is one ("-": none)."""
    rejected: str = ""
    """Column of answers that people liked less than the response; empty: "rejected" where there is one ("-": none)."""
    strength: str = ""
    """Column of how clear that preference was, a number from 0 (a tie); empty: "strength" where there is one ("-":
    none, each counts as 1)."""
    part: str = ""
    """Column that says which part each row is in, "train", "test" or "validation"; empty: "part" where there is one,
    else groups are shared out as `split` says ("-": always)."""
    split: tuple[float, float, float] = (0.7, 0.2, 0.1)
    """Shares of train, test and validation, in groups, where the rows do not name their part."""
    split_seed: int = 0
    """Which groups go where."""
    max_rows: int = 0
    """Keep at most so many rows, as whole groups spread evenly over the source; 0 keeps all."""


def read(settings: DataSettings) -> list[Demonstration]:
    """Read the rows of `settings.source`, in its order. Whatever is wrong is a UserError that says where."""
    raw = raw_rows(settings.source)
    if not raw:
        raise UserError(f"{settings.source} has no rows. Every part of the split needs one at least.")
    rows = pick(settings.format, raw, settings)(raw, settings)
    if not rows or not all(isinstance(row, Demonstration) for row in rows):
        raise UserError(
            f"data.format = '{settings.format}' must make a list of topgraft.records.Demonstration out of "
            f"the {len(raw)} rows of {settings.source}; it made {rows!r:.60}."
        )
    return thin(rows, settings.max_rows)


def digest(rows: list[Demonstration]) -> str:
    """16 hex digits that change with any text, id, group, label, category, known answer or part, or the rows' order."""
    state = hashlib.sha256()
    for row in rows:
        line: list[Any] = [row.key, row.group, row.prompt, row.response, row.correct]
        if row.category or row.right or row.wrong:  # rows without them keep the digest that they always had
            line += [row.category, row.right, row.wrong]
        if row.rejected is not None:
            line += [row.rejected, row.strength]
        if row.part:
            line += [row.part]
        state.update(json.dumps(line).encode() + b"\n")
    return state.hexdigest()[:16]


def thin(rows: list[Demonstration], limit: int) -> list[Demonstration]:
    """At most `limit` rows (0 = all), as whole groups spread evenly over the source, in its order.

    The groups are visited in bit-reversed order (first, middle, quarters, ...); one too large for what is
    left of the limit is passed over.
    """
    if limit < 0:
        raise UserError(f"data.max_rows = {limit} must be 0 (all rows) or more.")
    if limit == 0 or len(rows) <= limit:
        return rows
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.group] = sizes.get(row.group, 0) + 1
    names, bits = list(sizes), (len(sizes) - 1).bit_length()
    kept: set[str] = set()
    left = limit
    for visit in range(1 << bits):
        place = int(f"{visit:0{bits}b}"[::-1], 2) if bits else 0
        if place < len(names) and sizes[names[place]] <= left:
            kept.add(names[place])
            left -= sizes[names[place]]
    if not kept:
        raise UserError(
            f"data.max_rows = {limit}, but every group has {min(sizes.values())} rows or more, and "
            f"whole groups are kept. Raise it, or write --set data.group=- to have every row count for itself."
        )
    return [row for row in rows if row.group in kept]
