"""Warnings of reward hacking: what a stage's watch wrote down, made ready for the page."""

from dataclasses import dataclass
from typing import Any

from topgraft.report.words.numbers import number, plain
from topgraft.report.words.results import mapping


@dataclass(frozen=True)
class Shown:
    """A response that shows a sign, with its figures in words."""

    key: str
    text: str
    facts: list[str]


@dataclass(frozen=True)
class Warned:
    """One warning."""

    sign: str
    step: str
    message: str
    samples: list[Shown]


def warnings(records: list[dict[str, Any]]) -> list[Warned]:
    """The warnings of a stage, in the order in which they were raised."""
    return [
        Warned(
            sign=str(record.get("sign") or "?"),
            step=plain(record.get("step")),
            message=str(record.get("message") or ""),
            samples=[_shown(mapping(sample)) for sample in record.get("samples") or []],
        )
        for record in records
    ]


def _shown(sample: dict[str, Any]) -> Shown:
    parts = mapping(sample.get("parts"))
    named = {"score": sample.get("score"), **(parts if len(parts) > 1 else {})}
    facts = [f"{name} {plain(value)}" for name, value in named.items() if number(value) is not None]
    if number(sample.get("tokens")) is not None:
        facts.append(f"{plain(sample['tokens'])} tokens")
    if number(sample.get("kl")) is not None:
        facts.append(f"KL {plain(sample['kl'])}")
    return Shown(str(sample.get("key", "?")), str(sample.get("response") or ""), facts)
