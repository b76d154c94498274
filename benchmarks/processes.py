"""A PPO iteration by one process and by two that share it, one thread each: python -m benchmarks.processes

Runs them in turn, and writes benchmarks/results/processes-<workload>.json: seconds an iteration, peak memory of the
process that needs most, and the ratios of their medians.
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


def measured(count: int, workload: str, iterations: int) -> dict[str, Any]:
    """One run of `count` processes."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    command = [sys.executable, *start, "-m", "benchmarks.ppo", "--workload", workload, "--iterations", str(iterations)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["processes"] for one in found] == [count] * count
    return {
        "seconds_per_iteration": max(one["seconds_per_iteration"] for one in found),
        "peak_host_gb": max(one["peak_host_gb"] for one in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="small")
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(asked.repeats):
        for count, found in runs.items():
            found.append(measured(count, asked.workload, asked.iterations))
            print(json.dumps({"processes": count, **found[-1]}), flush=True)
    median = {
        count: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for count, found in runs.items()
    }
    result = {
        "machine": machine(),
        "workload": asked.workload,
        "runs": runs,
        "throughput_ratio": round(median[1]["seconds_per_iteration"] / median[2]["seconds_per_iteration"], 3),
        "memory_ratio": round(median[2]["peak_host_gb"] / median[1]["peak_host_gb"], 3),
    }
    (RESULTS / f"processes-{asked.workload}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("throughput_ratio", "memory_ratio")}))


if __name__ == "__main__":
    main()
