"""Columns: which one holds what, and what of a row stands in it.

A column is named by a setting, exactly or, inside an object, with dots ("answers.expert.text"); else the usual names
are looked for, whatever their case and with spaces, dashes or underscores.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topgraft.data.dialogue import are_turns, is_transcript, turns_of, without_labels, written
from topgraft.data.files import LONGEST
from topgraft.data.table import RawRow
from topgraft.errors import UserError, nearest

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

PROMPTS = ("prompt", "instruction", "question", "query", "input", "user", "human", "text")
"""Usual names of a prompt, the first of them that is there."""
RESPONSES = (
    *("professor_feedback", "completion", "response", "output", "answer", "chosen", "best_answer", "correct_answer"),
    *("assistant", "target", "chosen_response"),
)
"""Usual names of a response, likewise."""
USUAL = {
    "key": ("id",),
    "group": ("problem",),
    "correct": ("correct",),
    "category": ("category",),
    "right": ("right_answers", "correct_answers"),
    "wrong": ("wrong_answers", "incorrect_answers"),
    "rejected": ("rejected", "rejected_response", "best_incorrect_answer", "incorrect_answer"),
    "strength": ("strength",),
}
"""Field -> usual names of columns that need not be there."""
NO_COLUMN = "-"
"""What switches data.key, group, correct and other columns off where the file has one of the usual name."""
BETWEEN = "; "
"""What stands between answers that are written as one text."""
LABELS = {"true": True, "1": True, "correct": True, "false": False, "0": False, "incorrect": False}
Columns = Mapping[str, Any]
"""Column -> the first value that stands in it."""


def usual(names: Sequence[str], columns: Columns, *, text: bool = False) -> str:
    """The first of the usual names that a column has, as it is written there; "" where there is none. With `text` the
    column must hold texts or messages."""
    plain = {re.sub(r"[\W_]+", "_", column.strip().lower()): column for column in reversed(list(columns))}
    fitting = [plain[name] for name in names if name in plain]
    return next((column for column in fitting if not text or _readable(columns[column])), "")


def required(field: str, wanted: str, names: Sequence[str], columns: Columns, settings: "DataSettings") -> str:
    """The column of `field`: the one that is wanted, else one of a usual name. Raises UserError where there is none."""
    if wanted in columns or _inside(wanted, columns):
        return wanted
    if not wanted and (found := usual(names, columns, text=True)):
        return found
    known = usual(names, columns)
    close = nearest(wanted or names[0], columns).split("Known:")[0].strip()
    guess = f"Did you mean '{known}'?" if known and wanted and not close else close
    taken = "" if field == "prompt" else settings.prompt or usual(PROMPTS, columns, text=True)
    example = guess.split("'")[1] if guess else _richest(columns, taken)
    said = (
        f"data.{field} = '{wanted}' is not among them"
        if wanted
        else f"none of them is a usual name of a {field} ({', '.join(names)})"
    )
    raise UserError(
        f"{settings.source} has columns {described(columns)}; {said}. "
        f"{guess + ' ' if guess else ''}Write --set data.{field}={example}.{_dots(columns)}"
    )


def optional(field: str, wanted: str, columns: Columns, settings: "DataSettings") -> str:
    """The column of a field that need not be there; "" where there is none."""
    if wanted == NO_COLUMN:
        return ""
    return required(field, wanted, USUAL[field], columns, settings) if wanted else usual(USUAL[field], columns)


def described(columns: Columns) -> str:
    """The columns, with what stands in those that hold no plain text."""
    return ", ".join(f"{column}{_shape(value)}" for column, value in columns.items()) or "(none)"


def value_of(row: RawRow, column: str) -> Any:
    """What stands in a column, also inside an object; None where the row has no such column."""
    if column in row.values:
        return row.values[column]
    value: Any = row.values
    for word in column.split("."):
        value = value.get(word) if isinstance(value, dict) else None
    return value


def text_of(row: RawRow, column: str) -> str:
    """The text in a column; messages are written as one, and a transcript loses its labels where it is one question.
    Raises UserError for anything else, and for an empty cell."""
    value = value_of(row, column)
    if value is None and column not in row.values:
        raise UserError(
            f"{row.place} has no '{column}' (it has {', '.join(row.values) or 'nothing'}). Add it, or remove the row."
        )
    if value is None or (isinstance(value, str) and not value.strip()):
        raise UserError(f"{row.place}: '{column}' is empty. Fill it in, or remove the row.")
    if are_turns(value):
        turns = turns_of(value, f"{row.place}: '{column}'")
        alone = len({turn.speaker for turn in turns}) == 1
        value = "\n".join(turn.text for turn in turns) if alone else written(turns)
    if not isinstance(value, str):
        raise UserError(f"{row.place}: '{column}' must be text, not {type(value).__name__}: {str(value)[:60]}")
    if len(value) > LONGEST:
        raise UserError(f"{row.place}: '{column}' is too long: {len(value):,} characters, of {LONGEST:,} at most.")
    return whole(without_labels(value) if is_transcript(value) else value, row, column)


def name_of(row: RawRow, column: str) -> str:
    """The word or whole number in a column."""
    value = value_of(row, column)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise UserError(f"{row.place}: '{column}' must be a word or a whole number; it is {value!r:.60}.")
    return whole(str(value).strip(), row, column)


def whole(text: str, row: RawRow, column: str) -> str:
    """The text, if it can be written as UTF-8: JSON may escape half of a surrogate pair, and a byte that was no text
    has been read as one, which no file, tokenizer or digest can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            raise UserError(
                f"{row.place}: '{column}' is not UTF-8 text: byte 0x{code - 0xDC00:02x} at position {error.start}. "
                f"Name the encoding, e.g. --set data.encoding=latin-1."
            ) from error
        raise UserError(
            f"{row.place}: '{column}' holds half a character (\\u{code:04x}) at position {error.start}. Write it whole."
        ) from error
    return text


