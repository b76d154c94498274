"""Pairs of transcripts as Anthropic's HH-RLHF has them: two whole dialogues that differ in the assistant's last turn;
or single transcripts, whose last turn is the response.

The prompt is what stands before that turn: of a dialogue with one question the question, of a longer one all its turns.
Where two dialogues part earlier, the prompt ends before the first turn in which they differ, and the row is named as
odd. The rows of one first question stay in one part of the split, so that no prompt, nor the beginning of one, is on
both sides.
"""

from typing import TYPE_CHECKING

from topgraft.data.dialogue import ASSISTANT, HUMAN, is_transcript, opening, without_labels
from topgraft.data.formats.columns import Columns, value_of, whole
from topgraft.data.table import Fault, RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

COLUMNS = ("chosen", "rejected")
SINGLE = ("transcript", "text", "dialogue", "conversation", "chosen")
"""Usual names of a column of single transcripts, the first of them that is there."""


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether there are the two columns with texts and no prompt beside them, or a single transcript."""
    if settings.response or (settings.prompt or "prompt") in columns:
        return False
    both = all(isinstance(columns.get(name, ""), str) for name in COLUMNS)
    return (set(COLUMNS) <= set(columns) and both) or bool(_single(columns))


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """Make the rows: the chosen answer as the response, the other one as `rejected`; two that are the same are a tie.

    A cell that is no transcript is a UserError of its row.
    """
    made, columns = list[Demonstration](), raw.columns()
    single = "" if set(COLUMNS) <= set(columns) else _single(columns) or "chosen"
    raw.remarks.append(f"transcripts in '{single}'" if single else "pairs of transcripts in 'chosen' and 'rejected'")
    for number, row in enumerate(raw, start=1):
        with raw.at(row):
            prompt, answers = _alone(row, single) if single else _pair(raw, row)
            made.append(
                Demonstration(
                    key=f"row-{number}",
                    group=opening(prompt),
                    prompt=without_labels(prompt),
                    response=answers[0],
                    rejected=None if single else answers[1],
                    strength=float(bool(single) or answers[0] != answers[1]),
                    part=row.part,
                )
            )
    return made


def _pair(raw: Table, row: RawRow) -> tuple[str, list[str]]:
    chosen, rejected = (_transcript(row, column) for column in COLUMNS)
    prompt = _shared(chosen, rejected)
    if not prompt:
        raise UserError(
            f"{row.place}: the transcripts in 'chosen' and 'rejected' differ in their first question. Remove it."
        )
    if {chosen.rfind(ASSISTANT), rejected.rfind(ASSISTANT)} != {len(prompt)}:
        raw.odd.append(Fault(row.place, f"{row.place}: the prompts differ (the prompt ends where the dialogues part)"))
    return prompt, [text[len(prompt) + len(ASSISTANT) :].strip() for text in (chosen, rejected)]


def _alone(row: RawRow, column: str) -> tuple[str, list[str]]:
    text = _transcript(row, column)
    prompt, _, answer = text.rpartition(ASSISTANT)
    return prompt, [answer.strip()]


def _transcript(row: RawRow, column: str) -> str:
    value = value_of(row, column)
    if not is_transcript(value):
        raise UserError(
            f"{row.place}: '{column}' is no transcript that begins with {HUMAN!r} and has {ASSISTANT!r} in it; it is "
            f"{value!r:.60}. Where prompts stand in a column of their own, name it: --set data.prompt=COLUMN."
        )
    return whole(value, row, column)


def _shared(chosen: str, rejected: str) -> str:
    """The turns before the assistant's last one that both have; "" where there are none."""
    end = chosen.rfind(ASSISTANT)
    while end >= 0 and not rejected.startswith(chosen[: end + len(ASSISTANT)]):
        end = chosen.rfind(ASSISTANT, 0, end)
    return chosen[: max(end, 0)]


def _single(columns: Columns) -> str:
    return next((name for name in SINGLE if is_transcript(columns.get(name))), "")
