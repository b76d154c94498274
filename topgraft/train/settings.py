"""The settings of a whole run: the sections of a recipe, each defined beside the code that reads it."""

import re
from typing import Any, get_type_hints

from pydantic import ConfigDict, Field, model_validator

from topgraft.algorithms import ALGORITHMS
from topgraft.algorithms.dpo import Options as DPOOptions
from topgraft.algorithms.grpo import Options as GRPOOptions
from topgraft.algorithms.kto import Options as KTOOptions
from topgraft.algorithms.orpo import Options as ORPOOptions
from topgraft.algorithms.ppo import Options as PPOOptions
from topgraft.algorithms.protocol import StepSettings
from topgraft.algorithms.reward_model import Options as RewardOptions
from topgraft.algorithms.rloo import Options as RLOOOptions
from topgraft.algorithms.sft import Options as SFTOptions
from topgraft.data.reading import DataSettings
from topgraft.errors import UserError, nearest
from topgraft.evaluate.constrained.settings import ConstraintSettings
from topgraft.evaluate.metric import named
from topgraft.evaluate.settings import EvaluateSettings
from topgraft.lookup import resolve
from topgraft.model.load import ModelSettings
from topgraft.recipe import Settings, build, overlay
from topgraft.rewards.combination import LEARNED, PartSettings
from topgraft.rollout.cache import CacheSettings
from topgraft.rollout.choosing import SamplingSettings
from topgraft.train.series import WatchSettings
from topgraft.train.tracking import TrackSettings

NOT_POLICIES = ("pairs", "reward", "reward-check")
"""Stages that leave no policy."""
POLICIES = ("sft", "dpo", "orpo", "kto", "ppo", "grpo", "rloo")
"""Stages that do."""
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""What an arm or a learner may be called: folders and files are called after them."""


class PairsSettings(Settings):
    """[pairs]: preferences. Chosen = the reference answer, rejected = the data's own or a sample of the base model."""

    rejected: str = Field("auto", pattern="^(auto|data|sampled)$")
    """Where rejected answers come from: "data" (rows that bring one, see data.rejected), "sampled" (the base model) or
    "auto": data where any row brings one."""
    samples_per_prompt: int = Field(1, ge=1)
    """Pairs made for each prompt, each with another sample, where they are sampled."""


class ArmSettings(Settings):
    """[arms.NAME]: one more policy of the run, on the same data and measured with the others.

    Besides these keys it may hold any of the recipe's sections that say how a policy is made, with the values in which
    it differs, e.g. model.layers = "full" or dpo.beta = 0.3. Stages that arms have in common run once.
    """

    model_config = ConfigDict(extra="allow")

    train: tuple[str, ...] = ()
    """Stages that its policy goes through, in order, e.g. ["sft", "dpo"]; each starts from the one before and is held
    near to it. [] is the base model."""
    best_of: int = Field(1, ge=1)
    """Responses sampled for each prompt of the evaluation, of which the one with the highest reward is kept; 1: one
    greedy response."""
    filter: int = Field(1, ge=1)
    """Responses drawn for each prompt of the evaluation at most, until one keeps to every clause of [evaluate.clauses]:
    that one is the answer, or the last one drawn; 1: nothing is filtered."""
    constrained: bool = False
    """Decode so that every answer keeps to [constraint]."""

    @model_validator(mode="after")
    def _one_way(self) -> "ArmSettings":
        ways = {"best_of": self.best_of > 1, "filter": self.filter > 1, "constrained": self.constrained}
        if sum(ways.values()) > 1:
            named = " and ".join(name for name, used in ways.items() if used)
            raise ValueError(f"{named} are different ways to choose an answer. Make an arm for each")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The sections in which the arm differs."""
        return dict(self.model_extra or {})


class LearnerSettings(Settings):
    """[learners.NAME]: an algorithm of your own, as a stage called NAME."""

    use: str
    """Its class: "my_file.py:MyLearner" or "package.module:MyLearner"."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Its settings, those that its class declares."""


