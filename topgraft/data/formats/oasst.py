"""OpenAssistant's conversations: messages one a row with the id of the one that they answer, or whole trees of them.

One source gives several views (data.view):

    conversations   a dialogue and its best answer: for SFT, and as prompts with all that was said before
    pairs           two answers to one dialogue that people ranked, the better one preferred: for reward models and DPO
    prompts         what the prompters wrote, each text alone: for PPO, without any text of the assistant's

What a model wrote, deleted messages and those whose parent is missing are left out. The rows of one tree stay
in one part of the split.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from topgraft.data.dialogue import SPEAKERS, Turn, written
from topgraft.data.formats.columns import Columns, whole
from topgraft.data.table import Fault, RawRow, Table, refuse_language
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings


HIGHEST = 10**9
"""No rank is as high."""


@dataclass(slots=True)
class Message:
    """One message of a tree; `rank` 0 is the best of the answers to its parent, None one that nobody ranked."""

    id: str
    parent: str | None
    text: str
    asks: bool
    rank: float | None
    language: str
    synthetic: bool
    row: RawRow
    tree: str = ""
    before: list[Turn] = field(default_factory=list)
    replies: list["Message"] = field(default_factory=list)


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether rows are messages with ids, or trees of such."""
    tree = columns.get("prompt")
    nested = isinstance(tree, dict) and "replies" in tree
    return not settings.prompt and (nested or {"message_id", "text", "role"} <= set(columns))


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """Make the rows of the view that is asked for; without one, conversations."""
    messages = _messages(raw)
    if settings.lang:
        known = Counter(message.language for message in messages)
        messages = [message for message in messages if message.language == settings.lang]
        refuse_language(settings.lang, bool(messages), known)
    reached = _reached(raw, messages)
    view = "conversations" if settings.view == "auto" else settings.view
    made = {"conversations": _conversations, "pairs": _pairs, "prompts": _prompts}[view](reached)
    trees, answers = len({message.tree for message in reached}), [m for m in reached if not m.asks]
    raw.remarks.append(
        f"{len(reached)} messages in {trees} trees: {len(reached) - len(answers)} of prompters, {len(answers)} "
        f"answers, of which {sum(m.synthetic for m in answers)} by a model are left out"
    )
    others = [name for name in ("conversations", "pairs", "prompts") if name != view]
    raw.remarks.append(f"view {view}; --set data.view={others[0]} or {others[1]} gives another")
    return made


def _messages(raw: Table) -> list[Message]:
    """Every message of the rows, those within trees too."""
    found: list[Message] = []
    for row in raw:
        with raw.at(row):
            whole_tree = row.values.get("prompt")
            waiting: list[tuple[Any, str | None]] = [(whole_tree if isinstance(whole_tree, dict) else row.values, None)]
            of_row: list[Message] = []
            while waiting:
                values, parent = waiting.pop()
                message = _message(values, parent, row)
                if message is not None:
                    of_row.append(message)
                    replies = values.get("replies")
                    waiting += [(reply, message.id) for reply in reversed(replies if isinstance(replies, list) else [])]
            found += of_row
    return found


def _message(values: Any, parent: str | None, row: RawRow) -> Message | None:
    """A message, None where it was deleted."""
    if not isinstance(values, dict):
        raise UserError(f"{row.place}: a reply is {values!r:.40}, no message. Mend or remove the row.")
    name, text, role = (values.get(key) for key in ("message_id", "text", "role"))
    if values.get("deleted") is True:
        return None
    speaker = SPEAKERS.get(str(role).lower())
    if not isinstance(name, str) or not name or speaker not in ("Human", "Assistant"):
        raise UserError(
            f"{row.place}: a message has message_id {name!r:.40} and role {role!r:.40}; it needs an id, and "
            f"'prompter' or 'assistant'. Mend or remove the row."
        )
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{row.place}: the message {name} has no text ({text!r:.40}). Fill it in, or remove the row.")
    rank, above = values.get("rank"), None if "replies" in values else values.get("parent_id")
    ranked = isinstance(rank, int | float) and not isinstance(rank, bool) and abs(rank) < HIGHEST  # nor is NaN one
    return Message(
        id=name,
        parent=parent or (above if isinstance(above, str) and above else None),
        text=whole(text.strip(), row, "text"),
        asks=speaker == "Human",
        rank=float(rank) if ranked and rank is not None else None,
        language=str(values.get("lang") or ""),
        synthetic=values.get("synthetic") is True,
        row=row,
    )


def _reached(raw: Table, messages: list[Message]) -> list[Message]:
    """The messages that hang together with the beginning of a tree, with what was said before each, in their order."""
    known = {message.id: message for message in messages}
    roots = []
    for message in messages:
        above = known.get(message.parent) if message.parent else None
        if above is not None and known[message.id] is message:
            above.replies.append(message)
        elif message.parent is None and known[message.id] is message:
            roots.append(message)
        else:
            why = (
                "its id stands twice"
                if known[message.id] is not message
                else "the message that it answers is not there"
            )
            raw.odd.append(Fault(message.row.place, f"{message.row.place}: a message is left out, {why}"))
    waiting, seen = [(root, root.id, list[Turn]()) for root in reversed(roots)], set[int]()
    while waiting:
        message, message.tree, message.before = waiting.pop()
        seen.add(id(message))
        said = [*message.before, Turn("Human" if message.asks else "Assistant", message.text)]
        waiting += [(reply, message.tree, said) for reply in reversed(message.replies)]
    return [message for message in messages if id(message) in seen]


def _answers(message: Message) -> list[Message]:
    """What people answered to a prompter's message, the best first."""
    own = [reply for reply in message.replies if message.asks and not reply.asks and not reply.synthetic]
    return sorted(own, key=lambda reply: (reply.rank is None, reply.rank or 0.0))


def _conversations(messages: list[Message]) -> list[Demonstration]:
    made = []
    for message in messages:
        for answer in _answers(message)[:1]:
            made.append(_row(answer.id, message, response=answer.text))
    return made


def _pairs(messages: list[Message]) -> list[Demonstration]:
    made = []
    for message in messages:
        ranked = [answer for answer in _answers(message) if answer.rank is not None]
        for better, worse in combinations(ranked, 2):
            tie = better.rank == worse.rank
            name = f"{better.id}>{worse.id}"
            made.append(_row(name, message, response=better.text, rejected=worse.text, strength=float(not tie)))
    return made


def _prompts(messages: list[Message]) -> list[Demonstration]:
    return [
        Demonstration(key=m.id, group=m.tree, prompt=m.text, response="", part=m.row.part)
        for m in messages
        if m.asks and not m.synthetic
    ]


def _row(key: str, asked: Message, **answers: Any) -> Demonstration:
    prompt = written([*asked.before, Turn("Human", asked.text)])
    return Demonstration(key=key, group=asked.tree, prompt=prompt, part=asked.row.part, **answers)
