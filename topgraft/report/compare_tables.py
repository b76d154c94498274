"""The tables of a comparison of runs."""

from typing import Any

from topgraft.report.document import Block, Table, Text
from topgraft.report.words.comparisons import direction
from topgraft.report.words.numbers import MISSING, plain, show
from topgraft.report.words.results import arm_metrics, bounds, cell_of, label, lone_cell, metric_names, places_of
from topgraft.report.words.tables import ARROWS

RESULTS = "results.json"
LONGEST = 32
"""Letters of a setting's value that are shown."""
OWN = " †"
"""Marks a metric that another instrument measured in each run."""


def differing(found: dict[str, Any]) -> list[Block]:
    """The settings that differ, then what the runs were made with."""
    names = [run["name"] for run in found["runs"]]
    blocks: list[Block] = []
    for key, heading, what, source in (
        (
            "settings",
            "Setting",
            "Settings that differ; a dash: the run's recipe.toml does not have it",
            "recipe.toml of each run",
        ),
        ("made_with", "Made with", "What the runs were made with, where it differs", "provenance.json of each run"),
    ):
        if found[key]:
            rows = [[name, *(_setting(value) for value in values)] for name, values in found[key].items()]
            title = what.partition(";")[0]
            blocks.append(Table(name=title, header=[heading, *names], rows=rows, caption=f"{what}.", source=source))
    return blocks or [Text(text="All settings agree, and what the runs were made with too.")]


def _setting(value: Any) -> str:
    if value is None:
        return MISSING
    return str(value) if not isinstance(value, str) or len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


def arms_of(found: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Arm -> run -> metric -> entry, in the order of the runs."""
    table, arms = arm_metrics(found), dict[str, dict[str, dict[str, Any]]]()
    for run in found["runs"]:
        for name, metrics in table.items():
            if name.startswith(f"{run['name']} / "):
                arms.setdefault(name.removeprefix(f"{run['name']} / "), {})[run["name"]] = metrics
    return arms


def rows_of(found: dict[str, Any]) -> list[list[str]]:
    """The results as text: a header, then a row for each metric of each arm, with the mean over seeds of each
    group of runs that differ in the seed alone, and a column a run."""
    names, groups = [run["name"] for run in found["runs"]], list(found["seeds"])
    rows = [["Arm", "Metric", *(_mean_of(found, group) for group in groups), *names]]
    for arm, by_run in arms_of(found).items():
        for metric in metric_names({"arms": {run: {"metrics": metrics} for run, metrics in by_run.items()}}):
            entries = [by_run.get(name, {}).get(metric, {}) for name in names]
            means = [found["seeds"][group]["arms"].get(arm, {"metrics": {}})["metrics"].get(metric) for group in groups]
            places = places_of(entries)
            cells = [cell_of(entry, places).text if entry else MISSING for entry in entries]
            shown = [
                f"{cell_of(mean, places).text}, sd {show(mean['sd'], places)}" if mean else MISSING for mean in means
            ]
            rows.append([arm, title_of(metric, found), *shown, *cells])
    return rows


def _mean_of(found: dict[str, Any], group: str) -> str:
    members = found["groups"][group]
    whole = len(members) == len(found["runs"])
    return f"mean of {len(members)} seeds" + ("" if whole else f" ({', '.join(members)})")


def title_of(metric: str, found: dict[str, Any]) -> str:
    """A metric's name with its direction, and a mark where its instrument is another one in each run."""
    arrow = ARROWS.get(str(found["directions"].get(metric)), "")
    return f"{label(metric)} {arrow}".rstrip() + (OWN if metric in found["own_instruments"] else "")


def values(found: dict[str, Any]) -> list[Block]:
    """Every metric of every arm in every run."""
    header, *rows = rows_of(found)
    if not rows:
        return [Text(text="No run has been evaluated yet.", notice=True)]
    caption = "Value and 95 % interval over problems of each run."
    if found["seeds"]:
        caption += (
            " Mean of seeds: with a 95 % interval over seeds by Student's t, and the standard deviation over seeds. "
            "The intervals of single runs speak of other problems, that of the mean of other seeds."
        )
    if found["own_instruments"]:
        caption += (
            " †: measured by another instrument in each run (see above); a dash instead of a mean: no common unit."
        )
    numeric = frozenset(range(2, len(header)))
    return [Table(name="Results", header=header, rows=rows, caption=caption, source=RESULTS, numeric=numeric)]


def gains(found: dict[str, Any]) -> list[Block]:
    """What arms gain on each other within each run, and how often over seeds."""
    blocks: list[Block] = []
    for group, content in found["seeds"].items():
        members, rows = found["groups"][group], []
        for gain in content["gains"]:
            places = places_of([{"value": value} for value in gain["values"]] + [gain])
            mean = lone_cell(gain).text if "low" in gain else MISSING
            better = direction(gain["name"], found)
            ups = gain["n"] - gain["above"] if better < 0 else gain["above"]
            word = "better" if better else "higher"
            rows.append(
                [
                    f"{gain['arm']} - {gain['against']}",
                    title_of(gain["name"], found),
                    *(show(value, places) for value in gain["values"]),
                    mean,
                    f"{word} in {plain(ups)} of {plain(gain['n'])}",
                ]
            )
        if rows:
            header = ["Arms", "Metric", *members, "Mean and 95 % interval over seeds", "Runs"]
            caption = (
                "Differences of two arms on the same rows within each run. This holds where values themselves cannot "
                "be compared; a metric without a common unit has no mean, only a count."
            )
            numeric = frozenset(range(2, len(header) - 1))
            blocks.append(
                Table(name="Gains", header=header, rows=rows, caption=caption, source=RESULTS, numeric=numeric)
            )
    return blocks


def pairs(found: dict[str, Any]) -> list[Block]:
    """Paired differences between runs."""
    rows = []
    for entry in found["comparisons"]:
        ends, better = bounds(entry), direction(entry["name"], found)
        sign = 0 if ends is None else (ends[0] > 0) - (ends[1] < 0)
        reading = ("better" if sign == better else "worse") if sign and better else ("", "higher", "lower")[sign]
        name = title_of(entry["name"], found)
        rows.append([entry["arm"], entry["against"], name, lone_cell(entry).text, reading])
    if not rows:
        return []
    caption = (
        f"First less second on the same test rows, with 95 % intervals over problems. A word says what is shown. There "
        f"are {len(rows)} differences: by chance alone about one in twenty of them would be shown. Metrics that "
        f"another instrument measured in each run are left out."
    )
    header = ["Arm", "Against", "Metric", "Difference", "Shown"]
    return [Table(name="Pairs", header=header, rows=rows, caption=caption, source=RESULTS, numeric=frozenset({3}))]
