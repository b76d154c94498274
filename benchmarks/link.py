"""What two processes of this machine take to exchange something, one thread each: python -m benchmarks.link

Reads the time of adding up a number (gloo), and of gathering a block of weights that both hold a half of (FSDP2), for
several sizes. Writes benchmarks/results/link.json: the line through the latter, seconds by bytes that a process sends.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from torch import distributed, nn

from benchmarks.measuring import machine
from topgraft.model.sharding import shard

RESULT = Path(__file__).with_name("results") / "link.json"
WIDTHS = (512, 1024, 1448, 2048, 2896)
"""Of square matrices, 1 to 34 MB."""
REPEATS = 30


def seconds(work: Callable[[], object]) -> float:
    """Median of many times."""
    found = []
    for _ in range(REPEATS):
        distributed.barrier()
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found[REPEATS // 3 :])


def block_seconds(width: int) -> float:
    """Of gathering one block and letting go of it."""
    block: Any = nn.Sequential(nn.Linear(width, width, bias=False))
    shard(block, torch.device("cpu"))

    def gather() -> None:
        block.unshard()
        block.reshard()

    return seconds(gather)


def main() -> None:
    if "RANK" not in os.environ:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        subprocess.run([*start, "-m", "benchmarks.link"], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
        return
    PartialState(cpu=True)
    number = torch.ones(1)
    added = seconds(lambda: distributed.all_reduce(number))
    sent = [width * width * 4 // 2 for width in WIDTHS]
    took = [block_seconds(width) for width in WIDTHS]
    slope, latency = np.polyfit(sent, took, 1)
    if distributed.get_rank() == 0:
        blocks = {str(size): round(value, 6) for size, value in zip(sent, took, strict=True)}
        result = {
            "machine": machine(),
            "seconds_of_a_number": round(added, 6),
            "seconds_by_bytes_sent": blocks,
            "bytes_a_second": round(1 / slope),
            "seconds_of_a_gathering": round(max(latency, 0.0), 6),
        }
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
        print(json.dumps(result))


if __name__ == "__main__":
    main()
