"""Seconds and memory of a PPO iteration: python -m benchmarks.ppo --workload small; prints one JSON line.

Among several processes (torchrun --nproc-per-node 2 -m benchmarks.ppo) each prints one: they share the iteration."""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator
from rich.console import Console

from benchmarks.measuring import base_bytes, memory
from benchmarks.ours import actors, timed
from benchmarks.workload import WORKLOADS, Workload
from topgraft.algorithms import ppo
from topgraft.model.heads import ScalarHead
from topgraft.processes import Processes
from topgraft.records import Demonstration
from topgraft.rewards.combination import Combination, Part
from topgraft.rewards.learned import LearnedReward
from topgraft.runs import StageFolder
from topgraft.train.loop import train
from topgraft.train.progress import Screen

MICRO = ppo.Options().micro_batch_tokens
"""Tokens in one backward pass."""


def learner(
    work: Workload,
    *,
    iterations: int,
    micro: int,
    value: str = "head",
    dtype: str | None = None,
    whole: bool = False,
    sharded: bool = False,
) -> tuple[ppo.PPO, ppo.Options, list[Demonstration]]:
    """PPO on a workload, its settings and the prompts of all iterations; `whole`: every weight is trained; `sharded`:
    the processes hold the base in shares."""
    made = actors(work, dtype, whole=whole, sharded=sharded)
    made.model.slots.add("reward")
    reward = LearnedReward(made.model, "reward", ScalarHead(work.width, init="normal").to(made.model.device))
    options = ppo.Options(
        steps=iterations,
        batch_size=work.sequences,
        minibatch_size=work.sequences,
        micro_batch_tokens=micro,
        inner_epochs=work.inner_epochs,
        learning_rate=1e-5,
        beta=0.01,
        value=value,
    )
    texts = work.texts(work.sequences * iterations, work.prompt, seed=0)
    rows = [
        Demonstration(key=str(number), group=str(number), prompt=text, response="w4")
        for number, text in enumerate(texts)
    ]
    score = Combination({"learned": Part(reward)})
    made = replace(made, score=score, processes=Processes.here())
    return ppo.PPO(made, options, "ppo"), options, rows


def learn(algorithm: ppo.PPO, options: ppo.Options, rows: list[Demonstration]) -> StageFolder:
    """Train in silence; the folder holds the log."""
    stage = StageFolder(Path(tempfile.mkdtemp()), algorithm.actors.processes.first)
    quiet = Screen(Console(quiet=True))
    train(algorithm, options, rows, [], stage=stage, accelerator=Accelerator(), seed=0, screen=quiet)
    return stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=WORKLOADS, default="small")
    parser.add_argument("--sequences", type=int, help="of an iteration; default: the workload's")
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--value", choices=["head", "branch"], default="head")
    parser.add_argument("--policy", choices=["lora", "full"], default="lora", help="full: every weight is trained")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="default: bfloat16 on a GPU, else float32")
    parser.add_argument("--sharded", action="store_true", help="processes hold the base in shares (FSDP2)")
    parser.add_argument("--warm", action="store_true", help="an iteration more, before the clock starts")
    parser.add_argument("--micro", type=int, default=MICRO, help="tokens in one backward pass")
    chosen = parser.parse_args()
    work = WORKLOADS[chosen.workload]
    algorithm, options, rows = learner(
        replace(work, sequences=chosen.sequences or work.sequences),
        iterations=chosen.iterations,
        micro=chosen.micro,
        value=chosen.value,
        dtype=chosen.dtype,
        whole=chosen.policy == "full",
        sharded=chosen.sharded,
    )
    if chosen.warm:
        learn(algorithm, options.model_copy(update={"steps": 1}), rows)
    with timed(algorithm.actors.model) as shares:
        begun = time.perf_counter()
        stage = learn(algorithm, options, rows)
        seconds = time.perf_counter() - begun
    passes = [row.get("cost/trunk_passes_per_token") for row in stage.metrics()]
    result = {
        "side": "topgraft ppo",
        "workload": chosen.workload,
        "policy": chosen.policy,
        "value": chosen.value,
        "seconds_per_iteration": round(seconds / chosen.iterations, 3),
        "generation_seconds": round(shares["decode"] / chosen.iterations, 3),
        **{f"{name}_share": round(spent / seconds, 3) for name, spent in shares.items()},
        "trunk_passes_per_token": passes,
        "processes": algorithm.actors.processes.count,
        "base_gb": round(base_bytes(algorithm.actors.model.model) / 1e9, 4),
        **memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
