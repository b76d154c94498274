"""Print the table of the layer control experiment from finished runs of recipe `layers`, one for each seed.

python -m tools.layer_control runs/layers runs/layers-1 runs/layers-2
"""

import argparse
from pathlib import Path

import numpy as np
from sacrebleu.metrics import BLEU

from topgraft.evaluate.metrics.bleu import statistic
from topgraft.evaluate.records import Measure
from topgraft.evaluate.statistics.intervals import interval, mean_interval
from topgraft.rewards.verdict import read_verdict
from topgraft.runs import RunFolder

VALUES = {"reward": "reward", "reward_check": "reward check", "sac": "SAC", "kl_response": "KL", "tokens": "length"}
"""What responses.jsonl holds of each answer -> how the table calls it."""
STANDARD = "last-4"
"""The arm that the others are set against."""


class Answers:
    """The answers of all arms in all runs, row by row in one order."""

    def __init__(self, runs: list[RunFolder]) -> None:
        self.runs = [run.responses() for run in runs]
        first = self.of("base", 0)
        self.groups = [row["problem"] for row in first]
        self.arms = list(dict.fromkeys(row["arm"] for row in self.runs[0]))
        if any([row["id"] for row in self.of(arm, run)] != [row["id"] for row in first] for arm, run in self.places()):
            raise SystemExit("The runs have not answered the same rows.")

    def places(self) -> list[tuple[str, int]]:
        """Every arm of every run."""
        return [(arm, run) for arm in self.arms for run in range(len(self.runs))]

    def of(self, arm: str, run: int) -> list[dict]:
        """One arm's answers in one run."""
        return [row for row in self.runs[run] if row["arm"] == arm]

    def mean(self, arm: str, name: str) -> np.ndarray:
        """A value of every row, the mean over runs."""
        return np.mean([[_value(row, name) for row in self.of(arm, run)] for run in range(len(self.runs))], axis=0)

    def bleu(self, arm: str) -> Measure:
        """Corpus BLEU, the mean over runs, with its interval over problems."""
        scores = []
        for run in range(len(self.runs)):
            rows = self.of(arm, run)
            scores.append(statistic(BLEU(), [row["response"] for row in rows], [row["reference"] for row in rows]))
        return interval(lambda rows: float(np.mean([score(rows) for score in scores])), self.groups)


def _value(row: dict, name: str) -> float:
    if name == "ca":
        return float(read_verdict(row["response"]) is row["correct"])
    return float("nan") if row[name] is None else float(row[name])


def _cell(measure: Measure, digits: int, sign: str = "") -> str:
    value, low, high = (f"{number:{sign}.{digits}f}" for number in (measure.value, measure.low, measure.high))
    return f"{value} [{low}, {high}]" if np.isfinite(measure.value) else "–"


def main() -> None:
    """Print the table, and the differences to the last blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    answers = Answers([RunFolder(path) for path in parser.parse_args().runs])
    print("| arm | " + " | ".join([*VALUES.values(), "CA", "BLEU"]) + " |")
    print("|---" * (len(VALUES) + 3) + "|")
    for arm in answers.arms:
        cells = []
        for name in [*VALUES, "ca"]:
            digits = {"sac": 4, "kl_response": 1, "tokens": 0}.get(name, 2)
            cells.append(_cell(mean_interval(answers.mean(arm, name), answers.groups), digits))
        print(f"| {arm} | " + " | ".join([*cells, _cell(answers.bleu(arm), 1)]) + " |")
    print(f"\n| arm less {STANDARD} | reward | reward check |\n|---|---|---|")
    for arm in answers.arms[1:]:
        if arm != STANDARD:
            gains = [answers.mean(arm, name) - answers.mean(STANDARD, name) for name in ("reward", "reward_check")]
            print(
                f"| {arm} | " + " | ".join(_cell(mean_interval(gain, answers.groups), 2, "+") for gain in gains) + " |"
            )


if __name__ == "__main__":
    main()
