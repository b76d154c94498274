"""Rewards put together: a weighted sum of named parts, each learned or a rule, with the parts of every response kept.

A rule is a plain function of two texts, `(prompt, response) -> float`. One that needs the row behind a prompt (its
reference answer, its label) has a method `for_rows(rows)` that returns such a function; a prompt that the rows do not
hold then gets NaN, which counts as 0 in the sum. One that is cheaper for many texts at once has
`score_all(prompts, responses)`, a list of as many numbers.
"""

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import Field, model_validator

from topgraft.errors import UserError
from topgraft.lookup import resolve
from topgraft.recipe import Settings, build
from topgraft.records import Demonstration, Scores, Tokens, TrunkState
from topgraft.rewards import RULES
from topgraft.rewards.learned import LearnedReward

LEARNED = "learned"
"""What `use` calls the reward model of the run."""

Reward = Callable[[Sequence[str], Sequence[str], Tokens, TrunkState], Scores]
"""What an algorithm may know of rewards: prompts and responses as texts, their tokens and trunk states in, scores
out."""


class PartSettings(Settings):
    """[rewards.NAME]: one part of the reward that policies learn from and that the evaluation reports.

    The reward is the sum over the parts of weight x value; without any [rewards.NAME] it is the learned one alone.
    """

    use: str = LEARNED
    """ "learned" (the reward model of stage `reward`), a rule of topgraft's (docs/rewards.md), or one of your own:
    "my_file.py:my_reward" or "package.module:my_reward"."""
    weight: float = 1.0
    """Factor of the value in the sum; below 0 the value is a penalty."""
    normalise: bool = False
    """Shift and scale the rule so that the reference answers of the training rows have mean 0 and standard deviation 1.
    (The learned reward is normalised by stage `reward`.)"""
    clip: tuple[float, float] | None = None
    """Lowest and highest value of the part, after normalising and before the weight."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the rule."""

    @model_validator(mode="after")
    def _fits(self) -> "PartSettings":
        if self.clip and not self.clip[0] < self.clip[1]:
            raise ValueError(f"clip = {list(self.clip)} must be a lower and a higher number")
        if self.use == LEARNED and (self.normalise or self.options):
            raise ValueError("the learned reward has its options in [reward]: leave normalise and options out")
        return self


Scorer = Callable[[Sequence[str], Sequence[str]], list[float]]
"""Prompts and responses -> a number each."""


@dataclass(frozen=True)
class Part:
    """One part: a rule on texts, or the learned reward on tokens and trunk states."""

    source: Scorer | LearnedReward
    weight: float = 1.0
    clip: tuple[float, float] | None = None
    mean: float = 0.0
    spread: float = 1.0
    """Mean and standard deviation of the rule on reference answers, where it is normalised."""

    def __call__(
        self, prompts: Sequence[str], responses: Sequence[str], tokens: Tokens, trunk: TrunkState
    ) -> torch.Tensor:
        """The part's value [B], normalised and clipped, not weighted."""
        if isinstance(self.source, LearnedReward):
            value_B = self.source(tokens, trunk)
        else:
            found = self.source(prompts, responses)
            value_B = (torch.tensor(found, device=tokens.ids_BT.device) - self.mean) / self.spread
        return value_B.clamp(*self.clip) if self.clip else value_B


@dataclass(frozen=True)
class Combination:
    """The weighted sum of the parts."""

    parts: Mapping[str, Part]

    def __call__(self, prompts: Sequence[str], responses: Sequence[str], tokens: Tokens, trunk: TrunkState) -> Scores:
        """Score every row; NaN counts as 0 in the total and stays NaN among the parts."""
        found = {name: part(prompts, responses, tokens, trunk) for name, part in self.parts.items()}
        weighted = [self.parts[name].weight * value_B.nan_to_num(0.0) for name, value_B in found.items()]
        return Scores(total_B=torch.stack(weighted).sum(0), parts=found)


def combine(
    settings: Mapping[str, PartSettings],
    learned: LearnedReward | Scorer | None,
    rows: Sequence[Demonstration],
    references: Sequence[Demonstration],
) -> Combination:
    """The parts of the settings, put together. `rows` are those that rules may look up; parts are normalised on the
    answers of `references`. Raises UserError where the learned reward is asked for and there is none."""
    parts: dict[str, Part] = {}
    for name, part in settings.items():
        if part.use == LEARNED:
            if learned is None:
                raise UserError(f"[rewards.{name}] uses the learned reward, but no stage `reward` comes before.")
            parts[name] = Part(learned, part.weight, part.clip)
            continue
        made = Part(rule(f"[rewards.{name}]", part.use, part.options, rows), part.weight, part.clip)
        parts[name] = _normalised(name, made, references) if part.normalise else made
    return Combination(parts)


def rule(where: str, use: str, options: Mapping[str, Any], rows: Sequence[Demonstration]) -> Scorer:
    """The rule that the section `where` of a recipe uses, as a function of many texts. Whatever it returns but a number
    is a UserError."""
    made = resolve("reward", use, RULES)
    if isinstance(made, type):
        if not issubclass(made, Settings):
            raise UserError(f"{where}: {use} must be a function (prompt, response) -> float.")
        made = build(made, dict(options), f"{where} options of '{use}'")
    elif options:
        raise UserError(f"{where}: '{use}' is a function and takes no options. Leave options out.")
    function = made.for_rows(rows) if hasattr(made, "for_rows") else made
    if not callable(function):
        raise UserError(f"{where}: {use} must be a function (prompt, response) -> float.")

    def score(prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        try:
            if hasattr(function, "score_all"):
                found = list(function.score_all(prompts, responses))
            else:
                found = [function(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        except UserError:
            raise
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            raise UserError(
                f"{where} failed in {line.filename}, line {line.lineno}: {type(error).__name__}: {error}. "
                f"Mend it and go on with --resume."
            ) from error
        return [_number(where, value, response) for value, response in zip(found, responses, strict=True)]

    return score


def _number(where: str, value: Any, response: str) -> float:
    if isinstance(value, bool | int | float) and not math.isinf(value):
        return float(value)
    raise UserError(f"{where} gave {value!r:.60} for the response {response!r:.60}; it must be a finite number.")


def _normalised(name: str, part: Part, rows: Sequence[Demonstration]) -> Part:
    """The part, with mean and spread of its rule on the reference answers of the rows."""
    assert not isinstance(part.source, LearnedReward)
    found = torch.tensor(part.source([row.prompt for row in rows], [row.response for row in rows]), dtype=torch.float64)
    found = found[~found.isnan()]
    spread = found.std(correction=0).item() if len(found) else 0.0
    if not spread > 1e-6:
        raise UserError(
            f"[rewards.{name}]: '{name}' is the same for all reference answers of the training rows, so it cannot be "
            f"normalised on them. Leave normalise out."
        )
    return replace(part, mean=found.mean().item(), spread=spread)
