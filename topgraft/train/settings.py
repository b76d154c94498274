"""The settings of a whole run: the sections of a recipe, each defined beside the code that reads it."""

from typing import Any

from pydantic import Field, model_validator

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
from topgraft.evaluate import METRICS
from topgraft.lookup import resolve
from topgraft.model.load import ModelSettings
from topgraft.recipe import Settings, build
from topgraft.rollout.cache import CacheSettings
from topgraft.rollout.choosing import SamplingSettings

FROM_PAIRS = ("dpo", "orpo", "kto")
"""Stages whose policy learns from pairs."""
ON_POLICY = ("ppo", "grpo", "rloo")
"""Stages whose policy learns from its own samples, by a reward."""
STAGES = ("sft", "pairs", "reward", "reward-check", *FROM_PAIRS, *ON_POLICY)
"""What a run may do, in the order in which it is done."""


class PairsSettings(Settings):
    """[pairs]: simulated preferences. Chosen = the reference answer, rejected = a sample of the base model."""

    samples_per_prompt: int = Field(1, ge=1)
    """Pairs made for each prompt, each with another sample."""


class EvaluateSettings(Settings):
    """[evaluate]: what is measured on the test split."""

    metrics: tuple[str, ...] = tuple(METRICS)
    """Names of metrics, or "package.module:METRIC"."""
    other_voices: str = ""
    """File with answers to the same prompts in other voices (JSON lines: id, problem, voice, feedback), for the style
    classifier; a shipped name or a path."""


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
    """Stages to run."""
    samples_shown: int = Field(1, ge=0)
    """Sample responses printed each time training shows some."""
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    cache: CacheSettings = CacheSettings()
    sampling: SamplingSettings = SamplingSettings()
    sft: SFTOptions = SFTOptions()
    pairs: PairsSettings = PairsSettings()
    reward: RewardOptions = RewardOptions()
    dpo: DPOOptions = DPOOptions()
    orpo: ORPOOptions = ORPOOptions()
    kto: KTOOptions = KTOOptions()
    ppo: PPOOptions = PPOOptions()
    grpo: GRPOOptions = GRPOOptions()
    rloo: RLOOOptions = RLOOOptions()
    evaluate: EvaluateSettings = EvaluateSettings()

    @property
    def learners(self) -> dict[str, StepSettings]:
        """Stages that train, and the settings of each."""
        return {
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

    @model_validator(mode="after")
    def _stages_fit(self) -> "RunSettings":
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown:
            raise ValueError(f"unknown stage '{unknown[0]}'; known: {', '.join(STAGES)}")
        needs = dict.fromkeys(("reward", "reward-check", *FROM_PAIRS), "pairs") | dict.fromkeys(ON_POLICY, "reward")
        if self.reward.load:
            del needs["reward"]
        for stage, needed in needs.items():
            if stage in self.stages and needed not in self.stages:
                raise ValueError(f"stage '{stage}' needs stage '{needed}' before it")
        for stage in ON_POLICY:
            if stage in self.stages and self.sampling.temperature == 0:
                raise ValueError(f"stage '{stage}' needs random responses: set sampling.temperature above 0")
        for name in self.evaluate.metrics:
            resolve("metric", name, METRICS)
        return self


def settings_of(raw: dict[str, Any]) -> RunSettings:
    """Check a recipe's dictionary."""
    return build(RunSettings, raw, f"recipe '{raw.get('name', '?')}'")
