"""What people said of pairs of answers, where the run was rated (rating/ratings.csv)."""

import csv
from collections import defaultdict
from pathlib import Path

from topgraft.evaluate.judge.agreement import Choice, Choices, chosen
from topgraft.report.words.text import from_csv

QUESTION = "win_rate"
"""What the ratings call the choice between two answers; its value is 1 for the arm, 0.5 for a tie, 0 for the other."""


def rated(run: Path) -> Choices:
    """What the raters of the run prefer on each pair, by the mean of their choices; an even mean is a tie. Repeated
    questions do not count, nor do lines without what is needed here. Nothing where the run was not rated."""
    path = run / "rating" / "ratings.csv"
    if not path.exists():
        return {}
    values: dict[Choice, list[float]] = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line.get("question") == QUESTION and not line.get("repeats"):
                try:
                    value = float(line["value"])
                    row, arm, against = (from_csv(line[key]) for key in ("prompt", "arm", "against"))
                except (KeyError, TypeError, ValueError):
                    continue
                pair, turned = chosen(row, arm, against, "win")
                values[pair].append(value if turned == "win" else 1 - value)
    means = {pair: sum(found) / len(found) for pair, found in values.items()}
    return {pair: "win" if mean > 0.5 else "loss" if mean < 0.5 else "tie" for pair, mean in means.items()}
