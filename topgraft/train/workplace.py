"""What all stages of a run share: settings, folder, model, data, kept trunk states, and where it speaks."""

import platform
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from topgraft import __version__
from topgraft.algorithms.protocol import Actors
from topgraft.data.levels import read_levels
from topgraft.data.reading import Reading, digest, read_all
from topgraft.data.splitting import Splits, split
from topgraft.data.template import Template
from topgraft.data.voices import read_voices
from topgraft.errors import UserError
from topgraft.evaluate.metrics.clauses import clauses_of
from topgraft.model.load import ModelSettings, load
from topgraft.model.quantizing import count
from topgraft.model.split_model import SplitModel
from topgraft.processes import Processes
from topgraft.rewards.combination import Reward, Scorer, combine
from topgraft.rewards.learned import LearnedReward
from topgraft.rollout.cache import TrunkCache
from topgraft.runs import RunFolder
from topgraft.train.allocator import keep_freed_memory
from topgraft.train.answers import refuse_unanswered
from topgraft.train.plan import Arm, Plan
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings
from topgraft.train.tracking import refuse_unavailable


@dataclass
class Workplace:
    """Built once for all steps that one model can carry out; they add the reward models that they train, by name."""

    settings: RunSettings
    run: RunFolder
    screen: Screen
    accelerator: Accelerator
    base: ModelSettings
    """What `model` was loaded and cut by; a step that arms share may have been asked for under another cut."""
    model: SplitModel
    template: Template
    reading: Reading
    splits: Splits
    cache: TrunkCache
    processes: Processes
    rewards: dict[str, LearnedReward | Scorer] = field(default_factory=dict)
    others: dict[str, "Workplace"] = field(default_factory=dict)
    """Places of other models, for reward models that stand on them."""

    def actors(self, stage: str, score: Reward | None = None) -> Actors:
        """What an algorithm works with in `stage`. Every stage draws from seeds of its own, new weights included."""
        torch.manual_seed(stage_seed(self.settings.seed, stage))
        return Actors(
            model=self.model,
            template=self.template,
            cache=self.cache,
            sampling=self.settings.sampling,
            generator=torch.Generator().manual_seed(stage_seed(self.settings.seed, stage)),
            score=score,
            processes=self.processes,
        )

    def under(self, settings: RunSettings) -> "Workplace":
        """The same place with the settings of a step or an arm, which differ in nothing that it was prepared by."""
        return replace(self, settings=settings)

    def beside(self, model: ModelSettings) -> "Workplace":
        """The same data with another model, which is then held beside this one."""
        key = model.model_dump_json()
        if key not in self.others:
            settings = self.settings.model_copy(update={"model": model})
            self.others[key] = open_place(settings, self.run, self.screen, self.accelerator, self.reading, self.splits)
        return replace(self.others[key], settings=self.settings)

    def reward(self, step: str | None) -> Reward:
        """The reward of the settings, its learned part by the reward model of `step`."""
        splits = self.splits
        rows = [*splits.train, *splits.validation, *splits.test]
        learned = self.rewards.get(step) if step is not None else None
        return combine(self.settings.mix, learned, rows, splits.train)


def stage_seed(seed: int, stage: str) -> int:
    """A seed for one stage, so that leaving a stage out does not change the others."""
    return seed * 1_000_003 + sum(ord(char) * 31**place for place, char in enumerate(stage)) % 1_000_003


def prepare(settings: RunSettings, run: RunFolder, screen: Screen) -> Workplace:
    """Load data and model, split both, and check that they fit together."""
    keep_freed_memory()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    accelerator = Accelerator()
    set_seed(settings.seed)
    reading = read_all(settings.data)
    rows = reading.rows
    refuse_unanswered(settings, rows)
    read_voices(settings.evaluate.other_voices)  # a mistake in these must show now, not after hours of training
    read_levels(settings.evaluate.strictness.texts)
    refuse_unavailable(settings.track)
    clauses_of(settings.evaluate.clauses, rows)
    splits = split(rows, settings.data.split, settings.data.split_seed)
    for stage in ("reward", *settings.policies):
        taken = settings.options(stage).load
        if taken and not (Path(taken) / "stage.json").exists():
            raise UserError(f"{taken} is no finished stage (no stage.json). Give one such as runs/a/stages/sft.")
    return open_place(settings, run, screen, accelerator, reading, splits)


