"""Where the rows come from: a shipped set, a file, a prepared folder, a URL or the hub -> a list of `Demonstration`.

    rows = read(DataSettings(source="answers.csv", prompt="question", response="answer"))
    splits = split(rows, settings.split, settings.split_seed)

`topgraft.data.sources` finds and opens the source, a format of `topgraft.data.formats` makes the rows of it.
`read_all` also says how it was understood and what was left out.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, field_validator

from topgraft.data.formats import pick, recognise
from topgraft.data.formats.columns import NO_COLUMN
from topgraft.data.remote import is_url, refuse_secrets
from topgraft.data.sources import raw_rows
from topgraft.data.splitting import PARTS
from topgraft.data.table import Fault, Table, refuse
from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.records import Demonstration


class DataSettings(LengthSettings):
    """[data]: which rows, which columns, which parts. What is not said here is recognised."""

    source: str = "feedback-200"
    """A shipped set, a file (.json, .jsonl, .csv, .tsv, .parquet, each also .gz), a folder (of `topgraft data prepare`,
    or with a file for train, test and validation each), the URL of a file, or a hub id ("owner/name",
    "owner/name:config", "owner/name#test"). ${TOPGRAFT_DATA_TOKEN} in a URL stands for what the environment calls
    so."""
    format: str = "auto"
    """The shape of the rows: "auto", a name (docs/data.md), or "package.module:function" of your own."""
    view: str = Field("auto", pattern="^(auto|conversations|pairs|prompts)$")
    """What is taken of each row: "conversations" (prompt and response), "pairs" (rows with a rejected answer only),
    "prompts" (no answers: for PPO, GRPO and RLOO) or "auto": all that the row has (of OpenAssistant's trees
    conversations)."""
    prompt: str = ""
    """Column of the prompts; one inside an object is named with dots ("question.text"). Empty: the first there is of
    prompt, instruction (with input), question, query, input, user, human, text."""
    response: str = ""
    """Column of the responses; empty: the first there is of professor_feedback, completion, response, output,
    answer, chosen, best_answer, correct_answer, assistant, target, chosen_response."""
    group: str = ""
    """Column whose equal values stay in one part of the split; empty: "problem" (or, of dialogues, their tree or
    conversation_id) where there is one, else the rows of one prompt or first question together ("-": always)."""
    key: str = ""
    """Column of the rows' ids; empty: "id" where there is one, else the rows are numbered ("-": always)."""
    correct: str = ""
    """Column that says whether the work judged is right; empty: "correct" where there is one ("-": none)."""
    category: str = ""
    """Column of what sort of prompt it is, for rewards and figures by category; empty: "category" where there is one
    ("-": none)."""
    right: str = ""
    """Column of answers known to be right, for rewards: a list of texts, or one text with "; " between the answers;
    empty: "right_answers" or "correct_answers" where there is one ("-": none)."""
    wrong: str = ""
    """Column of answers known to be wrong, written alike; empty: "wrong_answers" or "incorrect_answers" where there is
    one ("-": none)."""
    rejected: str = ""
    """Column of answers that people liked less than the response; empty: the first there is of rejected,
    rejected_response, best_incorrect_answer, incorrect_answer ("-": none)."""
    strength: str = ""
    """Column of how clear that preference was, a number from 0 (a tie); empty: "strength" where there is one ("-":
    none, each counts as 1)."""
    lang: str = ""
    """Only what is in this language, by the source's own column lang, e.g. "en"; empty: all."""
    encoding: str = "utf-8"
    """Encoding of text files, e.g. "latin-1" or "utf-16"."""
    skip_bad: bool = False
    """Go on without rows that cannot be used, and say which; false: the first of them is an error."""
    part: str = ""
    """Column that says which part each row is in, "train", "test" or "validation"; empty: "part" where it says so in
    every row, else groups are shared out as `split` says ("-": always)."""
    split: tuple[float, float, float] = (0.7, 0.2, 0.1)
    """Shares of train, test and validation, in groups. A source with parts of its own keeps them."""
    split_seed: int = 0
    """Which groups go where."""
    license: str = ""
    """The data's licence, e.g. "CC-BY-4.0", for the card of an exported model; empty: not stated (data that ship with
    topgraft are Apache-2.0)."""
    max_rows: int = 0
    """Keep at most so many rows, as whole groups spread evenly over the source; 0 keeps all."""

    @field_validator("source")
    @classmethod
    def _no_secrets(cls, source: str) -> str:
        if is_url(source):
            refuse_secrets(source)  # before anything is written that would show it
        return source


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a source gave: the rows, and how they were got."""

    rows: list[Demonstration]
    format: str
    found: int
    """Rows of the source that could be used, and could not."""
    remarks: list[str]
    """How the rows were understood."""
    left_out: list[Fault]
    odd: list[Fault]
    """Rows that are used although something about them is strange."""

    @property
    def answered(self) -> bool:
        """Whether any row has a response."""
        return any(row.response for row in self.rows)


def read(settings: DataSettings) -> list[Demonstration]:
    """Read the rows of `settings.source`, in its order. Whatever is wrong is a UserError that says where."""
    return read_all(settings).rows


def read_all(settings: DataSettings) -> Reading:
    """Read a source, and say how. Bad rows are a UserError, or with `settings.skip_bad` left out and named."""
    raw = raw_rows(settings.source, settings.encoding, tolerant=settings.skip_bad)
    refuse(raw.faults, len(raw), skipping=settings.skip_bad)
    if not raw:
        raise UserError(f"{settings.source} has no rows. Every part of the split needs one at least.")
    _put_into_parts(raw, settings)
    found = len(raw) + len(raw.faults)
    name = recognise(raw, settings) if settings.format == "auto" or raw.format else settings.format
    rows = pick(name)(raw, settings)
    refuse(raw.faults, len(rows) if isinstance(rows, list) else 0, skipping=settings.skip_bad)
    _check(rows, raw, name, settings)
    return Reading(
        rows=thin(_view(rows, settings), settings.max_rows),
        format=name,
        found=found,
        remarks=raw.remarks,
        left_out=raw.faults,
        odd=raw.odd,
    )


def _put_into_parts(raw: Table, settings: DataSettings) -> None:
    """Take the rows' parts from their column, where there is one and the source has not named them itself."""
    column = settings.part or "part"
    if column == NO_COLUMN or any(row.part for row in raw):
        return
    other = [row for row in raw if row.values.get(column) not in PARTS]
    if not other:
        raw[:] = [replace(row, part=row.values[column]) for row in raw]
        raw.remarks.append(f"parts of its own: column '{column}'")
    elif settings.part:
        raise UserError(
            f"{other[0].place}: '{column}' is {other[0].values.get(column)!r:.60}. Write {', '.join(PARTS)}; or have "
            f"the rows shared out by data.split: --set data.part={NO_COLUMN}."
        )


