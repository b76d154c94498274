"""Prompt and response in one row each: the ordinary shape of demonstrations."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from topgraft.data.files import RawRow
from topgraft.data.splitting import PARTS
from topgraft.errors import UserError, nearest
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

RESPONSES = ("professor_feedback", "completion", "response", "output", "answer", "chosen")
"""Columns taken as the response, the first of them that is there, where data.response is not given."""
PROMPTS = ("prompt", "instruction", "question", "query", "input", "text")
"""Usual names of a prompt, for suggestions only."""
NO_COLUMN = "-"
"""What switches data.key, group, correct and other columns off where the file has one of the usual name."""
BETWEEN = "; "
"""What stands between answers that are written as one text."""
LABELS = {"true": True, "1": True, "correct": True, "false": False, "0": False, "incorrect": False}


def matches(columns: Sequence[str], settings: "DataSettings") -> bool:
    """Whether there is a prompt and a response among the columns."""
    wanted = [settings.response] if settings.response else RESPONSES
    return settings.prompt in columns and any(name in columns for name in wanted)


def rows(raw: list[RawRow], settings: "DataSettings") -> list[Demonstration]:
    """Make the rows; every missing column, empty text, doubled id and unreadable label or list is a UserError."""
    columns = list(dict.fromkeys(column for row in raw for column in row.values))
    prompt = _required("prompt", settings.prompt, PROMPTS, columns, settings)
    response = _response(columns, settings)
    key = _optional("key", settings.key, "id", columns, settings)
    group = _optional("group", settings.group, "problem", columns, settings)
    correct = _optional("correct", settings.correct, "correct", columns, settings)
    category = _optional("category", settings.category, "category", columns, settings)
    right = _optional("right", settings.right, "right_answers", columns, settings)
    wrong = _optional("wrong", settings.wrong, "wrong_answers", columns, settings)
    rejected = _optional("rejected", settings.rejected, "rejected", columns, settings)
    strength = _optional("strength", settings.strength, "strength", columns, settings)
    part = _optional("part", settings.part, "part", columns, settings)
    made, places = [], dict[str, str]()
    for number, row in enumerate(raw, start=1):
        name = _name(row, key) if key else f"row-{number}"
        if name in places:
            raise UserError(
                f"{row.place}: the id '{name}' was used before ({places[name]}). Ids must differ; "
                f"write --set data.key={NO_COLUMN} to have the rows numbered instead."
            )
        places[name] = row.place
        made.append(
            Demonstration(
                key=name,
                group=_name(row, group) if group else _text(row, prompt),
                prompt=_text(row, prompt),
                response=_text(row, response),
                correct=_label(row, correct) if correct else None,
                category=_category(row, category) if category else "",
                right=_answers(row, right, "right") if right else (),
                wrong=_answers(row, wrong, "wrong") if wrong else (),
                rejected=_text(row, rejected) if rejected else None,
                strength=_strength(row, strength) if strength else 1.0,
                part=_part(row, part) if part else "",
            )
        )
    return made


def _required(field: str, wanted: str, usual: Sequence[str], columns: list[str], settings: "DataSettings") -> str:
    if wanted in columns:
        return wanted
    usual_here = [column for name in usual for column in columns if column.lower() == name]
    close = nearest(wanted, columns).split("Known:")[0].strip()
    guess = f"Did you mean '{usual_here[0]}'?" if usual_here and not close else close
    example = guess.split("'")[1] if guess else "COLUMN"
    raise UserError(
        f"{settings.source} has columns {', '.join(columns) or '(none)'}; "
        f"data.{field} = '{wanted}' is not among them. "
        f"{guess + ' ' if guess else ''}Write --set data.{field}={example}."
    )


def _response(columns: list[str], settings: "DataSettings") -> str:
    if settings.response:
        return _required("response", settings.response, RESPONSES, columns, settings)
    for name in RESPONSES:
        if name in columns:
            return name
    raise UserError(
        f"{settings.source} has columns {', '.join(columns)}; none of them is a usual name of a response "
        f"({', '.join(RESPONSES)}). Write --set data.response=COLUMN."
    )


def _optional(field: str, wanted: str, usual: str, columns: list[str], settings: "DataSettings") -> str:
    if wanted == NO_COLUMN:
        return ""
    if not wanted:
        return usual if usual in columns else ""
    return _required(field, wanted, (usual,), columns, settings)


def _value(row: RawRow, column: str) -> Any:
    if column not in row.values:
        raise UserError(
            f"{row.place} has no '{column}' (it has {', '.join(row.values) or 'nothing'}). Add it, or remove the row."
        )
    return row.values[column]


def _text(row: RawRow, column: str) -> str:
    value = _value(row, column)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(f"{row.place}: '{column}' is empty. Fill it in, or remove the row.")
    if not isinstance(value, str):
        raise UserError(f"{row.place}: '{column}' must be text, not {type(value).__name__}: {str(value)[:60]}")
    return _unicode(value, row, column)


def _name(row: RawRow, column: str) -> str:
    value = _value(row, column)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise UserError(f"{row.place}: '{column}' must be a word or a whole number; it is {value!r}.")
    return _unicode(str(value).strip(), row, column)


def _unicode(text: str, row: RawRow, column: str) -> str:
    # JSON may escape half of a surrogate pair, which no UTF-8 file, tokenizer or digest can hold.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{row.place}: '{column}' holds half a character (\\u{ord(text[error.start]):04x}) "
            f"at position {error.start}. Write it whole."
        ) from error
    return text


def _label(row: RawRow, column: str) -> bool | None:
    value = row.values.get(column)
    if value is None or value == "":
        return None
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    label = LABELS.get(str(whole).strip().lower())
    if label is None:
        raise UserError(
            f"{row.place}: '{column}' is {value!r}. Write true or false, 1 or 0, 'correct' or 'incorrect'; "
            f"or use no such column: --set data.correct={NO_COLUMN}."
        )
    return label


def _strength(row: RawRow, column: str) -> float:
    value = row.values.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UserError(
            f"{row.place}: '{column}' must be a number, 0 (a tie) or above; it is {value!r:.60}. "
            f"Or use no such column: --set data.strength={NO_COLUMN}."
        )
    return float(value)


def _part(row: RawRow, column: str) -> str:
    value = row.values.get(column)
    if value not in PARTS:
        raise UserError(
            f"{row.place}: '{column}' is {value!r:.60}. Write {', '.join(PARTS)}; or have the rows shared out by "
            f"data.split: --set data.part={NO_COLUMN}."
        )
    return str(value)


def _category(row: RawRow, column: str) -> str:
    value = row.values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(
            f"{row.place}: '{column}' must be a word or a whole number; it is {value!r:.60}. "
            f"Or use no such column: --set data.category={NO_COLUMN}."
        )
    return _unicode(str(value).strip(), row, column)


def _answers(row: RawRow, column: str, field: str) -> tuple[str, ...]:
    value = row.values.get(column)
    parts = [] if value is None else value
    if isinstance(value, str):
        parts = value.strip().removesuffix(BETWEEN.strip()).split(BETWEEN)
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UserError(
            f"{row.place}: '{column}' is {value!r:.60}. Write a list of texts, or one text with '{BETWEEN}' between "
            f"the answers; or use no such column: --set data.{field}={NO_COLUMN}."
        )
    return tuple(_unicode(part.strip(), row, column) for part in parts if part.strip())