def open_place(
    settings: RunSettings,
    run: RunFolder,
    screen: Screen,
    accelerator: Accelerator,
    reading: Reading,
    splits: Splits,
) -> Workplace:
    """Load the model of the settings, and check that the data fit it."""
    loaded = load(settings.model, device=accelerator.device, seed=settings.seed)
    vocabulary = loaded.split.vocabulary
    context = getattr(loaded.split.model.config.get_text_config(), "max_position_embeddings", None)
    template = Template(loaded.tokenizer, loaded.end_ids, vocabulary, settings.data, context)
    loaded.split.slots.check_targets()
    rows = [*splits.train, *splits.test, *splits.validation]
    for row in rows:
        template.encode_prompt(row.prompt)
        template.encode_response(row.response)
    template.refuse_when_mostly_cut(len({row.prompt for row in rows}))
    return Workplace(
        settings=settings,
        run=run,
        screen=screen,
        accelerator=accelerator,
        base=settings.model,
        model=loaded.split,
        template=template,
        reading=reading,
        splits=splits,
        cache=TrunkCache(loaded.split, template, settings.cache, screen.say),
        processes=Processes.here(),
    )


def provenance(place: Workplace, plan: Plan) -> dict[str, Any]:
    """Where a run comes from: versions, commit, device, seeds, digests, and what its arms are."""
    settings, model, splits = place.settings, place.model, place.splits
    packages = ["torch", "transformers", "peft", "accelerate", "datasets"]
    packages += ["bitsandbytes"] if settings.model.quantize != "none" else []
    return {
        "topgraft": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if model.device.type == "cuda" else model.device.type,
        "threads": torch.get_num_threads(),
        "processes": place.processes.count,
        "commit": _commit(),
        "command": ["topgraft", *sys.argv[1:]],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": settings.name,
        "about": settings.about,
        "seed": settings.seed,
        "stages": list(plan.steps),
        "arms": {name: _about(plan, arm) for name, arm in plan.arms.items()},
        "model": {
            "name": settings.model.name,
            "digest": model.base_digest,
            "parameters": count(model.model),
            "layers": len(model.parts.blocks),
            "trained_layers": model.layers,
            "split_layer": model.split_layer,
            "template": place.template.describe(),
        },
        "data": {
            "source": settings.data.source,
            "format": place.reading.format,
            "left_out": len(place.reading.left_out),
            "digest": digest([*splits.train, *splits.test, *splits.validation]),
            "rows": {part: len(getattr(splits, part)) for part in ("train", "test", "validation")},
            "problems": {
                part: sorted({row.group for row in getattr(splits, part)}) for part in ("train", "test", "validation")
            },
            "too_long": len(place.template.cut_prompts) + len(place.template.cut_responses),
        },
    }


def _about(plan: Plan, arm: Arm) -> dict[str, Any]:
    """An arm for the report: the steps that its policy goes through, the blocks that learn, and what else differs."""
    path: list[str] = []
    step = arm.policy
    while step is not None:
        path.insert(0, step)
        step = plan.steps[step].start
    asked = plan.settings.arms.get(arm.name)
    return {
        "path": path,
        "kinds": [plan.steps[name].kind for name in path],
        "layers": arm.settings.model.layers,
        "best_of": arm.best_of,
        "filter": arm.filter,
        "constrained": arm.constrained,
        "changes": asked.changes if asked else {},
    }


def refuse_changes(place: Workplace) -> None:
    """Raise UserError where model or data are not those that the run in the folder began with."""
    before, splits = place.run.provenance(), place.splits
    if not before:
        return
    now = {"model": place.model.base_digest, "data": digest([*splits.train, *splits.test, *splits.validation])}
    for what, found in now.items():
        if before[what]["digest"] != found:
            raise UserError(
                f"The {what} of {place.run.path} has changed since the run began ({before[what]['digest']} -> "
                f"{found}). Restore it, or give another folder with --out."
            )


def _commit() -> str | None:
    """The commit of topgraft's own checkout, "+dirty" where it was changed; None where it is installed elsewhere."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(here), *words]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found.stdout.strip() if found.returncode == 0 else None

    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return f"{git('rev-parse', 'HEAD')}{'+dirty' if git('status', '--porcelain', '-uno') else ''}"
