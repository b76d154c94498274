"""A PPO iteration by one process, by two that share it, by two that hold the base in shares too, and by two that know
nothing of one another and have half of the sequences each, one thread a process:

    python -m benchmarks.processes

Runs them in turn, and writes benchmarks/results/processes-<workload>.json: seconds an iteration and their parts, peak
memory and bytes of the base of the process that has most, what a process sends, and the ratios of their medians to
those of one process. The first iteration, in which every page of memory is touched for the first time, goes before the
clock starts. What two that share nothing gain is what the machine has to give.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import machine
from benchmarks.workload import WORKLOADS

RESULTS = Path(__file__).with_name("results")
APART = "two apart"
WAYS = ("one", "two", APART, "in shares")
READ = ("seconds_per_iteration", "generation_seconds", "peak_host_gb", "base_gb", "sent_gb")


def measured(way: str, workload: str, sequences: int, iterations: int) -> dict[str, Any]:
    """One run."""
    commands, processes = (2, 1) if way == APART else (1, 1 if way == "one" else 2)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    work = ["-m", "benchmarks.ppo", "--workload", workload, "--iterations", str(iterations), "--warm"]
    work += ["--sequences", str(sequences // commands), *(["--sharded"] if way == "in shares" else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    before = _sent()
    begun = [
        subprocess.Popen([sys.executable, *start, *work], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(commands)
    ]
    said = "".join(one.communicate()[0] for one in begun)
    assert not any(one.returncode for one in begun)
    found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [one["processes"] for one in found] == [processes] * processes * commands
    sent = round((_sent() - before) / 1e9 / processes / commands / (iterations + 1), 4)
    return {name: max({**one, "sent_gb": sent}[name] for one in found) for name in READ}


def _sent() -> int:
    """Bytes that the processes of this machine have sent to one another."""
    return int(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", default="small", choices=WORKLOADS)
    parser.add_argument("--sequences", type=int, help="of an iteration; default: the workload's")
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    asked = parser.parse_args()
    sequences = asked.sequences or WORKLOADS[asked.workload].sequences
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in asked.ways}
    for _ in range(asked.repeats):
        for way, found in runs.items():
            found.append(measured(way, asked.workload, sequences, asked.iterations))
            print(json.dumps({"way": way, **found[-1]}), flush=True)
    median = {
        way: {name: statistics.median(one[name] for one in found) for name in READ} for way, found in runs.items()
    }
    one = median["one"]
    ratios = {
        way: {
            "throughput": round(one["seconds_per_iteration"] / found["seconds_per_iteration"], 3),
            "memory": round(found["peak_host_gb"] / one["peak_host_gb"], 3),
            "base": round(found["base_gb"] / one["base_gb"], 3),
        }
        for way, found in median.items()
        if way != "one"
    }
    result = {
        "machine": machine(),
        "workload": asked.workload,
        "sequences": sequences,
        "iterations": asked.iterations,
        "runs": runs,
        "ratios": ratios,
    }
    name = f"processes-{asked.workload}" + (f"-{asked.sequences}" if asked.sequences else "")
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
