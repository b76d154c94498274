"""A PPO iteration by one process, by two that share it, and by two that hold the base in shares too, one thread each:

    python -m benchmarks.processes

Runs them in turn, and writes benchmarks/results/processes-<workload>.json: seconds an iteration and their parts, peak
memory and bytes of the base of the process that has most, and the ratios of their medians to those of one process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine

RESULTS = Path(__file__).with_name("results")
WAYS = {"one": (1, []), "two": (2, []), "in shares": (2, ["--sharded"])}
READ = ("seconds_per_iteration", "generation_seconds", "peak_host_gb", "base_gb")


def measured(way: str, workload: str, iterations: int) -> dict[str, Any]:
    """One run."""
    count, more = WAYS[way]
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    work = ["-m", "benchmarks.ppo", "--workload", workload, "--iterations", str(iterations), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *start, *work], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["processes"] for one in found] == [count] * count
    return {name: max(one[name] for one in found) for name in READ}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="small")
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(asked.repeats):
        for way, found in runs.items():
            found.append(measured(way, asked.workload, asked.iterations))
            print(json.dumps({"way": way, **found[-1]}), flush=True)
    median = {
        way: {name: statistics.median(one[name] for one in found) for name in READ} for way, found in runs.items()
    }
    one = median["one"]
    ratios = {
        way: {
            "throughput": round(one["seconds_per_iteration"] / median[way]["seconds_per_iteration"], 3),
            "memory": round(median[way]["peak_host_gb"] / one["peak_host_gb"], 3),
            "base": round(median[way]["base_gb"] / one["base_gb"], 3),
        }
        for way in ("two", "in shares")
    }
    result = {"machine": machine(), "workload": asked.workload, "runs": runs, "ratios": ratios}
    (RESULTS / f"processes-{asked.workload}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
