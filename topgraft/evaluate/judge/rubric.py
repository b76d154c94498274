"""What the judge is asked: a text with places for task and answers, and how its reply is read.

The answers are other people's text and may try to talk to the judge. Each stands between marks with a code that is a
digest of what stands there, so that no answer can close its own mark; and what stands in an answer is never taken for
a place. That keeps the frame whole. It does not keep a model from believing what it reads."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from topgraft.errors import UserError, nearest

SHIPPED = Path(__file__).resolve().parents[2] / "shipped" / "judge" / "rubric.txt"
PLACES = {"prompt": "task", "answer_a": "answer A", "answer_b": "answer B", "reference": "reference answer", "mark": ""}
NEEDED = ("prompt", "answer_a", "answer_b")
PLACE = re.compile(r"\{([a-z_]+)\}")
DIVIDER = re.compile(r"^---\s*$", re.MULTILINE)
VERDICT = re.compile(r"[\W_]*verdict[\W_]*(?:answer\s+)?(a|b|tie)[\W_]*", re.IGNORECASE)
REMINDER = (
    "Reminder {number}: your reply to this ended without a verdict line. Reply with that line alone: "
    '"Verdict: A", "Verdict: B" or "Verdict: tie".'
)

Message = dict[str, str]


@dataclass(frozen=True)
class Rubric:
    """The text, and where it comes from in words. What stands above a line "---" is the system message."""

    text: str
    source: str

    @property
    def digest(self) -> str:
        """First 12 hexadecimal digits of the text's SHA-256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def messages(self, prompt: str, first: str, second: str, reference: str) -> list[Message]:
        """The chat messages for one pair in one order: `first` stands as answer A."""
        mark = _mark([prompt, *sorted([first, second]), reference])
        texts = {"prompt": prompt, "answer_a": first, "answer_b": second, "reference": reference}

        def filled(part: str) -> str:
            return PLACE.sub(lambda place: _framed(place[1], texts, mark), part).strip()

        parts = DIVIDER.split(self.text, maxsplit=1)
        if len(parts) == 1:
            return [{"role": "user", "content": filled(parts[0])}]
        return [{"role": "system", "content": filled(parts[0])}, {"role": "user", "content": filled(parts[1])}]


def read_rubric(path: Path | None) -> Rubric:
    """The rubric in a file, the shipped one without. Raises UserError for places that are unknown or missing."""
    try:
        text = (path or SHIPPED).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The rubric {path} cannot be read: {error}. Give a text file; {SHIPPED} is one.") from None
    found = PLACE.findall(text)
    for name in found:
        if name not in PLACES:
            raise UserError(f"The rubric {path} has a place {{{name}}} that nothing fills. {nearest(name, PLACES)}")
    for name in NEEDED:
        if name not in found:
            raise UserError(
                f"The rubric {path} has no place {{{name}}}: the judge would not see it. {SHIPPED} has all."
            )
    return Rubric(text, str(path) if path else "shipped with topgraft")


def reminded(messages: list[Message], number: int) -> list[Message]:
    """The messages once more, with a last sentence that asks for the verdict line; unchanged for number 0."""
    if number == 0:
        return messages
    *above, last = messages
    return [*above, {**last, "content": f"{last['content']}\n\n{REMINDER.format(number=number)}"}]


def read_verdict(reply: str) -> str | None:
    """ "A", "B" or "tie" from the last line that holds anything; None where that is no verdict.

    Example: `read_verdict("A is right, B is not.\\n**Verdict: A**")` -> "A".
    """
    lines = [line for line in reply.splitlines() if line.strip()]
    found = VERDICT.fullmatch(lines[-1]) if lines else None
    if found is None:
        return None
    return "tie" if found[1].lower() == "tie" else found[1].upper()


def _mark(texts: list[str]) -> str:
    """A code that depends on all the texts, not on the answers' order, and occurs in none of them."""
    for number in range(1000):
        code = hashlib.sha256(repr((number, texts)).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        if not any(code in text for text in texts):
            return code
    raise AssertionError("no free mark")


def _framed(place: str, texts: dict[str, str], mark: str) -> str:
    if place == "mark":
        return mark
    return f"[{PLACES[place]} {mark}]\n{texts[place]}\n[end of {PLACES[place]} {mark}]"