def label_of(row: RawRow, column: str) -> bool | None:
    """What a label says; None where the cell is empty."""
    value = value_of(row, column)
    if value is None or value == "":
        return None
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    label = LABELS.get(str(number).strip().lower())
    if label is None:
        raise UserError(
            f"{row.place}: '{column}' is {value!r}. Write true or false, 1 or 0, 'correct' or 'incorrect'; "
            f"or use no such column: --set data.correct={NO_COLUMN}."
        )
    return label


def strength_of(row: RawRow, column: str) -> float:
    """How clear a preference is."""
    value = value_of(row, column)
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
        value = float(value)  # CSV has texts only
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UserError(
            f"{row.place}: '{column}' must be a number, 0 (a tie) or above; it is {value!r:.60}. "
            f"Or use no such column: --set data.strength={NO_COLUMN}."
        )
    return float(value)


def category_of(row: RawRow, column: str) -> str:
    """The category; "" where the cell is empty."""
    value = value_of(row, column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(
            f"{row.place}: '{column}' must be a word or a whole number; it is {value!r:.60}. "
            f"Or use no such column: --set data.category={NO_COLUMN}."
        )
    return whole(str(value).strip(), row, column)


def answers_of(row: RawRow, column: str, field: str) -> tuple[str, ...]:
    """Several answers: a list of texts, or one text with "; " between them."""
    value = value_of(row, column)
    parts = [] if value is None else value
    if isinstance(value, str):
        parts = value.strip().removesuffix(BETWEEN.strip()).split(BETWEEN)
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise UserError(
            f"{row.place}: '{column}' is {value!r:.60}. Write a list of texts, or one text with '{BETWEEN}' between "
            f"the answers; or use no such column: --set data.{field}={NO_COLUMN}."
        )
    return tuple(whole(part.strip(), row, column) for part in parts if part.strip())


def _readable(value: Any) -> bool:
    return value is None or isinstance(value, str) or are_turns(value)


def _inside(wanted: str, columns: Columns) -> bool:
    return "." in wanted and isinstance(columns.get(wanted.split(".")[0]), dict)


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f" (object: {', '.join(list(value)[:4])}{', ...' if len(value) > 4 else ''})"
    return " (messages)" if are_turns(value) else " (list)" if isinstance(value, list) else ""


def _richest(columns: Columns, taken: str) -> str:
    """The column that is worth a try, not the one that is `taken`: the first of messages, else that with the longest
    text."""
    messages = [column for column, value in columns.items() if are_turns(value) and column != taken]
    texts = {column: len(value) for column, value in columns.items() if isinstance(value, str) and column != taken}
    return next(iter(messages), max(texts, key=lambda column: texts[column], default="COLUMN"))


def _dots(columns: Columns) -> str:
    """How to name what stands inside an object, by the first text in one."""
    path, value = next(
        ((key, value) for key, value in columns.items() if isinstance(value, dict) and value), ("", None)
    )
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        path += f".{name}"
    return f" What stands inside an object is named with dots, e.g. {path}." if path else ""
