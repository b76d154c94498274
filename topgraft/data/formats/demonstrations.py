"""Prompt and response in one row each: the ordinary shape of demonstrations, preferences and questions.

Columns are named by settings or have usual names (`topgraft.data.formats.columns`). An instruction with an `input`
beside it is asked with it. A file without answers is one of prompts alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topgraft.data.dialogue import is_transcript, opening
from topgraft.data.formats.columns import (
    NO_COLUMN,
    PROMPTS,
    RESPONSES,
    Columns,
    answers_of,
    category_of,
    label_of,
    name_of,
    optional,
    required,
    strength_of,
    text_of,
    usual,
    value_of,
)
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

Answers = Callable[[RawRow], tuple[str, str | None, float]]
"""A row -> response, rejected (None where there is none), strength."""


@dataclass(frozen=True, slots=True)
class Known:
    """The columns of what a row may say besides its answers; "" where there is none."""

    prompt: str
    input: str
    key: str
    group: str
    correct: str
    category: str
    right: str
    wrong: str


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether there is a prompt among the columns."""
    return settings.prompt in columns if settings.prompt else bool(usual(PROMPTS, columns, text=True))


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """Make the rows. A missing column is a UserError; an empty text, doubled id, unreadable label or list is one of its
    row."""
    raw = raw.speaking(settings.lang)
    columns = raw.columns()
    response = _response(columns, settings)
    rejected = optional("rejected", settings.rejected, columns, settings) if response else ""
    strength = optional("strength", settings.strength, columns, settings) if rejected else ""
    _refuse_judgements(columns, response, settings)
    if not response:
        raw.remarks.append("no column of answers: prompts alone (--set data.response=COLUMN names one)")

    def answers(row: RawRow) -> tuple[str, str | None, float]:
        return (
            text_of(row, response) if response else "",
            text_of(row, rejected) if rejected else None,
            strength_of(row, strength) if strength else 1.0,
        )

    found = ", ".join(
        filter(None, [f"response '{response}'" if response else "", f"rejected '{rejected}'" * bool(rejected)])
    )
    return made(raw, settings, answers, found)


def made(raw: Table, settings: "DataSettings", answers: Answers, found: str) -> list[Demonstration]:
    """The rows, each with the answers that `answers` finds in it in the columns `found`."""
    columns = raw.columns()
    known = _known(columns, settings)
    raw.remarks.append(
        ", ".join(filter(None, [f"prompt '{known.prompt}'", f"with '{known.input}'" * bool(known.input), found]))
    )
    rows, places = list[Demonstration](), dict[str, str]()
    for number, row in enumerate(raw, start=1):
        with raw.at(row):
            key = name_of(row, known.key) if known.key else f"row-{number}"
            if key in places:
                raise UserError(
                    f"{row.place}: the id '{key}' was used before ({places[key]}). Ids must differ; "
                    f"write --set data.key={NO_COLUMN} to have the rows numbered instead."
                )
            response, rejected, strength = answers(row)
            rows.append(_row(row, key, known, response, rejected, strength))
            places[key] = row.place
    return rows


def _known(columns: Columns, settings: "DataSettings") -> Known:
    def optionally(field: str) -> str:
        return optional(field, getattr(settings, field), columns, settings)

    prompt = required("prompt", settings.prompt, PROMPTS, columns, settings)
    beside = usual(("input",), columns, text=True) if prompt.lower() == "instruction" else ""
    names = ("key", "group", "correct", "category", "right", "wrong")
    return Known(prompt, beside, *(optionally(name) for name in names))


def _response(columns: Columns, settings: "DataSettings") -> str:
    """The column of the responses; "" where only prompts are wanted, or nothing else is there."""
    if settings.view == "prompts":
        return ""
    if settings.response or usual(RESPONSES, columns, text=True) or settings.view != "auto":
        return required("response", settings.response, RESPONSES, columns, settings)
    misread = usual(RESPONSES, columns)
    return required("response", misread, RESPONSES, columns, settings) if misread else ""


def _refuse_judgements(columns: Columns, response: str, settings: "DataSettings") -> None:
    """Raise UserError for answers judged one by one, as TRL's KTO takes them: those judged bad would be learned."""
    label = usual(("label",), columns)
    judged = str(columns.get(label)).lower() in ("true", "false")
    if response and judged and settings.correct != label:
        raise UserError(
            f"{settings.source} judges its answers one by one: '{label}' is true or false beside '{response}'. All of "
            f"them would be learned. Keep the rows whose '{label}' is true, or write pairs, the wanted answer in "
            f"'chosen' and the other in 'rejected'. Is it the label of the prompt? Then --set data.correct={label}."
        )


def _row(row: RawRow, key: str, known: Known, response: str, rejected: str | None, strength: float) -> Demonstration:
    prompt, asked = text_of(row, known.prompt), value_of(row, known.prompt)
    if known.input and value_of(row, known.input):
        prompt = f"{prompt}\n\n{text_of(row, known.input)}"
    dialogue = opening(asked) if is_transcript(asked) else prompt
    return Demonstration(
        key=key,
        group=name_of(row, known.group) if known.group else dialogue,
        prompt=prompt,
        response=response,
        correct=label_of(row, known.correct) if known.correct else None,
        category=category_of(row, known.category) if known.category else "",
        right=answers_of(row, known.right, "right") if known.right else (),
        wrong=answers_of(row, known.wrong, "wrong") if known.wrong else (),
        rejected=rejected,
        strength=strength,
        part=row.part,
    )
