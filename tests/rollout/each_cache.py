"""Trunk states that processes fill together, of two machines where the environment says so:

python each_cache.py FOLDER

Each writes what it comes to into FOLDER, by its rank, for every way in which files may be had: `shared` by all,
`apart` for each machine, `none` at all.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tiny
import torch
from safetensors.torch import save_file

from topgraft.processes import Processes
from topgraft.rollout import cache as cache_module
from topgraft.rollout.cache import CacheSettings, TrunkCache

PAIRS = [(f"question {number // 2}", "answer " + "!" * (number % 5)) for number in range(48)]
ORDER = [*range(47, -1, -5), *range(48)]


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    cache_module.TOKENS_AT_ONCE = 150  # several batches for each process
    processes, machine = Processes.here(), os.environ.get("MACHINE", "0")
    for way, place in (("shared", "states"), ("apart", f"states-{machine}"), ("none", "")):
        made = tiny.split()
        template = tiny.actors(made, tiny.characters(), response=20).template
        settings = CacheSettings(folder=str(folder / way / place), disk_gb=1 if place else 0)
        states = TrunkCache(made, template, settings, lambda _: None)
        for _ in states.fill(PAIRS, processes):
            pass
        filled = made.meter.tokens_in
        rows = tiny.rows_of(states.get([PAIRS[number] for number in ORDER])[1])
        save_file({str(number): row.clone() for number, row in enumerate(rows)}, folder / f"{way}-{processes.rank}")
        passed = {"filled": filled, "asked": made.meter.tokens_in - filled}
        (folder / f"{way}-{processes.rank}.json").write_text(json.dumps(passed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
