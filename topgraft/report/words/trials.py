"""The trials of a sweep as rows: values, the metric by which the sweep chooses, test metrics beside it."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.report.words.numbers import number
from topgraft.report.words.results import Cell, arm_metrics, bounds, label
from topgraft.report.words.tables import headline
from topgraft.report.words.text import csv_text, tidy
from topgraft.runs import RunFolder

ORDER = ("finished", "failed", "running", "waiting")


@dataclass(frozen=True)
class Row:
    """One trial. `tests` are the arm's test metrics, name -> {"value", "low", "high", "n"}; `page` is its own report's
    address beside the sweep's page."""

    number: int
    state: str
    values: dict[str, Any]
    metric: float | None
    tests: dict[str, dict[str, Any]]
    seconds: float
    error: str
    page: str


@dataclass(frozen=True)
class Trials:
    """A sweep: what was asked (sweep.json), and its rows, the best first."""

    asked: dict[str, Any]
    rows: list[Row]

    @property
    def finished(self) -> list[Row]:
        """Rows that have a value of the metric, the best first."""
        return [row for row in self.rows if row.metric is not None]

    @property
    def left(self) -> int:
        """Trials that have not ended."""
        return int(self.asked["trials"]) - sum(row.state in ("finished", "failed") for row in self.rows)

    @property
    def keys(self) -> list[str]:
        """The settings that vary."""
        return [item["key"] for item in self.asked["vary"]]

    @property
    def tests(self) -> list[str]:
        """The test metrics that some trial has."""
        return list(dict.fromkeys(name for row in self.rows for name in row.tests))


def read_trials(folder: Path) -> Trials:
    """Read a sweep's folder. Raises UserError where there is no sweep."""
    if not (folder / "sweep.json").exists():
        raise UserError(f"{folder} holds no sweep (no sweep.json). Give the folder that `topgraft sweep --out` wrote.")
    asked = tidy(json.loads((folder / "sweep.json").read_text(encoding="utf-8")))
    file = folder / "trials.json"
    records = tidy(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []
    rows = [_row(folder, record, asked["arm"]) for record in records]
    sign = 1 if asked["lower"] else -1
    rows.sort(key=lambda row: (ORDER.index(row.state), sign * (row.metric or 0.0), row.number))
    return Trials(asked, rows)


def _row(folder: Path, record: dict[str, Any], arm: str) -> Row:
    place = f"trials/{record['number']}"
    run = RunFolder(folder / place)
    seconds = sum(number(stage.summary().get("seconds")) or 0.0 for stage in run.stages())
    return Row(
        number=record["number"],
        state=record["state"],
        values=record["values"],
        metric=number(record["metric"]),
        tests=arm_metrics(tidy(run.results())).get(arm, {}),
        seconds=seconds,
        error=str(record.get("error") or ""),
        page=f"{place}/report/index.html" if (run.report / "index.html").exists() else "",
    )


def setting(value: Any) -> str:
    """A setting's value as text, numbers with three significant digits at most.

    Example: `setting(0.0123456)` -> "0.0123"; `setting([20, 21])` -> "[20, 21]".
    """
    if isinstance(value, float):
        return f"{value:.3g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def table(trials: Trials, tests: list[str]) -> tuple[list[str], list[tuple[Row, list[str], list[Cell]]]]:
    """The labels of the test metrics `tests`, and for each row its settings and its cells: the choosing metric, then
    the tests."""
    name = "metric by which the sweep chooses"
    arms = {str(row.number): {"metrics": {name: {"value": row.metric}, **row.tests}} for row in trials.rows}
    columns = {row.name: row.cells for row in headline({"arms": arms}).rows}
    found = []
    for place, row in enumerate(trials.rows):
        settings = [setting(row.values[key]) if key in row.values else "" for key in trials.keys]
        cells = [columns[column][place] for column in (name, *tests)]
        found.append((row, settings, cells))
    return [label(test) for test in tests], found


def trials_csv(trials: Trials) -> str:
    """One line a trial at full precision; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    tests = [f"test {name}{part}" for name in trials.tests for part in ("", " low", " high")]
    names = ["trial", "state", *trials.keys, f"validation {trials.asked['metric']}", *tests, "seconds", "error"]
    writer.writerow(map(csv_text, names))
    for row in sorted(trials.rows, key=lambda row: row.number):
        values = [csv_text(value) if isinstance(value, str) else value for value in map(row.values.get, trials.keys)]
        figures = list(_figures(row, trials.tests))
        metric = "" if row.metric is None else row.metric
        writer.writerow(
            [row.number, csv_text(row.state), *values, metric, *figures, round(row.seconds, 2), csv_text(row.error)]
        )
    return out.getvalue()


def _figures(row: Row, tests: list[str]) -> Iterator[float | str]:
    for name in tests:
        entry = row.tests.get(name, {})
        value, ends = number(entry.get("value")), bounds(entry)
        yield "" if value is None else value
        yield from ends or ("", "")
