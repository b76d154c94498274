"""Pairs of transcripts as Anthropic's HH-RLHF has them: two whole dialogues that differ in the assistant's last turn.

The prompt is what stands before that turn: of a dialogue with one question the question, of a longer one all its turns.
Where two dialogues part earlier, the prompt ends before the first turn in which they differ. The rows of one first
question stay in one part of the split, so that no prompt, nor the beginning of one, is on both sides.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from topgraft.data.files import RawRow
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
COLUMNS = ("chosen", "rejected")


def matches(columns: Sequence[str], settings: "DataSettings") -> bool:
    """Whether there are the two columns, and no prompt beside them."""
    return set(COLUMNS) <= set(columns) and settings.prompt not in columns


def rows(raw: list[RawRow], settings: "DataSettings") -> list[Demonstration]:
    """Make the rows: the chosen answer as the response, the other one as `rejected`; two that are the same are a tie.

    A cell that is no transcript is a UserError.
    """
    made = []
    for number, row in enumerate(raw, start=1):
        chosen, rejected = (_transcript(row, column) for column in COLUMNS)
        prompt = _shared(chosen, rejected)
        if not prompt:
            raise UserError(
                f"{row.place}: the transcripts in 'chosen' and 'rejected' differ in their first question. Remove it."
            )
        answers = [text[len(prompt) + len(ASSISTANT) :].strip() for text in (chosen, rejected)]
        made.append(
            Demonstration(
                key=f"row-{number}",
                group=_first_question(prompt),
                prompt=_plain(prompt),
                response=answers[0],
                rejected=answers[1],
                strength=float(answers[0] != answers[1]),
            )
        )
    return made


def _transcript(row: RawRow, column: str) -> str:
    value: Any = row.values.get(column)
    if not isinstance(value, str) or not value.startswith(HUMAN) or ASSISTANT not in value:
        raise UserError(
            f"{row.place}: '{column}' is no transcript that begins with {HUMAN!r} and has {ASSISTANT!r} in it; it is "
            f"{value!r:.60}. Where prompts stand in a column of their own, name it: --set data.prompt=COLUMN."
        )
    return value


def _shared(chosen: str, rejected: str) -> str:
    """The turns before the assistant's last one that both have; "" where there are none."""
    end = chosen.rfind(ASSISTANT)
    while end >= 0 and not rejected.startswith(chosen[: end + len(ASSISTANT)]):
        end = chosen.rfind(ASSISTANT, 0, end)
    return chosen[: max(end, 0)]


def _first_question(prompt: str) -> str:
    return prompt.removeprefix(HUMAN).partition(ASSISTANT)[0].strip()


def _plain(prompt: str) -> str:
    """The question alone, where it is the only turn."""
    return _first_question(prompt) if ASSISTANT not in prompt else prompt.strip()