def _check(rows: Any, raw: Table, name: str, settings: DataSettings) -> None:
    """Raise UserError where a format made no rows."""
    if not isinstance(rows, list) or not all(isinstance(row, Demonstration) for row in rows):
        raise UserError(
            f"data.format = '{name}' must make a list of topgraft.records.Demonstration out of "
            f"the {len(raw)} rows of {settings.source}; it made {rows!r:.60}."
        )
    if not rows:
        raise UserError(
            f"data.format = '{name}' must make a list of topgraft.records.Demonstration out of the {len(raw)} rows of "
            f"{settings.source}; it made none (data.view = '{settings.view}')."
        )
    if any(row.part for row in raw) and not all(row.part for row in rows):
        raise UserError(
            f"{settings.source} has parts of its own, and data.format = '{name}' loses them: give each Demonstration "
            f"part=row.part of the row that it is made of."
        )


def _view(rows: list[Demonstration], settings: DataSettings) -> list[Demonstration]:
    """What is asked for of each row."""
    if settings.view == "prompts":
        return [replace(row, response="", rejected=None, strength=1.0) for row in rows]
    if settings.view == "conversations":
        return [replace(row, rejected=None, strength=1.0) for row in rows]
    if settings.view == "pairs":
        pairs = [row for row in rows if row.rejected is not None]
        if not pairs:
            raise UserError(
                f"data.view = 'pairs', but no row of {settings.source} has a rejected answer. Name its column with "
                f"data.rejected, or leave data.view out."
            )
        return pairs
    return rows


def digest(rows: Sequence[Demonstration]) -> str:
    """16 hex digits that change with any text, id, group, label, category, known answer, part or the order of the
    rows."""
    state = hashlib.sha256()
    for row in rows:
        line: list[Any] = [row.key, row.group, row.prompt, row.response, row.correct]
        if row.category or row.right or row.wrong:  # rows without them keep the digest that they always had
            line += [row.category, row.right, row.wrong]
        if row.rejected is not None:
            line += [row.rejected, row.strength]
        if row.part:
            line.append(row.part)
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
