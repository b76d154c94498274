"""Twelve trials of a sweep on a Ray cluster of one worker and of two, one thread each: python -m benchmarks.sweep

Both carry out the same command from nothing, the cluster's start and the last page included, in turn. Writes
benchmarks/results/sweep.json: seconds, and the ratio of their medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import machine

RESULT = Path(__file__).with_name("results") / "sweep.json"
WORDS = (
    "sweep",
    "professor",
    "--scale",
    "tiny",
    "--grid",
    "ppo.clip=0.1,0.2",
    "--grid",
    "ppo.beta=0.05,0.1,0.2",
    "--grid",
    "ppo.learning_rate=1e-4,3e-4",
    "--ray",
    "local",
)


def seconds(workers: int) -> float:
    """One sweep, into a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "topgraft", *WORDS, "--workers", str(workers), "--out", f"{folder}/sweep"]
        begun = time.perf_counter()
        subprocess.run(words, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
        took = time.perf_counter() - begun
        trials = json.loads((Path(folder) / "sweep" / "trials.json").read_text())
        assert [trial["state"] for trial in trials] == ["finished"] * 12
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(asked.repeats):
        for workers, times in found.items():
            times.append(round(seconds(workers), 1))
            print(json.dumps({"workers": workers, "seconds": times[-1]}), flush=True)
    ratio = round(statistics.median(found[1]) / statistics.median(found[2]), 3)
    result = {"machine": machine(), "command": " ".join(WORDS), "trials": 12, "seconds": found, "ratio": ratio}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({"ratio": ratio}))


if __name__ == "__main__":
    main()
