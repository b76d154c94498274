"""Which arms the data separate: paired comparisons, and the arm that is shown to be best."""

from dataclasses import dataclass
from typing import Any

from topgraft.report.words.numbers import MISSING, number
from topgraft.report.words.results import (
    Cell,
    arm_metrics,
    bounds,
    label,
    listed,
    lone_cell,
    many,
    mapping,
    metric_names,
    starts,
)

SIGNS = {"higher": 1, "lower": -1}


@dataclass(frozen=True)
class Comparison:
    """One paired comparison, formatted.

    `reading` says what it shows of `arm`; `directed`, whether more or less is known to be better. `needed` is how many
    problems would show a difference like this one, where these `problems` do not.
    """

    name: str
    label: str
    arm: str
    against: str
    cell: Cell
    reading: str
    note: str
    directed: bool
    problems: int | None
    needed: int | None


@dataclass(frozen=True)
class Matrix:
    """The comparisons with pairs of arms down and metrics across; an empty place holds None."""

    labels: list[str]
    rows: list[tuple[str, str, list[Comparison | None]]]
    notes: list[str]


@dataclass(frozen=True)
class Winner:
    """Which arm is best at a metric, what the next one lacks, and how many of the others it is separated from."""

    label: str
    best: str
    second: str
    difference: Cell
    separated: str

    @property
    def words(self) -> str:
        """The row in words: "best ppo, next sft (difference 0.2 [0.1, 0.3]), separated from 3 of 5"."""
        if self.separated == MISSING:
            return self.best
        return (
            f"best {self.best}, next {self.second} (difference {self.difference.text}), separated from {self.separated}"
        )


def neutral(comparison: dict[str, Any]) -> float:
    """Return the value at which two arms are equal: 0 for a difference, 0.5 for a win rate."""
    given = number(comparison.get("neutral"))
    if given is not None:
        return given
    return 0.5 if str(comparison.get("name", "")).startswith("win_rate") else 0.0


def _sign(comparison: dict[str, Any]) -> int:
    """Say whether the first arm is shown to lie above (1) or below (-1) the second, or neither (0): by its interval,
    and by its test where it has one."""
    ends = bounds(comparison)
    if ends is None or comparison.get("separated") is False:
        return 0
    middle = neutral(comparison)
    return 1 if ends[0] > middle else -1 if ends[1] < middle else 0


def direction(name: str, results: dict[str, Any]) -> int:
    """Return 1 where higher values are better, -1 where lower ones are, 0 where neither is known to be."""
    return 1 if name.startswith("win_rate") else SIGNS.get(str(mapping(results.get("directions")).get(name)), 0)


def beats(name: str, winner: str, loser: str, results: dict[str, Any], better: int) -> bool:
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
    better = direction(name, results)
    entries = {arm: metrics.get(name, {}) for arm, metrics in arm_metrics(results).items()}
    values = {arm: found for arm, entry in entries.items() if (found := number(entry.get("value"))) is not None}
    if not better or len(values) < 2:
        return None
    winner = max(values, key=lambda arm: values[arm] * better)
    ends = bounds(entries[winner])
    if ends is None or ends[0] == ends[1]:
        return None
    others = [arm for arm in values if arm != winner]
    return winner if all(beats(name, winner, arm, results, better) for arm in others) else None


def comparisons(results: dict[str, Any]) -> list[Comparison]:
    """Return the paired comparisons, formatted."""
    rows = []
    for entry in listed(results, "comparisons"):
        name, arm, against = (str(entry.get(key) or MISSING) for key in ("name", "arm", "against"))
        better, sign = direction(name, results), _sign(entry)
        reading = "not separated" if bounds(entry) else "no interval"
        if sign and better:
            reading = "better" if sign == better else "worse"
        elif sign:
            reading = "higher" if sign > 0 else "lower"
        shown = label(name), arm, against, lone_cell(entry), reading, str(entry.get("note") or "")
        rows.append(Comparison(name, *shown, bool(better), _whole(entry.get("problems")), _whole(entry.get("needed"))))
    return rows


def _whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def asked(results: dict[str, Any]) -> list[Comparison]:
    """Return the comparisons that a reader asks for: all of few arms, of many those with Base and with the start."""
    shown, before = comparisons(results), starts(results)
    if not many(results):
        return shown
    base = next(iter(arm_metrics(results)))
    return [row for row in shown if row.against in (base, before.get(row.arm))]


def matrix(results: dict[str, Any]) -> Matrix:
    """Build the table of paired comparisons, of metrics with a direction where there are such."""
    shown = asked(results)
    shown = [row for row in shown if row.directed] or shown
    names = list(dict.fromkeys(row.name for row in shown))
    found: dict[tuple[str, str], dict[str, Comparison]] = {}
    for row in shown:
        found.setdefault((row.arm, row.against), {})[row.name] = row
    notes = [f"{row.label}, {row.arm} against {row.against}: {row.note}" for row in shown if row.note]
    rows = [(arm, against, [cells.get(name) for name in names]) for (arm, against), cells in found.items()]
    return Matrix([label(name) for name in names], rows, notes)


def winners(results: dict[str, Any]) -> list[Winner]:
    """Say of every metric with a direction which of many arms is best, and against how many that is shown."""
    rows = []
    for name in metric_names(results) if many(results) else ():
        better, entries = direction(name, results), arm_metrics(results)
        values = {
            arm: found for arm in entries if (found := number(entries[arm].get(name, {}).get("value"))) is not None
        }
        if not better or len(values) < 2:
            continue
        ranked = sorted(values, key=lambda arm: -better * values[arm])
        leaders = [arm for arm in ranked if values[arm] == values[ranked[0]]]
        if len(leaders) > 1:
            rows.append(Winner(label(name), f"{len(leaders)} arms alike", MISSING, Cell(MISSING), MISSING))
            continue
        best, *others = ranked
        count = sum(beats(name, best, arm, results, better) for arm in others)
        rows.append(
            Winner(label(name), best, others[0], _gap(name, best, others[0], results), f"{count} of {len(others)}")
        )
    return rows


def _gap(name: str, arm: str, against: str, results: dict[str, Any]) -> Cell:
    """The paired difference of two arms, whichever way round it was taken; without one, the two values' own."""
    for entry in listed(results, "comparisons"):
        pair = (entry.get("arm"), entry.get("against"))
        if entry.get("name") == name and pair == (arm, against):
            return lone_cell(entry)
        if entry.get("name") == name and pair == (against, arm):
            ends = [number(entry.get(key)) for key in ("value", "high", "low")]
            value, low, high = (None if end is None else 2 * neutral(entry) - end for end in ends)
            return lone_cell({"value": value, "low": low, "high": high, "n": entry.get("n")})
    table = arm_metrics(results)
    return lone_cell({"value": table[arm][name]["value"] - table[against][name]["value"]})
