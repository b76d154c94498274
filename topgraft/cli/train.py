"""`topgraft train`: one stage by flags, without a recipe file."""

import re
from pathlib import Path
from typing import Annotated

import typer

from topgraft.cli.options import Out, ProcessCount, RayAddress, Resume, Sets, StorageAddress, WorkerCount

NAME = "train"
HELP = """Train one stage by flags. The settings not given are those of recipe `professor`: of its scale `large` where
--model names another model than the shipped one.

Examples:

topgraft train sft --model Qwen/Qwen2.5-0.5B-Instruct --data rows.jsonl --out runs/sft

topgraft train ppo --data rows.jsonl --sft runs/sft/stages/sft --reward runs/rm/stages/reward --out runs/ppo

topgraft train grpo --data rows.jsonl --reward my_file.py:my_reward --out runs/grpo"""

SHIPPED = "seedling"
FROM_SAMPLES = ("ppo", "grpo", "rloo")
STAGES = {
    "sft": ["sft"],
    "reward": ["pairs", "reward"],
    **{name: ["pairs", name] for name in ("dpo", "orpo", "kto")},
    **{name: ["pairs", "reward", name] for name in FROM_SAMPLES},
}


def command(
    stage: Annotated[str, typer.Argument(help="sft, reward, dpo, orpo, kto, ppo, grpo or rloo.")],
    model: Annotated[str, typer.Option("--model", help="Shipped name, folder or hub id.")] = SHIPPED,
    data: Annotated[str, typer.Option("--data", help="Shipped name, file, folder, URL or hub id.")] = "feedback-200",
    sft: Annotated[
        str, typer.Option("--sft", help="Folder of a finished sft stage to start from, not from the model.")
    ] = "",
    reward: Annotated[
        str, typer.Option("--reward", help="Folder of a finished reward stage, a rule, or my_file.py:my_reward.")
    ] = "",
    steps: Annotated[
        int | None, typer.Option("--steps", help="Steps (ppo, grpo, rloo) or epochs (the others).")
    ] = None,
    out: Out = None,
    set_: Sets = None,
    resume: Resume = False,
    processes: ProcessCount = 1,
    ray: RayAddress = None,
    workers: WorkerCount = 1,
    storage: StorageAddress = None,
) -> None:
    """Run `stage` after the pairs and the reward model that it needs; folders are loaded, not trained."""
    from topgraft.cli.run import command as run_recipe
    from topgraft.errors import UserError, nearest
    from topgraft.rewards import RULES

    if stage not in STAGES:
        raise UserError(f"There is no stage '{stage}'. {nearest(stage, STAGES)}")
    rule = reward in RULES or ":" in reward
    if rule and stage not in FROM_SAMPLES:
        raise UserError(f"Stage '{stage}' learns from no reward: --reward {reward} is for {', '.join(FROM_SAMPLES)}.")
    left_out = {"pairs", "reward"} if rule else {"pairs"} if reward else set()
    stages = [*(["sft"] if sft and stage != "sft" else []), *(name for name in STAGES[stage] if name not in left_out)]
    sets = [
        f'model.name="{model}"',
        f'data.source="{data}"',
        f"stages={stages}",
        f'name="train-{stage}"',
    ]
    if sft:
        sets.append(f'sft.load="{sft}"')
    if rule:
        part = re.sub(r"\W", "_", reward.rpartition(":")[2])
        sets.append(f'rewards.{part}.use="{reward}"')
    elif reward:
        sets.append(f'reward.load="{reward}"')
    if steps is not None:
        sets.append(f"{stage}.{'steps' if stage in FROM_SAMPLES else 'epochs'}={steps}")
    scale = None if model == SHIPPED else "large"
    folder = out or Path("runs") / f"train-{stage}"
    run_recipe("professor", folder, scale, [*sets, *(set_ or [])], resume, processes, ray, workers, storage)