class RunSettings(Settings):
    """A recipe."""

    name: str
    """The recipe's name; the run folder is called after it."""
    about: str = ""
    """One sentence for people."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Seed of everything random."""
    threads: int = Field(0, ge=0)
    """CPU threads; 0 leaves the choice to PyTorch."""
    stages: tuple[str, ...] = ("sft", "pairs", "reward", "reward-check", "ppo")
    """Stages to run with the recipe's own settings, in whatever order; every policy among them is an arm of its
    name."""
    samples_shown: int = Field(1, ge=0)
    """Sample responses printed each time training shows some."""
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    cache: CacheSettings = CacheSettings()
    sampling: SamplingSettings = SamplingSettings()
    sft: SFTOptions = SFTOptions()
    pairs: PairsSettings = PairsSettings()
    reward: RewardOptions = RewardOptions()
    rewards: dict[str, PartSettings] = Field(default_factory=dict)
    dpo: DPOOptions = DPOOptions()
    orpo: ORPOOptions = ORPOOptions()
    kto: KTOOptions = KTOOptions()
    ppo: PPOOptions = PPOOptions()
    grpo: GRPOOptions = GRPOOptions()
    rloo: RLOOOptions = RLOOOptions()
    learners: dict[str, LearnerSettings] = Field(default_factory=dict)
    watch: WatchSettings = WatchSettings()
    track: TrackSettings = TrackSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    constraint: ConstraintSettings = ConstraintSettings()
    arms: dict[str, ArmSettings] = Field(default_factory=dict)

    @property
    def mix(self) -> dict[str, PartSettings]:
        """The parts of the reward."""
        return self.rewards or {LEARNED: PartSettings()}

    @property
    def learns_reward(self) -> bool:
        """Whether a part of the reward is learned."""
        return any(part.use == LEARNED for part in self.mix.values())

    @property
    def policies(self) -> tuple[str, ...]:
        """Stages that leave a policy."""
        return (*POLICIES, *self.learners)

    def learner(self, stage: str) -> Any:
        """The class that a stage trains."""
        own = self.learners.get(stage)
        return resolve("algorithm", own.use if own else stage.removesuffix("-check"), ALGORITHMS)

    def options(self, stage: str) -> StepSettings:
        """The settings of a stage that trains."""
        if stage in self.learners:
            declared = get_type_hints(self.learner(stage))["options"]
            return build(declared, self.learners[stage].options, f"[learners.{stage}] options")
        sections: dict[str, StepSettings] = {
            "sft": self.sft,
            "reward": self.reward,
            "reward-check": self.reward.model_copy(update={"load": ""}),  # it must be a model of its own
            "dpo": self.dpo,
            "orpo": self.orpo,
            "kto": self.kto,
            "ppo": self.ppo,
            "grpo": self.grpo,
            "rloo": self.rloo,
        }
        return sections[stage]

    def learns_from(self, stage: str) -> str:
        """What a stage learns from: "demonstrations", "pairs" or "samples"."""
        found: str = self.learner(stage).learns_from
        return found

    def needs(self, stage: str) -> list[str]:
        """Stages that must bring a stage its pairs or its reward model."""
        if stage == "pairs" or (stage == "reward" and self.reward.load):
            return []
        kind = self.learns_from(stage)
        return ["pairs"] if kind == "pairs" else ["reward"] if kind == "samples" and self.learns_reward else []

    @model_validator(mode="after")
    def _names_are_folders(self) -> "RunSettings":
        """Folders are called after names: none may lead out of the one that it belongs to."""
        if not self.name.strip() or set(self.name) & set("/\\\0") or self.name.startswith("."):
            raise ValueError(f"name = {self.name!r:.60} cannot be a folder's. Take letters, digits and -")
        for name in self.learners:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"a learner cannot be called {name!r:.60}. Take letters, digits, - and _")
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> "RunSettings":
        for stage in self.stages:
            if stage not in (*NOT_POLICIES, *self.policies):
                raise ValueError(f"unknown stage '{stage}'; known: {', '.join((*NOT_POLICIES, *self.policies))}")
            for needed in self.needs(stage):
                if needed not in self.stages:
                    raise ValueError(f"stage '{stage}' needs stage '{needed}' before it")
            if stage != "pairs" and self.learns_from(stage) == "samples" and self.sampling.temperature == 0:
                raise ValueError(f"stage '{stage}' needs random responses: set sampling.temperature above 0")
        for name in self.evaluate.metrics:
            named(name)
        return self


def settings_of(raw: dict[str, Any]) -> RunSettings:
    """Check a recipe's dictionary, and what every arm makes of it."""
    settings = build(RunSettings, raw, f"recipe '{raw.get('name', '?')}'")
    for name in settings.arms:
        settings_of_arm(settings, name)
    return settings


ARMS_MAY = ("seed", "model", "sampling", "pairs", "reward", "rewards", "learners", *POLICIES)
"""What an arm may set: all that makes a policy, but not the data or the evaluation, by which arms are compared."""


def settings_of_arm(settings: RunSettings, name: str) -> RunSettings:
    """The recipe with an arm's changes laid over it. Raises UserError for changes that would make arms incomparable."""
    arm, where = settings.arms[name], f"[arms.{name}]"
    if not re.fullmatch(NAME, name) or name in ("base", "evaluate", *NOT_POLICIES):
        raise UserError(
            f"An arm cannot be called '{name}'. Take letters, digits, - and _, and no word of topgraft's own."
        )
    for key in arm.changes:
        if key not in ARMS_MAY:
            own = ("train", "best_of", "filter", "constrained")
            raise UserError(f"{where} cannot set '{key}'. {nearest(key, (*own, *ARMS_MAY))}")
    model = arm.changes.get("model", {})
    for key in model if isinstance(model, dict) else ():
        if key not in ("layers", "lora", "gradient_checkpointing"):
            raise UserError(
                f"{where} cannot set model.{key}: arms of a run share the base model. Set model.layers, model.lora or "
                f"model.gradient_checkpointing, or make another run."
            )
    if arm.filter > 1 and not settings.evaluate.clauses:
        raise UserError(
            f"{where} filter = {arm.filter} has nothing to filter by. Write a section [evaluate.clauses.NAME]."
        )
    if arm.constrained and not (settings.evaluate.terms or settings.constraint.high):
        raise UserError(f"{where} constrained = true has no constraint. Set [evaluate.terms], or [constraint] high.")
    for stage in arm.train:
        if stage not in settings.policies:
            raise UserError(f"{where} train: no policy comes of '{stage}'. {nearest(stage, settings.policies)}")
    if len(set(arm.train)) < len(arm.train):
        raise UserError(f"{where} train = {list(arm.train)} names a stage twice. Name each once.")
    below = settings.model_dump(mode="json", exclude_none=True, exclude={"arms", "stages"})
    return build(RunSettings, overlay(below, arm.changes) | {"stages": ()}, f"{where} of recipe '{settings.name}'")
