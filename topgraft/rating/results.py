"""What the ratings say: rating/results.json in the shape of evaluation/results.json, and rating/ratings.csv."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import mean_interval, share_interval
from topgraft.rating.agreement import alpha_interval, choice_alpha, counts_of, ordinal_alpha, raw_agreement, share
from topgraft.rating.questions import SCALE
from topgraft.rating.ratings import WIN_RATE, Rated, Rating
from topgraft.report.words.text import csv_text

WIN_RATE_MEANS = "Share of side-by-side choices that the arm won, against the arms it was set beside; a tie is half."
COLUMNS = ("rater", "screen", "repeats", "prompt", "problem", "question", "arm", "against", "value", "side", "at")


def results_of(rated: Rated) -> dict[str, Any]:
    """Means and win rates with 95 % intervals over problems, comparisons of arms, agreement and self-consistency.

    Figures are over prompts: first the mean over a prompt's raters, then over prompts, so that a rater who stopped
    early does not weigh some prompts more. Repeated screens count for self-consistency only.
    """
    study = rated.study
    names = [*study.dimensions, WIN_RATE]
    means = {name: found.means for name, found in study.dimensions.items()}
    return {
        "arms": {arm: {"metrics": _metrics(rated, arm)} for arm in study.arms},
        "starts": {},
        "comparisons": [*_differences(rated), *_win_rates(rated)],
        "instruments": {},
        "directions": dict.fromkeys(names, "higher"),
        "descriptions": {**means, WIN_RATE: WIN_RATE_MEANS},
        "dimensions": {name: found.model_dump() for name, found in study.dimensions.items()},
        "agreement": {name: _agreement(rated, name) for name in names},
        "consistency": {name: _consistency(rated, name) for name in names},
        "sides": _sides(rated),
        "raters": [asdict(progress) for progress in rated.raters],
        "prompts": len(study.prompts),
        "problems": len({prompt.group for prompt in study.prompts}),
        "repeat": study.repeat,
        "comments": [
            {"rater": row.rater, "prompt": study.prompts[row.prompt].key, "arms": list(row.arms), "text": row.text}
            for row in rated.remarks
        ],
    }


def as_entry(measure: Measure) -> dict[str, float | int | None]:
    """A measure as it stands in results.json; what is not a number is null."""
    ends = {key: getattr(measure, key) for key in ("value", "low", "high")}
    return {**{key: None if math.isnan(end) else end for key, end in ends.items()}, "n": measure.n}


def _by_prompt(rated: Rated, values: Iterable[tuple[int, float]]) -> tuple[list[float], list[str]]:
    """From (prompt, value) pairs: the mean over a prompt's raters for each prompt, and the prompts' problems."""
    found: dict[int, list[float]] = defaultdict(list)
    for prompt, value in values:
        found[prompt].append(value)
    return [float(np.mean(given)) for given in found.values()], [rated.study.prompts[place].group for place in found]


def _mean(rated: Rated, values: Iterable[tuple[int, float]]) -> Measure | None:
    """The mean over prompts of (prompt, value) pairs; n counts prompts."""
    means, groups = _by_prompt(rated, values)
    return mean_interval(means, groups, seed=rated.study.seed) if means else None


def _win_rate(rated: Rated, values: Iterable[tuple[int, float]]) -> Measure | None:
    """The same of wins: 1, with ties as 0.5."""
    means, groups = _by_prompt(rated, values)
    return share_interval(means, groups) if means else None


def _metrics(rated: Rated, arm: str) -> dict[str, Any]:
    """One arm's mean score in each dimension, and its win rate."""
    found = {
        name: _mean(rated, ((row.prompt, row.value) for row in rated.first(name) if row.arm == arm))
        for name in rated.study.dimensions
    }
    choices = [row for row in rated.first(WIN_RATE) if arm in (row.arm, row.against)]
    won = ((row.prompt, row.value if row.arm == arm else 1 - row.value) for row in choices)
    found[WIN_RATE] = _win_rate(rated, won)
    return {name: as_entry(measure) for name, measure in found.items() if measure is not None}


