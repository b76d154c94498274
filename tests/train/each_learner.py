"""Learners trained for twenty steps, by this process alone or among those that torchrun started:

python each_learner.py FOLDER whole NAME ...
torchrun --nproc-per-node 2 each_learner.py FOLDER whole NAME ...      each process holds the model
torchrun --nproc-per-node 2 each_learner.py FOLDER in-shares NAME ...  each holds a part of every block
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import learners
import tiny
import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from topgraft.model.sharding import shard
from topgraft.model.split import find_blocks
from topgraft.model.split_model import SplitModel
from topgraft.processes import ALONE, Processes
from topgraft.runs import StageFolder

OFFLINE = {"epochs": 20, "batch_size": 7, "keep": "last", "learning_rate": 2e-3}
SAMPLING = {"steps": 20, "batch_size": 6, "minibatch_size": 4, "inner_epochs": 2, "learning_rate": 2e-3}
EVERY_WEIGHT = "-every-weight"
LEARNERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sft": (learners.sft, OFFLINE),
    "reward": (learners.reward_model, OFFLINE),
    "reward-head": (learners.reward_model, {**OFFLINE, "trains": "head"}),
    "dpo": (learners.dpo, OFFLINE),
    "orpo": (learners.orpo, OFFLINE),
    "kto": (learners.kto, OFFLINE),
    "ppo": (learners.ppo, {**SAMPLING, "kl": {"target": 0.05, "horizon": 100}}),
    "ppo-branch": (learners.ppo, {**SAMPLING, "value": "branch", "samples_per_prompt": 2, "less_others": True}),
    "grpo": (learners.grpo, SAMPLING),
    "rloo": (learners.rloo, SAMPLING),
    f"sft{EVERY_WEIGHT}": (learners.sft, OFFLINE),
    f"ppo{EVERY_WEIGHT}": (learners.ppo, {**SAMPLING, "value": "branch"}),
}


def split(*, sharded: bool, whole: bool) -> SplitModel:
    """`tiny.split`, its blocks held in shares, or with every weight to be trained."""
    base, together = tiny.model("llama"), Processes.here() if sharded else ALONE
    blocks, name = find_blocks(base)
    for block in getattr(blocks, name) if sharded else ():
        shard(block, tiny.CPU)
    return SplitModel(base, [0, 1, 2, 3] if whole else [2, 3], None if whole else tiny.LORA, together=together)


def values(weight: torch.Tensor) -> torch.Tensor:
    """All of a weight."""
    return (weight.full_tensor() if isinstance(weight, DTensor) else weight).detach()


def main(folder: Path, sharded: bool, names: list[str]) -> None:
    torch.set_num_threads(1)
    processes = Processes.here()
    for name in names:
        learner, options = LEARNERS[name]
        tiny.split = partial(split, sharded=sharded, whole=name.endswith(EVERY_WEIGHT))
        algorithm = learner(**options)
        algorithm.actors = replace(algorithm.actors, processes=processes)
        if hasattr(algorithm, "reference") and hasattr(algorithm.reference, "actors"):
            algorithm.reference.actors = algorithm.actors
        learners.loop(algorithm, folder / name, stage=StageFolder(folder / name, processes.first))
        weights = {str(number): values(weight) for number, weight in enumerate(algorithm.trainable())}
        save_file(weights, folder / f"{name}-{processes.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "in-shares", sys.argv[3:])
