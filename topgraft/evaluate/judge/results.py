"""What a judge's verdicts come to: win rates with intervals, how far the judge is to be believed, what it cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from topgraft.evaluate.judge.lengths import controlled, fit, length_terms
from topgraft.evaluate.judge.verdicts import SCORES, Judgement
from topgraft.evaluate.records import Measure, as_json
from topgraft.evaluate.statistics.intervals import share_interval

RAW = "share of prompts where {judge} prefers the arm's answer to that of {against} in both orders; ties count 1/2"
CONTROLLED = "the same at equal lengths: a logistic regression of the outcomes with its length term set to 0"


def results(judge: str, verdicts: Sequence[Judgement]) -> dict[str, Any]:
    """Win rates of every pair of arms, raw and length-controlled, in the shape of evaluation/results.json; each
    pair's counts and the judge's reliability beside them. `arms` holds the win rates against the first arm that
    others are set against."""
    raw, even = f"win_rate/{judge}", f"win_rate_lc/{judge}"
    pairs = list(dict.fromkeys((verdict.pair.arm, verdict.pair.against) for verdict in verdicts))
    first = pairs[0][1]
    arms: dict[str, Any] = {first: {"metrics": {}}}
    comparisons, counted = [], []
    for arm, against in pairs:
        own = [verdict for verdict in verdicts if (verdict.pair.arm, verdict.pair.against) == (arm, against)]
        counted.append({"arm": arm, "against": against, **_counts(own)})
        readable = [verdict for verdict in own if verdict.readable]
        if not readable:
            continue
        measures = {raw: as_json(_win_rate(readable)), even: as_json(_controlled(readable))}
        for name, measure in measures.items():
            comparisons.append({"name": name, "arm": arm, "against": against, "neutral": 0.5, **measure})
        if against == first:
            arms[arm] = {"metrics": measures}
    return {
        "arms": arms,
        "directions": {raw: "higher", even: "higher"},
        "descriptions": {raw: RAW.format(judge=judge, against=first), even: CONTROLLED},
        "comparisons": comparisons,
        "pairs": counted,
        "reliability": reliability(verdicts),
    }


def reliability(verdicts: Sequence[Judgement]) -> dict[str, Any]:
    """How often both orders agree (`consistency`), and the share of readings that name the answer shown first among
    those that name one (`first_position`; 0.5 is no preference). Pairs of one text say nothing of it, nor do
    unreadable ones."""
    asked = [verdict for verdict in verdicts if verdict.asked]
    found: dict[str, Any] = {}
    if asked:
        agree = [float(len(set(verdict.named)) == 1) for verdict in asked]
        found["consistency"] = as_json(share_interval(agree, [verdict.pair.group for verdict in asked]))
    firsts, groups = [], []
    for verdict in asked:
        for name, shown_first in zip(verdict.named, ("arm", "against"), strict=True):
            if name != "tie":
                firsts.append(float(name == shown_first))
                groups.append(verdict.pair.group)
    if firsts:
        found["first_position"] = as_json(share_interval(firsts, groups))
    return found


def _win_rate(readable: Sequence[Judgement]) -> Measure:
    return share_interval(
        [SCORES[verdict.outcome] for verdict in readable], [verdict.pair.group for verdict in readable]
    )


def _lengths(readable: Sequence[Judgement]) -> tuple[list[int], list[int]]:
    """Characters of both arms' answers."""
    return [len(verdict.pair.answer) for verdict in readable], [len(verdict.pair.other) for verdict in readable]


def _controlled(readable: Sequence[Judgement]) -> Measure:
    scores, terms = [SCORES[verdict.outcome] for verdict in readable], length_terms(*_lengths(readable))
    return controlled(scores, terms, [verdict.pair.group for verdict in readable])


def _counts(own: Sequence[Judgement]) -> dict[str, Any]:
    """How a pair's verdicts fell, which were not to be had, and what length had to do with it."""
    readable = [verdict for verdict in own if verdict.readable]
    found: dict[str, Any] = {
        "wins": sum(verdict.outcome == "win" for verdict in own),
        "ties": sum(verdict.outcome == "tie" for verdict in own),
        "losses": sum(verdict.outcome == "loss" for verdict in own),
        "identical": sum(verdict.pair.identical for verdict in own),
        "unreadable": [verdict.pair.row for verdict in own if verdict.outcome == "unreadable"],
        "unjudged": {verdict.pair.row: verdict.reason for verdict in own if verdict.outcome == "unjudged"},
    }
    if readable:
        lengths, others = _lengths(readable)
        scores = np.array([SCORES[verdict.outcome] for verdict in readable])
        found["longer"] = float(np.mean(np.array(lengths) > np.array(others)))
        found["length_effect"] = fit(scores, length_terms(lengths, others))[1]
    return found | reliability(own)
