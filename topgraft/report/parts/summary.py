"""Summary: what the numbers say, in sentences made from them alone; no claim without its interval."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from topgraft.report.document import Points, Section, Text
from topgraft.report.parts.separation import needs
from topgraft.report.reading import Reading
from topgraft.report.words.comparisons import Comparison, comparisons, direction, winners
from topgraft.report.words.instruments import instruments
from topgraft.report.words.lineage import listing
from topgraft.report.words.numbers import MINUS, MISSING, duration, gigabytes, number
from topgraft.report.words.results import arm_metrics, label, lone_cell, many, metric_names, starts
from topgraft.report.words.story import Stage

SOURCE = "evaluation/results.json: comparisons; stages/*/stage.json"
MOST = 8
"""Comparisons without a result that are named; the tables have all."""
WATCHED = "rollout/repetition"
"""What only a stage logs that is watched for signs of reward hacking."""


def summary_section(reading: Reading) -> Section:
    """The sentences as a section."""
    points = Points(texts=sentences(reading), source=SOURCE)
    about = Text(text="Made from the numbers of this run alone. Brackets are 95 % intervals.", muted=True)
    return Section(anchor="summary", title="Summary", blocks=[about, points])


def sentences(reading: Reading) -> list[str]:
    """What changed against Base, what the last stage added, what is not shown, signs of reward hacking, cost."""
    results = reading.results
    found = _best_of_many(results) if many(results) else _of_few(results)
    return [*_open(reading), *found, *_doubtful(results), *_hacking(reading.stages), *_cost(reading)]


def _open(reading: Reading) -> list[str]:
    if not arm_metrics(reading.results):
        return ["Nothing has been measured yet."]
    return [] if reading.complete else ["The run is not finished: what follows is what it has so far."]


def _of_few(results: dict[str, Any]) -> list[str]:
    """Each arm that nothing started from, against Base and against its start; then what is not separated."""
    arms = list(arm_metrics(results))
    if len(arms) < 2:
        return []
    base, *others = arms
    before = _starts(results)
    last = [arm for arm in others if arm not in before.values()]
    pairs = [(arm, against) for arm in last for against in dict.fromkeys((base, before[arm]))]
    made = [row for row in comparisons(results) if direction(row.name, results)]
    said: list[str] = []
    for arm, against in pairs:
        rows = [row for row in made if (row.arm, row.against) == (arm, against)]
        shown = [text for text in (_shown(rows, reading) for reading in ("better", "worse")) if text]
        if shown:
            how = "Against" if against == base else "What the last stage added: against"
            n = f" (n = {rows[0].cell.n})" if rows[0].cell.n else ""
            said.append(f"{how} {against}{n}, {arm} is {'; '.join(shown)}.")
        elif rows:
            said.append(f"Against {against}, {arm} is not shown to differ in any metric that was compared.")
    unclear = [row for row in made if row.reading == "not separated" and (row.arm, row.against) in pairs]
    if unclear:
        names = [f"{row.label} of {row.arm} against {row.against} ({_gap(row)}{_lacking(row)})" for row in unclear]
        more = [f"{len(names) - MOST} more"] if len(names) > MOST else []
        by = f" by {unclear[0].problems} problems" if unclear[0].problems else ""
        said.append(f"Not separated{by}, so not shown either way: {listing([*names[:MOST], *more])}.")
    return [*said, *_uncompared(results, base, last, made), *_second_model(made, pairs)]


def _lacking(row: Comparison) -> str:
    return f"; needs {needs(row.needed)}" if row.needed else ""


def _starts(results: dict[str, Any]) -> dict[str, str]:
    """Arm -> the arm that it started from; where that is not recorded, the one before it."""
    arms, known = list(arm_metrics(results)), starts(results)
    return {arm: known.get(arm, before) for before, arm in pairwise(arms)}


def _shown(rows: Iterable[Comparison], reading: str) -> str:
    found = [f"{row.label} ({_gap(row)})" for row in rows if row.reading == reading]
    return f"{reading} in {listing(found)}" if found else ""


def _gap(row: Comparison) -> str:
    """The difference with its sign; a win rate is none."""
    text = row.cell.text
    if row.name.startswith("win_rate") or text.startswith((MINUS, MISSING)):
        return text
    return f"+{text}"


def _uncompared(results: dict[str, Any], base: str, last: Sequence[str], made: Sequence[Comparison]) -> list[str]:
    """Metrics with a direction that no pair of arms was compared in: both values with their own intervals."""
    table, compared = arm_metrics(results), {row.name for row in made}
    found = []
    for name in metric_names(results):
        arms = [arm for arm in (base, *last) if number(table[arm].get(name, {}).get("value")) is not None]
        if name not in compared and direction(name, results) and len(arms) > 1:
            values = ", ".join(f"{arm} {lone_cell(table[arm][name]).text}" for arm in arms)
            found.append(f"{label(name)} ({values})")
    return [f"Not compared row by row: {listing(found)}."] if found else []


def _second_model(made: Sequence[Comparison], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Whether the reward model that no policy saw agrees with a gain under the one that it was trained on."""
    said = []
    for arm, against in pairs:
        rows = {row.name: row for row in made if (row.arm, row.against) == (arm, against)}
        gain, check = rows.get("reward"), rows.get("reward_check")
        if gain and check and gain.reading == "better" and check.reading != "better":
            said.append(
                f"The gain in reward of {arm} over {against} is not confirmed by the second reward model, which the "
                f"policy did not see ({_gap(check)}): a sign of reward hacking."
            )
    return said


