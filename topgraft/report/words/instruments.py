"""The measuring instruments as a table: how well each one reads rows that it has not seen."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import label, lone_cell, mapping


@dataclass(frozen=True)
class Instrument:
    """One measuring instrument: its own accuracy, and a warning near chance."""

    label: str
    facts: list[tuple[str, str]]
    warning: str


def instruments(results: dict[str, Any]) -> list[Instrument]:
    """Build the table of measuring instruments, with a warning where one is near chance."""
    rows = []
    for name, content in mapping(results.get("instruments")).items():
        rows.append(Instrument(label(name), list(_facts(content)), _warning(name, mapping(content))))
    return rows


def _facts(content: Any) -> list[tuple[str, str]]:
    if not isinstance(content, dict):
        return [("value", content if isinstance(content, str) else plain(content))]
    facts = []
    for key, value in content.items():
        shown = value if isinstance(value, str) else plain(value)
        if isinstance(value, dict):
            pieces = (f"{inner} {item if isinstance(item, str) else plain(item)}" for inner, item in value.items())
            shown = lone_cell(value).text if "value" in value else ", ".join(pieces)
        facts.append((key.replace("_", " "), shown))
    return facts


def _warning(name: str, content: dict[str, Any]) -> str:
    measured = content.get("held_out_accuracy", content.get("reader_accuracy"))
    accuracy = number(mapping(measured).get("value") if isinstance(measured, dict) else measured)
    majority, n = number(content.get("majority")), number(content.get("n"))
    chance = majority if majority is not None else 0.5 if name.startswith("reward") else None
    if accuracy is None or chance is None or not n:
        return ""
    margin = 1.96 * sqrt(accuracy * (1 - accuracy) / n) if 0 <= accuracy <= 1 else 0.0
    if accuracy - margin > chance:
        return ""
    return f"Not shown to beat {plain(chance)}, the accuracy of a constant answer: read its metric with care."
