"""Dialogues, however they are written, as one text: turns "Human: ...", "Assistant: ..." with blank lines between.

A dialogue of one question is the question alone. So a transcript of HH-RLHF, chat messages and a tree of
OpenAssistant give a model the same prompt for the same turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.errors import UserError

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
"""What begins a turn in transcripts of HH-RLHF."""
NAMES = {
    "Human": ("user", "human", "prompter", "student", "customer", "person"),
    "Assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "bing", "model", "tutor", "teacher"),
    "System": ("system", "developer"),
}
"""Who speaks -> what data sets call him."""
SPEAKERS = {name: speaker for speaker, names in NAMES.items() for name in names}
ROLE = ("role", "from", "user", "speaker", "author")
CONTENT = ("content", "value", "text", "message")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says: the speaker is "Human", "Assistant" or "System"."""

    speaker: str
    text: str


def are_turns(value: Any) -> bool:
    """Whether a value is a list of messages: objects with who speaks and what is said."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and _key(item, ROLE) and _key(item, CONTENT) for item in value)
    )


def turns_of(value: Any, place: str) -> list[Turn]:
    """The turns of a list of messages. Raises UserError, which names `place`, for what is none."""
    if not are_turns(value):
        raise UserError(
            f"{place} is no list of messages such as "
            f'[{{"role": "user", "content": "..."}}, {{"role": "assistant", "content": "..."}}]; it is {value!r:.60}.'
        )
    return [_turn(item, place) for item in value]


def _key(item: dict[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if name in item), "")


def _turn(item: dict[str, Any], place: str) -> Turn:
    role, content = item[_key(item, ROLE)], item[_key(item, CONTENT)]
    speaker = SPEAKERS.get(str(role).strip().lower())
    if speaker is None:
        raise UserError(
            f"{place}: a message is by {role!r}, who is neither human nor assistant. Known: {', '.join(SPEAKERS)}."
        )
    if isinstance(content, list):  # parts, as multimodal models have them
        content = "\n".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content)
    if not isinstance(content, str):
        raise UserError(f"{place}: a message by {role!r} holds {content!r:.60}, which is no text.")
    return Turn(speaker, content.strip())


def written(turns: Sequence[Turn]) -> str:
    """The turns as one prompt: the question alone where there is one only, a system message above it."""
    speakers = [turn.speaker for turn in turns]
    if speakers in (["Human"], ["System", "Human"]):
        return "\n\n".join(turn.text for turn in turns)
    return "\n\n".join(f"{turn.speaker}: {turn.text}" for turn in turns)


def answered(turns: Sequence[Turn]) -> tuple[list[Turn], str] | None:
    """What stands before the assistant's last turn, and that turn; None where the assistant says nothing, or nothing
    was asked before. Turns that follow are left out."""
    for place in range(len(turns) - 1, 0, -1):
        if turns[place].speaker == "Assistant" and any(turn.speaker == "Human" for turn in turns[:place]):
            return list(turns[:place]), turns[place].text
    return None


def first_question(turns: Sequence[Turn]) -> str:
    """The human's first turn: by it the rows of one dialogue stay together."""
    return next((turn.text for turn in turns if turn.speaker == "Human"), "")


def is_transcript(value: Any) -> bool:
    """Whether a text is a transcript that begins with a human's turn."""
    return isinstance(value, str) and value.startswith(HUMAN) and ASSISTANT in value


def without_labels(transcript: str) -> str:
    """The question alone, where it is the only turn of a transcript."""
    text = transcript.strip().removesuffix(ASSISTANT.strip()).rstrip()
    return text if ASSISTANT in text else opening(transcript)


def opening(transcript: str) -> str:
    """The first question of a transcript."""
    return transcript.strip().removeprefix(HUMAN.strip()).partition(ASSISTANT)[0].strip()
