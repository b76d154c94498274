"""The comparisons in benchmarks/results/ as a table of Markdown: python -m benchmarks.table"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measuring import seconds
from benchmarks.workload import WORKLOADS

RESULTS = Path(__file__).resolve().parent / "results"
NAMES = {
    "ppo": "PPO, shared value head, an iteration",
    "ppo-branch": "PPO, value branch of its own, an iteration",
    "ppo-full": "PPO, every weight trained, an iteration",
    "sft": "SFT, 10 epochs",
    "reward": "reward model, 3 epochs",
    "dpo": "DPO, 3 epochs",
    "grpo": "GRPO, 8 steps of 4 inner epochs",
}
COLUMNS = (
    "work",
    "workload",
    "runs",
    "TRL, seconds",
    "topgraft",
    "time, TRL / ours",
    "peak GB, TRL",
    "topgraft",
    "memory, ours / TRL",
)


def span(readings: list[dict[str, Any]]) -> str:
    """Lowest and highest seconds."""
    found = [seconds(reading) for reading in readings]
    return f"({min(found):.1f}-{max(found):.1f})"


def row(result: dict[str, Any]) -> str:
    """One comparison: medians, in brackets the span of the readings."""
    where = "peak_gpu_gb" if "peak_gpu_gb" in result else "peak_host_gb"
    memory, sides, middle = result[where], result["readings"], result["seconds"]
    dtype = f", {result['dtype']}" if result.get("dtype") else ""
    device = ", GPU memory" if where == "peak_gpu_gb" else ""
    cells = [
        NAMES[result["work"]],
        f"`{result['workload']}`{dtype}{device}",
        str(len(sides["ours"])),
        *(f"{middle[side]:.1f} {span(sides[side])}" for side in ("peer", "ours")),
        f"{result['time, peer / ours']:.2f}",
        *(f"{memory[side]:.2f}" for side in ("peer", "ours")),
        f"{result['memory, ours / peer']:.2f}",
    ]
    return line(cells)


def line(cells: Iterable[str]) -> str:
    """A row of the table."""
    return f"| {' | '.join(cells)} |"


def table(folder: Path = RESULTS) -> str:
    """All comparisons that the folder holds, by workload and work."""
    found: dict[tuple[str, int, int, str], str] = {}
    for file in folder.glob("*.json"):
        result = json.loads(file.read_text(encoding="utf-8"))
        if "work" in result:
            work, workload = list(NAMES).index(result["work"]), list(WORKLOADS).index(result["workload"])
            found[result.get("dtype") or "", workload, work, file.stem] = row(result)
    return "\n".join([line(COLUMNS), line(["---"] * len(COLUMNS)), *(found[place] for place in sorted(found))])


if __name__ == "__main__":
    print(table())
