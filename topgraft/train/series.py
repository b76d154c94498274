"""What the signs of reward hacking read: their thresholds, and what a stage has logged so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pydantic import Field, field_validator, model_validator

from topgraft.errors import nearest
from topgraft.recipe import Settings


class WatchSettings(Settings):
    """[watch]: signs of reward hacking, looked for at every step of a policy that learns from its own samples. Each has
    a threshold; 0 or false switches it off."""

    baseline: int = Field(3, ge=1)
    """First steps, whose mean the later ones are compared with."""
    window: int = Field(3, ge=1)
    """Last steps, at each of which a sign must show."""
    length: float = Field(2.0, ge=0)
    """Factor by which the mean length of responses may grow or shrink."""
    repetition: float = Field(0.1, ge=0, lt=1)
    """Rise of the share of repeated 3-grams of words (`rollout/repetition`) that is let pass."""
    diversity: float = Field(0.5, ge=0, le=1)
    """Share of its first value to which distinct-2 (`rollout/distinct_2`) may fall."""
    entropy: float = Field(0.3, ge=0, le=1)
    """Share of its first value to which the policy's entropy may fall."""
    kl: float = Field(0.2, ge=0)
    """Largest KL to the reference, in nats per response token."""
    knee: float = Field(0.1, ge=0, le=1)
    """Score gained per nat in the second half of the KL, as a share of that in the first half, below which it has a
    knee."""
    agreement: float = Field(0.2, ge=0, lt=1)
    """How far below 0 the correlation of a part of the reward with the rest may fall where it was not negative at
    first, while the score rises."""
    parts: float = Field(0.5, ge=0)
    """Standard deviations by which a part of the reward may fall while the score rises by as many."""
    held_out: float = Field(0.25, ge=0)
    """Standard deviations by which the score of validation prompts may fall below its best while that of the samples
    rises."""

    stop: tuple[str, ...] = ()
    """Signs at which the stage ends, with the weights as they then are, e.g. ["kl", "entropy"]."""
    lower: tuple[str, ...] = ()
    """Signs each of which halves the rate of the steps after it, e.g. ["kl"]."""
    kl_band: tuple[float, float] | None = None
    """Lowest and highest KL to the reference, in nats per response token, that the run is meant to keep within, e.g.
    [0.02, 0.1]. The figures for papers show it and say how many steps lay in it; nothing is steered by it, and it is no
    sign."""

    @model_validator(mode="after")
    def _is_a_factor(self) -> "WatchSettings":
        if 0 < self.length <= 1:
            raise ValueError(f"length = {self.length} is a factor: set it above 1, or to 0 to switch the sign off")
        return self

    @field_validator("stop", "lower")
    @classmethod
    def _are_signs(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [name for name in cls.model_fields if name not in ("baseline", "window", "stop", "lower", "kl_band")]
        for name in names:
            if name not in known:
                raise ValueError(f"there is no sign '{name}'. {nearest(name, known)}")
        return names

    @model_validator(mode="after")
    def _is_a_band(self) -> "WatchSettings":
        if self.kl_band is not None and not 0 <= self.kl_band[0] < self.kl_band[1]:
            raise ValueError(f"kl_band = {list(self.kl_band)} is no band: write the lower end first, e.g. [0.02, 0.1]")
        return self


@dataclass(frozen=True)
class Series:
    """The metrics of a stage's steps so far, the thresholds, and the weights of the reward's parts (their signs say
    which way is better)."""

    steps: Sequence[Mapping[str, float]]
    settings: WatchSettings
    weights: Mapping[str, float] = field(default_factory=dict)

    def values(self, name: str) -> list[float]:
        """A metric at the steps that have it."""
        return [step[name] for step in self.steps if math.isfinite(step.get(name, math.nan))]

    def first(self, name: str) -> float:
        """Mean of a metric over the first steps; NaN, which is neither above nor below anything, without any."""
        values = self.values(name)[: self.settings.baseline]
        return fmean(values) if values else math.nan

    def last(self, name: str) -> list[float]:
        """A metric at the last steps; NaN as long as they are too few to be other steps than the first."""
        values, window = self.values(name), self.settings.window
        return values[-window:] if len(values) >= self.settings.baseline + window else [math.nan]
