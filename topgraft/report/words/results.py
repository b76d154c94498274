"""Reading evaluation/results.json: whatever is missing or odd in it, and its values as cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.report.words.numbers import decimals, number, plain, show

LABELS = {
    "sac": "SAC",
    "apc": "APC",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge_l": "ROUGE-L",
    "ca": "CA",
    "kl": "KL",
    "win_rate": "Win rate",
    "reward": "Reward",
    "reward_check": "Reward check",
    "distinct_1": "Distinct-1",
    "distinct_2": "Distinct-2",
    "distinct_3": "Distinct-3",
    "self_bleu": "Self-BLEU",
    "self_bleu_prompt": "Self-BLEU per prompt",
    "mtld": "MTLD",
}
BEST = " *"
FEW_ARMS = 4
"""Up to so many arms besides Base, every two are compared and each has a card in the diagram."""


@dataclass(frozen=True)
class Cell:
    """One arm's value of one metric, formatted."""

    value: str
    interval: str = ""
    n: str = ""
    best: bool = False
    reading: str = ""
    """What the value shows, in a word or a few: "better"."""

    @property
    def text(self) -> str:
        """The cell on one line, e.g. "0.41 [0.35, 0.47] *"."""
        star = BEST if self.best else ""
        return f"{self.value} {self.interval}".rstrip() + star + (f" {self.reading}" if self.reading else "")


def label(name: str) -> str:
    """Return a metric's display name: `label("win_rate")` -> "Win rate"."""
    return LABELS.get(name) or name.replace("_", " ")


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` when it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(results: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the mappings in the list called `key`; none when it is absent."""
    found = results.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def arm_metrics(results: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return arm -> metric -> {"value", "low", "high", "n"}; a bare number counts as a value."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for arm, content in mapping(results.get("arms")).items():
        metrics = mapping(mapping(content).get("metrics"))
        table[arm] = {name: entry if isinstance(entry, dict) else {"value": entry} for name, entry in metrics.items()}
    return table


def metric_names(results: dict[str, Any]) -> list[str]:
    """Return every metric that some arm has, in the order of the arm that has most."""
    fullest_first = sorted(arm_metrics(results).values(), key=len, reverse=True)
    return list(dict.fromkeys(name for metrics in fullest_first for name in metrics))


def bounds(entry: dict[str, Any]) -> tuple[float, float] | None:
    """Return the interval of an entry when both ends are numbers."""
    low, high = number(entry.get("low")), number(entry.get("high"))
    return None if low is None or high is None else (low, high)


def starts(results: dict[str, Any]) -> dict[str, str]:
    """Return arm -> the arm that it started from, of those that are known."""
    return {arm: start for arm, start in mapping(results.get("starts")).items() if isinstance(start, str)}


def many(results: dict[str, Any]) -> bool:
    """True when there are more arms than are compared each with each."""
    return len(arm_metrics(results)) > FEW_ARMS + 1


def places_of(entries: Sequence[dict[str, Any]]) -> int:
    """Return the decimals that entries of one row share."""
    intervals = [bounds(entry) for entry in entries]
    halves = [(ends[1] - ends[0]) / 2 for ends in intervals if ends]
    return decimals([number(entry.get("value")) for entry in entries], halves)


def lone_cell(entry: dict[str, Any]) -> Cell:
    """Format an entry that stands by itself, with the decimals its own interval asks for."""
    return cell_of(entry, places_of([entry]))


def cell_of(entry: dict[str, Any], places: int, best: bool = False) -> Cell:
    """Format an entry with the given decimals."""
    value, ends = number(entry.get("value")), bounds(entry)
    interval = f"[{show(ends[0], places)}, {show(ends[1], places)}]" if ends and value is not None else ""
    n = plain(entry.get("n")) if number(entry.get("n")) is not None else ""
    return Cell(show(value, places), interval, n, best)
