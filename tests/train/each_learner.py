"""Every learner trained for twenty steps, by this process alone or among those that torchrun started:

python each_learner.py FOLDER
torchrun --nproc-per-node 2 each_learner.py FOLDER
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import learners
import torch
from safetensors.torch import save_file

from topgraft.processes import Processes
from topgraft.runs import StageFolder

OFFLINE = {"epochs": 20, "batch_size": 7, "keep": "last", "learning_rate": 2e-3}
SAMPLING = {"steps": 20, "batch_size": 6, "minibatch_size": 4, "inner_epochs": 2, "learning_rate": 2e-3}
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
}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    processes = Processes.here()
    for name, (learner, options) in LEARNERS.items():
        algorithm = learner(**options)
        algorithm.actors = replace(algorithm.actors, processes=processes)
        if hasattr(algorithm, "reference") and hasattr(algorithm.reference, "actors"):
            algorithm.reference.actors = algorithm.actors
        learners.loop(algorithm, folder / name, stage=StageFolder(folder / name, processes.first))
        weights = {str(number): weight.detach() for number, weight in enumerate(algorithm.trainable())}
        save_file(weights, folder / f"{name}-{processes.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
