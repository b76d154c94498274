"""Predicted and measured peak memory of a PPO iteration: python -m benchmarks.memory --workload small.

Prints one JSON line for each workload. Prediction and measurement are processes of their own.
"""

import argparse
import json
import subprocess
import sys

from benchmarks.ppo import MICRO, learn, learner
from benchmarks.workload import WORKLOADS, Workload
from topgraft.train.cost import held_bytes, peak_bytes
from topgraft.train.fitting import work_of
from topgraft.train.memory import needs


def predicted(work: Workload, micro: int) -> int:
    """Bytes, before anything is trained."""
    algorithm, options, rows = learner(work, iterations=1, micro=micro)
    held = held_bytes()
    doing = work_of(algorithm.actors, options, algorithm.minibatch_size, rows, [])
    total = needs(algorithm, options, doing).total(micro, algorithm.actors.sampling.rows_at_once)
    return max(peak_bytes(), held + total)


def measured(work: Workload, micro: int) -> int:
    """Bytes, after one iteration."""
    learn(*learner(work, iterations=1, micro=micro))
    return peak_bytes()


def apart(side: str, workload: str, micro: int) -> int:
    """One of the two, in a process of its own."""
    words = ["--workload", workload, "--micro", str(micro), "--only", side]
    command = [sys.executable, "-m", "benchmarks.memory", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return int(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS, nargs="+", default=["tiny", "small", "gpt2"])
    parser.add_argument("--micro", type=int, default=MICRO, help="tokens in one backward pass")
    parser.add_argument("--only", choices=["predicted", "measured"], help="print bytes of one side, of this process")
    chosen = parser.parse_args()
    for workload in chosen.workload:
        if chosen.only:
            print({"predicted": predicted, "measured": measured}[chosen.only](WORKLOADS[workload], chosen.micro))
            continue
        before, after = (apart(side, workload, chosen.micro) for side in ("predicted", "measured"))
        result = {
            "workload": workload,
            "micro_batch_tokens": chosen.micro,
            "predicted_gb": round(before / 1e9, 3),
            "measured_gb": round(after / 1e9, 3),
            "ratio": round(before / after, 3),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
