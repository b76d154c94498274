"""Disturb small jobs and see that nothing is lost: make faults (15 minutes), make faults-full (everything once).

python tests/faults/run.py --minutes 15
python tests/faults/run.py --kills 200 --writes 100 --harms 50 --starved 20 --drops 10
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness import Bench, Trial
from jobs import JUDGE, Job, jobs
from judge_server import Server
from material import model_in, rows, write_rows

KINDS = {
    "killed": "killed at random moments",
    "failing": "a write that fails",
    "harmed": "a file that is harmed",
    "starved": "too little memory",
    "dropped": "a network that drops",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writes", type=int, default=100)
    parser.add_argument("--harms", type=int, default=50)
    parser.add_argument("--starved", type=int, default=20)
    parser.add_argument("--drops", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so many, whatever is left")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", default="", help="only these, with commas between")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name, Server(**JUDGE) as judge:
        folder = Path(name)
        known = jobs(model_in(folder / "model"), write_rows(folder / "rows.jsonl", rows()), judge)
        chosen = {name: job for name, job in known.items() if not asked.jobs or name in asked.jobs.split(",")}
        bench = Bench(folder, known, judge)
        wanted = {"killed": asked.kills, "failing": asked.writes if bench.library else 0, "harmed": asked.harms}
        wanted |= {"starved": asked.starved, "dropped": asked.drops if any(job.asks for job in chosen.values()) else 0}
        end = time.monotonic() + 60 * asked.minutes
        trials = list(disturb(bench, chosen, wanted, asked.seed, end))
    print(table(trials))
    for kind, trial in trials:
        for wrong in trial.wrong:
            print(f"\n{kind} {trial.job}, {'; '.join(trial.faults)}: {wrong}")
    sys.exit(any(trial.wrong for _, trial in trials))


def disturb(
    bench: Bench, chosen: dict[str, Job], wanted: dict[str, int], seed: int, end: float
) -> Iterator[tuple[str, Trial]]:
    """Trials of all kinds and jobs in turn, until there were as many faults of each kind as are wanted, or the time is
    over."""
    rng, counts, number = random.Random(seed), dict.fromkeys(wanted, 0), 0
    while any(counts[kind] < wanted[kind] for kind in wanted):
        for name in chosen:
            for kind in (kind for kind in wanted if counts[kind] < wanted[kind]):
                if kind == "dropped" and not chosen[name].asks:
                    continue
                if time.monotonic() >= end:
                    return
                number += 1
                trial = getattr(bench, kind)(name, f"{kind}-{number}", rng)
                counts[kind] += len(trial.faults)
                print(json.dumps({"kind": kind, **vars(trial)}), flush=True)
                yield kind, trial


def table(trials: list[tuple[str, Trial]]) -> str:
    """Faults and what came of them, a row for each kind and job."""
    lines = ["| fault | job | faults | in trials | messages | wrong |"]
    lines.append("| --- " * 6 + "|")
    for kind, title in KINDS.items():
        for name in dict.fromkeys(trial.job for _, trial in trials):
            mine = [trial for found, trial in trials if (found, trial.job) == (kind, name)]
            if mine:
                cells = [sum(len(trial.faults) for trial in mine), len(mine), sum(len(trial.said) for trial in mine)]
                cells.append(sum(bool(trial.wrong) for trial in mine))
                lines.append(f"| {title} | {name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