def _differences(rated: Rated) -> list[dict[str, Any]]:
    """Differences of scores that the same rater gave to two answers to the same prompt."""
    found = []
    for arm, against in rated.study.pairs:
        for name in rated.study.dimensions:
            given = {(row.rater, row.prompt, row.arm): row.value for row in rated.first(name)}
            gains = [
                (prompt, value - given[rater, prompt, against])
                for (rater, prompt, other), value in given.items()
                if other == arm and (rater, prompt, against) in given
            ]
            measure = _mean(rated, gains)
            if measure is not None:
                found.append({"name": name, "arm": arm, "against": against, **as_entry(measure)})
    return found


def _win_rates(rated: Rated) -> list[dict[str, Any]]:
    """The win rate of each pair, with its wins, ties and losses over all raters; equal at 0.5."""
    found = []
    for arm, against in rated.study.pairs:
        rows = [row for row in rated.first(WIN_RATE) if (row.arm, row.against) == (arm, against)]
        measure = _win_rate(rated, ((row.prompt, row.value) for row in rows))
        if measure is not None:
            wins, ties = (sum(row.value == value for row in rows) for value in (1.0, 0.5))
            counts = {"wins": wins, "ties": ties, "losses": len(rows) - wins - ties}
            found.append(
                {"name": WIN_RATE, "arm": arm, "against": against, **as_entry(measure), "neutral": 0.5, **counts}
            )
    return found


def _agreement(rated: Rated, name: str) -> dict[str, Any]:
    """Alpha (ordinal for scores, nominal for choices) and raw agreement over what several raters have rated."""
    choice = name == WIN_RATE
    units: dict[tuple[int, str, str], list[Rating]] = defaultdict(list)
    for row in rated.first(name):
        units[row.prompt, row.arm, row.against].append(row)
    groups = [rated.group(rows[0]) for rows in units.values()]
    values = [0.0, 0.5, 1.0] if choice else [float(value) for value in SCALE]
    counts = counts_of([[row.value for row in rows] for rows in units.values()], values)
    seed = rated.study.seed
    found = {
        "level": "nominal" if choice else "ordinal",
        "alpha": as_entry(alpha_interval(choice_alpha if choice else ordinal_alpha, counts, groups, seed=seed)),
        "same": as_entry(raw_agreement(counts, groups, seed=seed)),
    }
    if not choice:
        found["within_one"] = as_entry(raw_agreement(counts, groups, apart=1, seed=seed))
    return found


def _consistency(rated: Rated, name: str) -> dict[str, Any]:
    """How often a rater who was shown something twice said the same again."""
    twice = list(rated.twice(name))
    groups = [rated.group(first) for first, _ in twice]

    def said(alike: Callable[[float, float], bool]) -> dict[str, Any]:
        hits = [alike(first.value, second.value) for first, second in twice]
        return as_entry(share(hits, groups))

    found = {"same": said(lambda first, second: first == second)}
    if name != WIN_RATE:
        found["within_one"] = said(lambda first, second: abs(first - second) <= 1)
    return found


def _sides(rated: Rated) -> dict[str, Any]:
    """The share of the choices that are no tie which went to the left; 0.5 unless raters prefer a side."""
    rows = [row for row in rated.ratings if row.question == WIN_RATE and row.value != 0.5]
    hits = [(row.value == 1) == row.left for row in rows]
    return as_entry(share(hits, [rated.group(row) for row in rows]))


def ratings_csv(rated: Rated) -> str:
    """Every rating that counts, one a line, then the comments; raters are numbers. No cell can be taken for a formula.

    `value` is 1 to 5, or for `win_rate` 1 where `arm` was preferred to `against`, 0.5 a tie, 0 the other way.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    prompts = rated.study.prompts
    for row in rated.ratings:
        side = "" if not row.against else "left" if row.left else "right"
        again = "" if row.repeats is None else row.repeats
        prompt = prompts[row.prompt]
        texts = [csv_text(text) for text in (prompt.key, prompt.group, row.question, row.arm, row.against)]
        writer.writerow([row.rater, row.screen, again, *texts, f"{row.value:g}", side, row.at])
    for remark in rated.remarks:
        prompt = prompts[remark.prompt]
        arm, against = (*remark.arms, "")[:2]
        texts = [csv_text(text) for text in (prompt.key, prompt.group, "comment", arm, against, remark.text)]
        writer.writerow([remark.rater, "", "", *texts, "", remark.at])
    return out.getvalue()
