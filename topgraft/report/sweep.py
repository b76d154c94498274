"""Write a sweep's page, table and figures, from its folder alone."""

from pathlib import Path
from typing import Any

from topgraft.report.figures.sweep import draw_sweep
from topgraft.report.formats.page import render, write_figures
from topgraft.report.words.numbers import duration, plain
from topgraft.report.words.trials import Trials, read_trials, setting, table, trials_csv
from topgraft.runs.writing import write_whole


def write_sweep(folder: Path) -> Path:
    """Write sweep.csv, figures/ and index.html into a sweep's folder, finished or not; the page's path."""
    trials = read_trials(folder)
    drawn = draw_sweep(trials)
    write_figures(folder / "figures", drawn)
    write_whole(folder / "sweep.csv", trials_csv(trials))
    tests, rows = table(trials, trials.tests)
    asked = trials.asked
    context: dict[str, Any] = {
        "recipe": str(asked["recipe"]),
        "opening": _opening(trials),
        "facts": _facts(trials),
        "left": trials.left,
        "cautions": asked["cautions"],
        "metric": asked["metric"],
        "arm": asked["arm"],
        "keys": trials.keys,
        "tests": tests,
        "rows": [(row, duration(row.seconds), settings, cells) for row, settings, cells in rows],
        "against": [one for one in drawn if one.name != "frontier"],
        "frontier": [one for one in drawn if one.name == "frontier"],
        "best": trials.finished[0].number if trials.finished else None,
    }
    write_whole(folder / "index.html", render("sweep.html.jinja", context))
    return folder / "index.html"


def _opening(trials: Trials) -> str:
    """The sweep in two sentences."""
    asked = trials.asked
    how = "grid" if asked["grid"] else "search"
    began = f"A {how} of {plain(asked['trials'])} trials over {', '.join(trials.keys)}."
    if not trials.finished:
        return f"{began} None is finished yet."
    best = trials.finished[0]
    values = ", ".join(f"{key} = {setting(value)}" for key, value in best.values.items())
    return f"{began} Best{' so far' if trials.left else ''} by {asked['metric']}: trial {best.number} with {values}."


def _facts(trials: Trials) -> list[tuple[str, str]]:
    states = [row.state for row in trials.rows]
    facts = [("Finished", f"{states.count('finished')} of {plain(trials.asked['trials'])}")]
    facts += [(name.capitalize(), plain(states.count(name))) for name in ("failed", "running") if name in states]
    facts += [("Arm", trials.asked["arm"]), ("Chosen by", f"{trials.asked['metric']} on validation rows")]
    return [*facts, ("Time of all stages", duration(sum(row.seconds for row in trials.rows)))]
