"""Run topgraft and its peer in turn, write medians and ratios into benchmarks/results/, and print them as a table.

make peers                                  sets up the peer's environment in .peers
.venv/bin/python benchmarks/compare.py      every work on the workload `small`: about 70 minutes on two CPU cores
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.measuring import machine, seconds
from benchmarks.table import table

HERE = Path(__file__).resolve().parent
WORKS = {
    "ppo": (["ppo"], ["ppo"]),
    "ppo-branch": (["ppo", "--value", "branch"], ["ppo"]),
    "ppo-full": (["ppo", "--policy", "full"], ["ppo", "--policy", "full", "--value", "full"]),
    "sft": (["offline", "sft"], ["offline", "sft"]),
    "reward": (["offline", "reward"], ["offline", "reward"]),
    "dpo": (["offline", "dpo"], ["offline", "dpo"]),
    "grpo": (["offline", "grpo"], ["offline", "grpo"]),
}
"""A comparison: arguments of our script, arguments of the peer's. TRL's value is always a model of its own."""


def once(command: list[str]) -> dict[str, Any]:
    """Run a script and read the JSON line that it prints last."""
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(work: str, workload: str, peer: str, trl: str, rounds: int, dtype: list[str]) -> dict[str, Any]:
    """Alternate both sides `rounds` times; medians of seconds and of peak memory, and their ratios."""
    (ours_name, *ours_args), (peer_name, *peer_args) = WORKS[work]
    shared = ["--workload", workload, *dtype]
    ours_command = [sys.executable, "-m", f"benchmarks.{ours_name}", *ours_args, *shared]
    peer_command = [peer, str(HERE / "peers" / f"{peer_name}.py"), *peer_args, *shared]
    if peer_name == "ppo":
        peer_command += ["--trl", trl]
    sides: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    for number in range(rounds):
        for side, command in (("peer", peer_command), ("ours", ours_command)):
            sides[side].append(once(command))
            print(f"{work} {workload} {number + 1}/{rounds} {side} {json.dumps(sides[side][-1])}", flush=True)
    middle = {side: statistics.median(map(seconds, readings)) for side, readings in sides.items()}
    memory = "peak_gpu_gb" if sides["ours"][0]["peak_gpu_gb"] is not None else "peak_host_gb"
    peak = {side: statistics.median(reading[memory] for reading in readings) for side, readings in sides.items()}
    return {
        "work": work,
        "workload": workload,
        "dtype": dtype[-1] if dtype else None,
        "machine": machine(),
        "seconds": middle,
        memory: peak,
        "time, peer / ours": round(middle["peer"] / middle["ours"], 2),
        "memory, ours / peer": round(peak["ours"] / peak["peer"], 2),
        "readings": sides,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", choices=[*WORKS, []], help="all of them where none is named")
    parser.add_argument("--workload", default="small")
    parser.add_argument("--peer", default=".peers/bin/python", help="python of the peer's environment")
    parser.add_argument("--trl", default=".peers/trl-ppo", help="folder that holds TRL 1.12")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="of both sides")
    chosen = parser.parse_args()
    dtype = ["--dtype", chosen.dtype] if chosen.dtype else []
    for work in chosen.works or WORKS:
        result = compare(work, chosen.workload, chosen.peer, chosen.trl, chosen.rounds, dtype)
        name = "-".join([work, chosen.workload, *dtype[1:]])
        file = HERE / "results" / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        ratios = {key: value for key, value in result.items() if key != "readings"}
        print(json.dumps(ratios), flush=True)
    print(table())


if __name__ == "__main__":
    main()
