"""Dialogues as lists of messages, {"role": ..., "content": ...} or {"from": ..., "value": ...}: alone, as the prompt of
an answer, or two that differ in how they end.

The prompt is everything up to the assistant's last turn, that turn the response. The rows of one first question stay in
one part of the split, unless a column names the dialogue.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from topgraft.data.dialogue import Turn, answered, are_turns, first_question, turns_of, written
from topgraft.data.formats.columns import (
    RESPONSES,
    Columns,
    category_of,
    described,
    name_of,
    optional,
    strength_of,
    text_of,
    usual,
    value_of,
    whole,
)
from topgraft.data.table import Fault, RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

DIALOGUES = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat", "prompt", "chosen")
"""Usual names of a column of messages, the first of them that is there."""
GROUPS = ("problem", "tree", "message_tree_id", "conversation_id", "dialogue_id")
"""Usual names of a column that says which dialogue a row is of."""


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether a column of a usual name, or the prompt's, holds messages, and no response of its own is asked for."""
    return bool(_dialogue(columns, settings)) and not settings.response


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """Make the rows. A dialogue without an answer is a bad row where others have one; where none has, all are
    prompts."""
    raw = raw.speaking(settings.lang)
    columns = raw.columns()
    dialogue = _dialogue(columns, settings)
    if not dialogue:
        raise UserError(
            f"{settings.source} has columns {described(columns)}, and none of messages. Write --set data.prompt=COLUMN."
        )
    rejected = usual(("rejected",), columns)
    if settings.rejected:
        rejected = optional("rejected", settings.rejected, columns, settings)
    response = "" if dialogue == "chosen" else usual(RESPONSES, columns)
    key = optional("key", settings.key, columns, settings)
    group = optional("group", settings.group, columns, settings) if settings.group else usual(GROUPS, columns)
    category = optional("category", settings.category, columns, settings)
    strength = optional("strength", settings.strength, columns, settings) if rejected else ""
    raw.remarks.append(f"messages in '{dialogue}'" + (f", rejected '{rejected}'" if rejected else ""))
    found = [_try(raw, row, dialogue, response, rejected) for row in raw]
    prompts_alone = not any(texts and texts[1] for texts in found)
    if prompts_alone:
        raw.remarks.append("no dialogue has an answer: prompts alone")
    made, seen = list[Demonstration](), dict[str, str]()
    for number, (row, texts) in enumerate(zip(list(raw), found, strict=True), start=1):
        if texts is None:
            continue
        with raw.at(row):
            before, answer, other = texts
            name = name_of(row, key) if key else f"row-{number}"
            if not answer and not prompts_alone:
                raise UserError(f"{row.place}: '{dialogue}' has no turn of the assistant after a question. Remove it.")
            if name in seen:
                raise UserError(f"{row.place}: the id '{name}' was used before ({seen[name]}). Ids must differ.")
            seen[name] = row.place
            own = strength_of(row, strength) if strength else 1.0
            made.append(
                Demonstration(
                    key=name,
                    group=name_of(row, group) if group and value_of(row, group) else first_question(before),
                    prompt=whole(written(before), row, dialogue),
                    response=whole(answer, row, dialogue),
                    category=category_of(row, category) if category else "",
                    rejected=None if other is None else whole(other, row, rejected),
                    strength=0.0 if other == answer else own,
                    part=row.part,
                )
            )
    return made


def shared(chosen: Sequence[Turn], rejected: Sequence[Turn], place: str) -> tuple[list[Turn], tuple[str, str]]:
    """What two dialogues have in common before the assistant's last turn in which they differ, and how each goes on."""
    end = 0
    for number in range(1, min(len(chosen), len(rejected))):
        if list(chosen[:number]) == list(rejected[:number]) and chosen[number].speaker == "Assistant":
            end = number
    if not end:
        raise UserError(f"{place}: the two dialogues differ in their first question. Remove it.")
    before = list(chosen[:end])
    texts = [turns[end].text if len(turns) == end + 1 else written(turns[end:]) for turns in (chosen, rejected)]
    return before, (texts[0], texts[1])


Texts = tuple[list[Turn], str, str | None]
"""The turns of a prompt, the response ("" where there is none) and the rejected answer."""


def _try(raw: Table, row: RawRow, dialogue: str, response: str, rejected: str) -> Texts | None:
    """What a row holds; None where it is bad, which the table then knows."""
    with raw.at(row):
        value = value_of(row, dialogue)
        turns = turns_of(value, f"{row.place}: '{dialogue}'")
        other = value_of(row, rejected) if rejected else None
        preferred = value_of(row, response) if response else None
        if dialogue == "chosen" and are_turns(other):
            others = turns_of(other, f"{row.place}: '{rejected}'")
            before, texts = shared(turns, others, row.place)
            if len(before) + 1 < max(len(turns), len(others)):
                raw.odd.append(
                    Fault(row.place, f"{row.place}: the prompts differ (the prompt ends where the dialogues part)")
                )
            return (before, *texts)
        if preferred is not None and turns[-1].speaker != "Assistant":
            return turns, _answer(row, response), _answer(row, rejected) if rejected else None
        found = answered(turns)
        if found is None:
            return turns, "", None
        if len(found[0]) + 1 < len(turns):
            raw.odd.append(Fault(row.place, f"{row.place}: turns after the assistant's last one are left out"))
        return (*found, _answer(row, rejected) if rejected else None)
    return None


def _answer(row: RawRow, column: str) -> str:
    """An answer as text, or the assistant's last turn of messages."""
    value = value_of(row, column)
    if not are_turns(value):
        return text_of(row, column)
    turns = turns_of(value, f"{row.place}: '{column}'")
    if turns[-1].speaker != "Assistant":
        raise UserError(f"{row.place}: '{column}' does not end with a turn of the assistant. Remove it.")
    return turns[-1].text


def _dialogue(columns: Columns, settings: "DataSettings") -> str:
    """The column of messages; "" where there is none."""
    if settings.prompt:
        return settings.prompt if are_turns(columns.get(settings.prompt)) else ""
    found = [name for name in DIALOGUES if are_turns(columns.get(name))]
    if "chosen" in found and not first_question(turns_of(columns["chosen"], "chosen")):
        found.remove("chosen")  # answers alone: what was asked stands elsewhere
    return "chosen" if "chosen" in found and "rejected" in columns else next(iter(found), "")