def _best_of_many(results: dict[str, Any]) -> list[str]:
    """One sentence a metric: which arm is best, by how much, and from how many it is separated."""
    table, said = arm_metrics(results), []
    for row in winners(results):
        if row.separated == MISSING:
            said.append(f"{row.label}: {row.best}.")
            continue
        name = next(name for name in metric_names(results) if label(name) == row.label)
        value = lone_cell(table[row.best][name]).text
        done, _, of = row.separated.partition(" of ")
        how = f"separated from all {of} others" if done == of else f"separated from {done} of the {of} others only"
        said.append(
            f"{row.label} is best in {row.best} ({value}), {how}; the next, {row.second}, differs by "
            f"{row.difference.text}."
        )
    return said


def _doubtful(results: dict[str, Any]) -> list[str]:
    names = [row.label for row in instruments(results) if row.warning]
    if not names:
        return []
    return [f"Read {listing(names)} with care: what measures it is not shown to beat a constant answer."]


def _hacking(stages: Sequence[Stage]) -> list[str]:
    said = []
    for stage in stages:
        if stage.warnings:
            signs = ", ".join(f"{warning.sign} at step {warning.step}" for warning in stage.warnings)
            said.append(f"Signs of reward hacking in {stage.title}: {signs}. Read its responses before the reward.")
    quiet = [
        stage.title
        for stage in stages
        if stage.state == "finished" and not stage.warnings and any(WATCHED in line for line in stage.metrics)
    ]
    if quiet:
        said.append(f"The watch for reward hacking saw no sign in {listing(quiet)}, which does not prove that none is.")
    return said


def _cost(reading: Reading) -> list[str]:
    times = [time for stage in reading.stages if (time := number(stage.summary.get("seconds"))) is not None]
    if not times:
        return []
    peaks = [size for stage in reading.stages if (size := number(stage.summary.get("peak_memory_bytes"))) is not None]
    text = f"All stages took {duration(sum(times))}"
    text += f" on {reading.provenance['device']}" if reading.provenance.get("device") else ""
    text += f", with a peak of {gigabytes(max(peaks))} GB" if peaks else ""
    passes = [
        f"{found:.2f} in {stage.title}"
        for stage in reading.stages
        if (found := number(stage.summary.get("trunk_passes_per_token"))) is not None
    ]
    return [f"{text}. Trunk passes per token: {', '.join(passes)}." if passes else f"{text}."]
