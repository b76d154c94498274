"""Seconds and memory of SFT, reward model, DPO or GRPO: python -m benchmarks.offline sft --workload small.

64 rows of prompt and response with its end token (two responses for pairs). SFT: 10 epochs in batches of 16; reward
model and DPO: 3 epochs in batches of 8 pairs, DPO's reference pass included; GRPO: 8 steps of 4 prompts x 4 responses,
4 inner epochs each. Prints one JSON line.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console

from benchmarks.measuring import memory
from benchmarks.ours import actors, timed
from benchmarks.workload import WORKLOADS, Workload
from topgraft.algorithms import dpo, grpo, reward_model, sft
from topgraft.algorithms.protocol import Actors, Algorithm, StepSettings
from topgraft.records import Comparison, Demonstration, Scores, Tokens, TrunkState
from topgraft.runs import StageFolder
from topgraft.train.loop import train
from topgraft.train.progress import Screen

ROWS, EPOCHS = 64, 3


def variety(prompts: Sequence[str], responses: Sequence[str], tokens: Tokens, trunk: TrunkState) -> Scores:
    """Distinct tokens of a response over its tokens."""
    rows = [ids_T[counted_T] for ids_T, counted_T in zip(tokens.ids_BT, tokens.counted_BT, strict=True)]
    total_B = torch.tensor([len(row.unique()) / len(row) for row in rows], device=tokens.ids_BT.device)
    return Scores(total_B=total_B, parts={"variety": total_B})


def demonstrations(work: Workload) -> list[Demonstration]:
    """Random prompts and responses."""
    prompts, responses = work.texts(ROWS, work.prompt, seed=0), work.texts(ROWS, work.response, seed=1)
    return [
        Demonstration(key=str(number), group=str(number), prompt=prompt, response=response)
        for number, (prompt, response) in enumerate(zip(prompts, responses, strict=True))
    ]


def comparisons(work: Workload) -> list[Comparison]:
    """The same with a second, rejected response."""
    rejected = work.texts(ROWS, work.response, seed=2)
    return [
        Comparison(key=row.key, prompt=row.prompt, chosen=row.response, rejected=other)
        for row, other in zip(demonstrations(work), rejected, strict=True)
    ]


def make_sft(made: Actors, work: Workload) -> tuple[Algorithm, StepSettings, list[Any]]:
    options = sft.Options(epochs=10, batch_size=16, learning_rate=1e-5)
    return sft.SFT(made, options, "sft"), options, demonstrations(work)


def make_reward(made: Actors, work: Workload) -> tuple[Algorithm, StepSettings, list[Any]]:
    options = reward_model.Options(epochs=EPOCHS, batch_size=8, learning_rate=1e-5)
    return reward_model.RewardModel(made, options, "reward"), options, comparisons(work)


def make_dpo(made: Actors, work: Workload) -> tuple[Algorithm, StepSettings, list[Any]]:
    options = dpo.Options(epochs=EPOCHS, batch_size=8, learning_rate=1e-5)
    return dpo.DPO(made, options, "dpo"), options, comparisons(work)


def make_grpo(made: Actors, work: Workload) -> tuple[Algorithm, StepSettings, list[Any]]:
    options = grpo.Options(
        steps=8, batch_size=4, minibatch_size=4, group_size=4, inner_epochs=4, beta=0.01, learning_rate=1e-5
    )
    return grpo.GRPO(replace(made, score=variety), options, "grpo"), options, demonstrations(work)


WORKS: dict[str, Callable[[Actors, Workload], tuple[Algorithm, StepSettings, list[Any]]]] = {
    "sft": make_sft,
    "reward": make_reward,
    "dpo": make_dpo,
    "grpo": make_grpo,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--workload", choices=WORKLOADS, default="small")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="default: bfloat16 on a GPU, else float32")
    chosen = parser.parse_args()
    work = WORKLOADS[chosen.workload]
    made = actors(work, chosen.dtype, ends=chosen.work != "grpo")
    learner, options, rows = WORKS[chosen.work](made, work)
    stage = StageFolder(Path(tempfile.mkdtemp()))
    with timed(made.model) as shares:
        begun = time.perf_counter()
        done = train(
            learner,
            options,
            rows,
            [],
            stage=stage,
            accelerator=Accelerator(),
            seed=0,
            screen=Screen(Console(quiet=True)),
        )
        seconds = time.perf_counter() - begun
    result = {
        "side": f"topgraft {chosen.work}",
        "workload": chosen.workload,
        "seconds": round(seconds, 3),
        **{f"{name}_share": round(spent / seconds, 3) for name, spent in shares.items()},
        "trunk_passes_per_token": round(done.tokens_in / done.tokens_kept, 4),
        **memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
