"""Short trainings of the same adapter in different blocks, by the run's own stage `sft`."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from topgraft.experiments.layers.folder import Discovery
from topgraft.model.layers import choose_layers
from topgraft.records import Demonstration
from topgraft.runs import RunFolder
from topgraft.train.plan import Plan, Step
from topgraft.train.settings import RunSettings
from topgraft.train.stages import carry_out
from topgraft.train.workplace import Workplace

Blocks = tuple[int, ...]


@dataclass(frozen=True)
class Training:
    """An adapter on `blocks`. Kinds: "all", "thin" (all blocks at a lower rank, as many weights as a window), "window",
    "random" (as many blocks as a window, drawn by the seed) and "single"."""

    kind: str
    blocks: Blocks
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and its slot."""
        where = {"all": "", "thin": ""}.get(self.kind, "-" + "-".join(map(str, self.blocks)))
        return f"{self.kind}{where}-seed-{self.seed}"


def windows(depth: int, size: int) -> list[Blocks]:
    """Windows of `size` neighbouring blocks, half a window apart, the last and the middle ones among them.

    Example: `windows(12, 4)` begins at blocks 0, 2, 4, 6 and 8.
    """
    starts = {*range(0, depth - size + 1, max(1, size // 2)), depth - size, (depth - size) // 2}
    return [tuple(range(start, start + size)) for start in sorted(starts)]


def trainings(asked: Discovery, depth: int) -> list[Training]:
    """All trainings of a model of `depth` blocks: those that the recommendation rests on come first."""
    everywhere, drawn = tuple(range(depth)), f"random-{asked.window}"
    found = [Training("all", everywhere, seed) for seed in asked.seed_numbers]
    found += [
        Training("window", blocks, seed) for blocks in windows(depth, asked.window) for seed in asked.seed_numbers
    ]
    found += [Training("random", tuple(choose_layers(drawn, depth, seed)), seed) for seed in asked.seed_numbers]
    found += [Training("thin", everywhere, seed) for seed in asked.seed_numbers]
    return found + [Training("single", (block,), seed) for block in everywhere for seed in asked.seed_numbers]


def on_all(settings: RunSettings) -> RunSettings:
    """The recipe on all blocks: a model that shows every one of them."""
    return settings.model_copy(update={"model": settings.model.model_copy(update={"layers": "all"})})


def thin_rank(rank: int, window: int, depth: int) -> int:
    """The rank at which adapters on all blocks have about as many weights as those on a window."""
    return max(1, round(rank * window / depth))


def settings_for(asked: Discovery, training: Training) -> RunSettings:
    """The recipe with a short `sft` on these blocks and nothing else. All kinds take the same number of steps."""
    settings, lora = asked.settings, asked.settings.model.lora
    if training.kind == "thin":
        rank = thin_rank(lora.rank, asked.window, len(training.blocks))
        lora = lora.model_copy(update={"rank": rank, "alpha": lora.alpha * rank / lora.rank})
    model = settings.model.model_copy(update={"layers": training.blocks, "lora": lora})
    sft = settings.sft.model_copy(update={"epochs": asked.epochs, "patience": asked.epochs, "load": ""})
    changes = {"seed": training.seed, "stages": ("sft",), "arms": {}, "samples_shown": 0, "model": model, "sft": sft}
    return settings.model_copy(update=changes)


def carry(asked: Discovery, place: Workplace, training: Training) -> tuple[str, dict[str, Any]]:
    """Train, or take what a stop left; the slot, and its losses on validation and test rows."""
    settings = settings_for(asked, training)
    step: Step = replace(Plan(settings).steps["sft"], name=training.name)
    carry_out(place, step)
    summary = place.run.stage(step.name).summary()
    found = {
        "trainable": summary["trainable_parameters"],
        "seconds": summary["seconds"],
        "steps": summary["steps"],
        "best_step": summary["best_step"],
    }
    return step.name, {**found, **losses(place, step.name)}


def forget(run: RunFolder, slot: str) -> None:
    """Drop the weights of a measured training from the disk; its log stays."""
    shutil.rmtree(run.stage(slot).checkpoints, ignore_errors=True)


def base(place: Workplace) -> dict[str, Any]:
    """The base model's losses, and what is needed to read those of others: each row's tokens and problem."""
    parts = {part: getattr(place.splits, part) for part in ("validation", "test")}
    return {
        **losses(place, None),
        "tokens": {part: counted(place, rows) for part, rows in parts.items()},
        "problems": {part: [row.group for row in rows] for part, rows in parts.items()},
    }


def losses(place: Workplace, slot: str | None) -> dict[str, list[float]]:
    """Nats of every validation and test row's response under a slot (None: the base model)."""
    return {part: row_nats(place, slot, getattr(place.splits, part)) for part in ("validation", "test")}


@torch.no_grad()
def row_nats(place: Workplace, slot: str | None, rows: Sequence[Demonstration]) -> list[float]:
    """Negative log-likelihood of each row's response, in nats, the end token included."""
    tokens, trunk = place.cache.get([(row.prompt, row.response) for row in rows])
    with place.model.slots.use(slot):
        return [-row_L.sum().item() for row_L in place.model.row_logprobs(trunk, tokens)]


def counted(place: Workplace, rows: Sequence[Demonstration]) -> list[int]:
    """Response tokens of each row."""
    return [len(place.cache.ids((row.prompt, row.response))[1]) for row in rows]


def loss(place: Workplace, slot: str | None, rows: Sequence[Demonstration]) -> float:
    """Mean negative log-likelihood, nats per response token."""
    return sum(row_nats(place, slot, rows)) / sum(counted(place, rows))
