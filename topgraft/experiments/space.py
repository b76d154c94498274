"""What a sweep varies: settings, and the values or the range that each of them takes."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topgraft.errors import UserError
from topgraft.recipe import nested, overlay, parse_set

if TYPE_CHECKING:
    from optuna import Trial

RANGES = {"float": float, "log": float, "int": int}
"""Kinds of ranges, and what their ends are: evenly over a range, evenly over its logarithm, whole numbers."""
HOW = "Write values with commas between them, or log:0.01:0.3, float:0.1:0.5 or int:1:4."


@dataclass(frozen=True)
class Dimension:
    """A setting that varies: "choice" among `values`, or a range ("float", "log", "int") whose ends they are."""

    key: str
    kind: str
    values: tuple[Any, ...]

    def suggest(self, trial: "Trial") -> Any:
        """The trial's value: that which the study has for it, or a new one."""
        if self.kind == "choice":
            return self.read(trial.suggest_categorical(self.key, [self.stored(value) for value in self.values]))
        low, high = self.values
        if self.kind == "int":
            return trial.suggest_int(self.key, low, high)
        return trial.suggest_float(self.key, low, high, log=self.kind == "log")

    def stored(self, choice: Any) -> str:
        """A choice as it stands in the study: JSON, since a study knows no lists."""
        return json.dumps(choice)

    def read(self, stored: Any) -> Any:
        """The value of what stands in the study."""
        return json.loads(stored) if self.kind == "choice" else stored


def parse_grid(text: str) -> Dimension:
    """ "ppo.clip=0.1,0.2" -> a choice of two. Raises UserError for a value that stands there twice."""
    key, values = _cut("--grid", text)
    return Dimension(key, "choice", _choices("--grid", text, values))


def parse_search(text: str) -> Dimension:
    """ "ppo.beta=log:0.01:0.3", "ppo.inner_epochs=int:1:4" or "sft.schedule=linear,cosine" -> a dimension."""
    key, values = _cut("--search", text)
    kind, colon, ends = values.partition(":")
    if not colon or kind not in RANGES:
        return Dimension(key, "choice", _choices("--search", text, values))
    try:
        low, high = (RANGES[kind](end) for end in ends.split(":"))
    except ValueError:
        raise UserError(f"--search {text} is not understood. {HOW}") from None
    if not low < high or (kind == "log" and low <= 0):
        why = "the first end must be above 0" if low < high else "the first end must be below the second"
        raise UserError(f"--search {text}: {why}. {HOW}")
    return Dimension(key, kind, (low, high))


def once(dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions, after checking that no setting is varied twice."""
    keys = [dimension.key for dimension in dimensions]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise UserError(f"'{twice[0]}' is varied twice. Put all its values into one option.")
    return tuple(dimensions)


def points(dimensions: Iterable[Dimension]) -> list[dict[str, Any]]:
    """Every combination of choices, the last setting varying fastest."""
    dimensions = list(dimensions)
    keys = [dimension.key for dimension in dimensions]
    return [
        dict(zip(keys, values, strict=True))
        for values in itertools.product(*(dimension.values for dimension in dimensions))
    ]


def at(recipe: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the settings of a point."""
    for key, value in point.items():
        recipe = overlay(recipe, nested(key, value))
    return recipe


def words(point: dict[str, Any]) -> str:
    """A point for people: "ppo.clip = 0.1, ppo.beta = 0.05"."""
    return ", ".join(f"{key} = {f'{value:.4g}' if isinstance(value, float) else value}" for key, value in point.items())


def _cut(option: str, text: str) -> tuple[str, str]:
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise UserError(f"{option} {text} is not understood. Write {option} section.key=values, e.g. ppo.clip=0.1,0.2.")
    return key, values


def _choices(option: str, text: str, values: str) -> tuple[Any, ...]:
    found = [parse_set(f"value={part.strip()}")["value"] for part in _parts(values)]
    kept = [json.dumps(value) for value in found]
    twice = [value for value in kept if kept.count(value) > 1]
    if twice or "" in found:
        raise UserError(f"{option} {text}: {f'{twice[0]} stands there twice' if twice else 'a value is empty'}. {HOW}")
    return tuple(found)


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand in no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if char in "\"'" and quote in ("", char):
            quote = "" if quote else char
        depth += 0 if quote else (char in "[{") - (char in "]}")
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return parts
