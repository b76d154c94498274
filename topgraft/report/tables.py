"""The results as plain tables: the headline and the paired comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topgraft.report.numbers import MISSING, decimals, number, plain, show

LABELS = {
    "sac": "SAC",
    "apc": "APC",
    "bleu": "BLEU",
    "ca": "CA",
    "kl": "KL",
    "win_rate": "Win rate",
    "reward": "Reward",
    "reward_check": "Reward check",
}
ARROWS = {"higher": "↑", "lower": "↓"}
BEST = " *"


@dataclass(frozen=True)
class Cell:
    """One arm's value of one metric, formatted."""

    value: str
    interval: str = ""
    n: str = ""
    best: bool = False

    @property
    def text(self) -> str:
        """The cell on one line, e.g. "0.41 [0.35, 0.47] *"."""
        return f"{self.value} {self.interval}".rstrip() + (BEST if self.best else "")


@dataclass(frozen=True)
class MetricRow:
    """One metric over all arms."""

    name: str
    label: str
    arrow: str
    description: str
    cells: list[Cell]
    n: str


@dataclass(frozen=True)
class Headline:
    """The headline table: metrics down, arms across."""

    arms: list[str]
    rows: list[MetricRow]

    @property
    def marks_best(self) -> bool:
        """True when some value is marked as best."""
        return any(cell.best for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Comparison:
    """One paired comparison, formatted."""

    label: str
    arm: str
    against: str
    cell: Cell
    reading: str
    note: str


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


def _places(entries: Sequence[dict[str, Any]]) -> int:
    intervals = [bounds(entry) for entry in entries]
    halves = [(ends[1] - ends[0]) / 2 for ends in intervals if ends]
    return decimals([number(entry.get("value")) for entry in entries], halves)


def lone_cell(entry: dict[str, Any]) -> Cell:
    """Format an entry that stands by itself, with the decimals its own interval asks for."""
    return _cell(entry, _places([entry]))


def _cell(entry: dict[str, Any], places: int, best: bool = False) -> Cell:
    value, ends = number(entry.get("value")), bounds(entry)
    interval = f"[{show(ends[0], places)}, {show(ends[1], places)}]" if ends and value is not None else ""
    n = plain(entry.get("n")) if number(entry.get("n")) is not None else ""
    return Cell(show(value, places), interval, n, best)


def neutral(comparison: dict[str, Any]) -> float:
    """Return the value at which two arms are equal: 0 for a difference, 0.5 for a win rate."""
    given = number(comparison.get("neutral"))
    if given is not None:
        return given
    return 0.5 if str(comparison.get("name", "")).startswith("win_rate") else 0.0


def _sign(comparison: dict[str, Any]) -> int:
    """Say whether the interval lies above (1), below (-1) or across (0) the neutral value."""
    ends = bounds(comparison)
    if ends is None:
        return 0
    middle = neutral(comparison)
    return 1 if ends[0] > middle else -1 if ends[1] < middle else 0


def _beats(name: str, winner: str, loser: str, results: dict[str, Any], better: int) -> bool:
    """Say whether the data separate two arms: by paired comparison, else by disjoint intervals."""
    paired = []
    for comparison in listed(results, "comparisons"):
        pair = (comparison.get("arm"), comparison.get("against"))
        if comparison.get("name") == name and pair in ((winner, loser), (loser, winner)):
            paired.append(_sign(comparison) * better * (1 if pair[0] == winner else -1))
    if paired:
        return all(sign > 0 for sign in paired)
    table = arm_metrics(results)
    first, second = bounds(table[winner][name]), bounds(table[loser][name])
    if first is None or second is None:
        return False
    return first[0] > second[1] if better > 0 else first[1] < second[0]


def best_arm(name: str, results: dict[str, Any]) -> str | None:
    """Return the arm that is shown to be best at a metric, or None.

    Best needs a known direction, an interval of some width, and to be separated from every other arm.
    """
    better = {"higher": 1, "lower": -1}.get(mapping(results.get("directions")).get(name, ""), 0)
    entries = {arm: metrics.get(name, {}) for arm, metrics in arm_metrics(results).items()}
    values = {arm: found for arm, entry in entries.items() if (found := number(entry.get("value"))) is not None}
    if not better or len(values) < 2:
        return None
    winner = max(values, key=lambda arm: values[arm] * better)
    ends = bounds(entries[winner])
    if ends is None or ends[0] == ends[1]:
        return None
    others = [arm for arm in values if arm != winner]
    return winner if all(_beats(name, winner, arm, results, better) for arm in others) else None


def headline(results: dict[str, Any]) -> Headline:
    """Build the headline table from the evaluation's results."""
    table = arm_metrics(results)
    directions, descriptions = mapping(results.get("directions")), mapping(results.get("descriptions"))
    rows = []
    for name in metric_names(results):
        entries = [metrics.get(name, {}) for metrics in table.values()]
        places, best = _places(entries), best_arm(name, results)
        cells = [_cell(entry, places, arm == best) for arm, entry in zip(table, entries, strict=True)]
        sizes = list(dict.fromkeys(cell.n for cell in cells if cell.n))
        arrow = ARROWS.get(str(directions.get(name)), "")
        about = str(descriptions.get(name) or "")
        rows.append(MetricRow(name, label(name), arrow, about, cells, " / ".join(sizes) or MISSING))
    return Headline(list(table), rows)


def final_table(results: dict[str, Any]) -> list[list[str]]:
    """Return the headline table as rows of text: a header, then one row per metric.

    Example: `[["Metric", "base", "ppo", "n"], ["SAC ↑", "0.21 [0.12, 0.30]", "0.74 [0.66, 0.82] *", "40"]]`.
    A star marks the value shown to be best. No results give no rows.
    """
    table = headline(results)
    if not table.rows:
        return []
    body = [[f"{row.label} {row.arrow}".rstrip(), *(cell.text for cell in row.cells), row.n] for row in table.rows]
    return [["Metric", *table.arms, "n"], *body]


def comparisons(results: dict[str, Any]) -> list[Comparison]:
    """Build the table of paired comparisons."""
    rows = []
    for entry in listed(results, "comparisons"):
        name, arm, against = (str(entry.get(key) or MISSING) for key in ("name", "arm", "against"))
        direction = mapping(results.get("directions")).get(name)
        if name.startswith("win_rate"):
            direction = "higher"
        reading, sign = "not separated", _sign(entry)
        if bounds(entry) is None:
            reading = "no interval"
        elif sign and direction in ARROWS:
            reading = f"{arm if sign == (1 if direction == 'higher' else -1) else against} better"
        elif sign:
            reading = f"{arm} {'higher' if sign > 0 else 'lower'}"
        note = str(entry.get("note") or "")
        rows.append(Comparison(label(name), arm, against, lone_cell(entry), reading, note))
    return rows
