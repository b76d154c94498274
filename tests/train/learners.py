"""Small real learners for the loop: SFT, a reward model and PPO on a random model, watched from outside."""

from pathlib import Path
from typing import Any

import tiny
import torch
from accelerate import Accelerator
from rich.console import Console

from topgraft.algorithms.dpo import DPO
from topgraft.algorithms.dpo import Options as DPOOptions
from topgraft.algorithms.grpo import GRPO
from topgraft.algorithms.grpo import Options as GRPOOptions
from topgraft.algorithms.kto import KTO
from topgraft.algorithms.kto import Options as KTOOptions
from topgraft.algorithms.orpo import ORPO
from topgraft.algorithms.orpo import Options as ORPOOptions
from topgraft.algorithms.ppo import PPO
from topgraft.algorithms.ppo import Options as PPOOptions
from topgraft.algorithms.protocol import Actors
from topgraft.algorithms.reward_model import Options as RewardOptions
from topgraft.algorithms.reward_model import RewardModel
from topgraft.algorithms.rloo import RLOO
from topgraft.algorithms.rloo import Options as RLOOOptions
from topgraft.algorithms.sft import SFT
from topgraft.algorithms.sft import Options as SFTOptions
from topgraft.records import Batch, Comparison, Demonstration, Scores
from topgraft.runs import StageFolder
from topgraft.train.loop import Outcome, train
from topgraft.train.progress import Screen

WORDS = ["one", "two and two", "3", "four", "five hundred", "six", "7!", "eight?", "nine", "ten"]
ROWS = [Demonstration(key=word, group=word, prompt=word, response=f"{word} is {word}"[:7]) for word in WORDS]
PAIRS = [Comparison(key=word, prompt=word, chosen=f"{word} yes"[:7], rejected=f"no {word}"[:7]) for word in WORDS]


def length(prompts: Any, responses: Any, tokens: Any, trunk: Any) -> Scores:
    """A rule to be scored by: the number of response tokens over four."""
    total_B = tokens.counted_BT.sum(1) / 4
    return Scores(total_B=total_B, parts={"length": total_B})


def sft(**options: Any) -> SFT:
    torch.manual_seed(0)
    made = tiny.split()
    return SFT(tiny.actors(made, tiny.characters()), SFTOptions(**options), "sft")


def reward_model(**options: Any) -> RewardModel:
    torch.manual_seed(0)
    made = tiny.split()
    return RewardModel(tiny.actors(made, tiny.characters()), RewardOptions(**options), "reward")


def ppo(*, response: int = 8, **options: Any) -> PPO:
    torch.manual_seed(0)
    made = tiny.split()
    made.slots.add("sft")
    if not made.whole:
        tiny.fill(made, "sft")
    ends = (tiny.END, 20, 21, 22, 23)
    actors = tiny.actors(made, tiny.characters(), score=length, response=response, end_ids=ends)
    return PPO(actors, PPOOptions(**options), "ppo", reference="sft")


def dpo(**options: Any) -> DPO:
    torch.manual_seed(0)
    algorithm = DPO(tiny.actors(tiny.split(), tiny.characters()), DPOOptions(**options), "dpo")
    tiny.fill(algorithm.actors.model, "dpo")  # away from the reference: no margin is near 0
    return algorithm


def orpo(**options: Any) -> ORPO:
    torch.manual_seed(0)
    algorithm = ORPO(tiny.actors(tiny.split(), tiny.characters()), ORPOOptions(**options), "orpo")
    tiny.fill(algorithm.actors.model, "orpo")
    return algorithm


def kto(**options: Any) -> KTO:
    torch.manual_seed(0)
    algorithm = KTO(tiny.actors(tiny.split(), tiny.characters()), KTOOptions(**options), "kto")
    tiny.fill(algorithm.actors.model, "kto")
    return algorithm


def sampling_actors() -> Actors:
    return tiny.actors(tiny.split(), tiny.characters(), score=length, end_ids=(tiny.END, 20, 21, 22, 23))


def grpo(**options: Any) -> GRPO:
    torch.manual_seed(0)
    return GRPO(sampling_actors(), GRPOOptions(**options), "grpo")


def rloo(**options: Any) -> RLOO:
    torch.manual_seed(0)
    return RLOO(sampling_actors(), RLOOOptions(**options), "rloo")


def loop(
    algorithm: Any, folder: Path, *, seed: int = 0, held_out: int = 3, rows: list[Any] | None = None, **more: Any
) -> Outcome:
    """Train on all rows but the last `held_out`, which are for validation; the log goes to `folder`."""
    if rows is None:
        rows = PAIRS if isinstance(algorithm, RewardModel | DPO | ORPO | KTO) else ROWS
    cut = len(rows) - held_out
    quiet = Screen(Console(quiet=True))
    options = {"stage": StageFolder(folder), "accelerator": Accelerator(), "seed": seed, "screen": quiet} | more
    return train(algorithm, algorithm.options, rows[:cut], rows[cut:], **options)


def logged(folder: Path) -> list[dict[str, Any]]:
    """What the loop wrote, without the seconds."""
    return [{key: row[key] for key in row if key != "cost/seconds"} for row in StageFolder(folder).metrics()]


class Watched(SFT):
    """SFT that keeps the batches it was given and gets its validation losses from a list."""

    def __init__(self, losses: list[float] | None = None, **options: Any) -> None:
        base = sft(**options)
        self.__dict__.update(base.__dict__)
        self.losses = iter(losses or [])
        self.batches: list[list[str]] = []
        self.kept: list[list[torch.Tensor]] = []
        self.finished_with: list[str] = []

    def collect(self, rows: list[Demonstration]) -> Batch:
        self.batches.append([row.key for row in rows])
        return super().collect(rows)

    def validate(self, rows: list[Demonstration]) -> dict[str, float]:
        self.kept.append([weight.detach().clone() for weight in self.trainable()])
        return {"eval/loss": next(self.losses)}

    def finish(self, rows: list[Demonstration]) -> None:
        self.finished_with = [row.key for row in rows]
