"""What an evaluation reads and gives: responses in, measures out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from topgraft.records import Demonstration

if TYPE_CHECKING:  # judging and rating need no model, and importing what models need takes seconds
    from topgraft.data.levels import LevelText
    from topgraft.rewards.combination import Scorer


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A figure with its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int


def as_json(measure: Measure) -> dict[str, float | None]:
    """A measure as it stands in results.json; an interval that is not a number is null."""
    known = not math.isnan(measure.low)
    low, high = (measure.low, measure.high) if known else (None, None)
    return {"value": measure.value, "low": low, "high": high, "n": measure.n}


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One arm's answer to one held-out prompt, with what is said of it.

    `tokens` is its number of tokens, the end token included, and `generated` that of all that were decoded for it: more
    where it was chosen among `draws` answers. `ids` are its tokens, () where it was read back from the run folder.
    `sample` counts an arm's answers to one prompt from 0, and `category` is what sort of prompt it is ("" where
    unknown).
    `reward` is the recipe's reward and `parts` what it is made of; `reward_check` is the same with the reward model
    that was trained with another seed (None where there is no such model). `kl_response` is the KL to the model that
    the arm's training started from, summed over the response's positions, in nats (None for an arm that is not
    trained, and for the best of several samples, which no model draws). `preference` is log p(reference) - log
    p(rejected answer) under the arm's policy, where the row brings a rejected answer and they are no tie.
    """

    arm: str
    key: str
    group: str
    prompt: str
    response: str
    reference: str
    correct: bool | None
    tokens: int
    generated: int
    ended: bool
    ids: tuple[int, ...] = ()
    sample: int = 0
    draws: int = 1
    category: str = ""
    reward: float | None = None
    reward_check: float | None = None
    parts: dict[str, float | None] = field(default_factory=dict)
    kl_response: float | None = None
    preference: float | None = None


@dataclass(frozen=True, kw_only=True)
class Clause:
    """What an answer must keep to: the value of a rule lies between two numbers, both included."""

    score: Scorer
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a metric may read: every arm's responses on the same rows in the same order, and texts of training rows.

    `target_texts` and `other_texts` are (group, text) pairs of the training split in the wanted voice and in other
    voices; `held_out_target` and `held_out_other` the same of the validation split. `verdict_texts` holds texts whose
    verdict is known, voice by voice. `clauses`, `terms` (class -> words and phrases), `insults` (prompts and responses
    -> minus how insulting each is) and `perplexity_model` are what [evaluate] asks for; `base` names the base model,
    `starts` maps an arm to the arm that its training started from, and `drawn` says that answers were sampled.
    `training` are the training rows; `levels` says how strict the answers to each category of prompts are to be, and
    `level_texts` are texts of known strictness.
    """

    responses: dict[str, list[Response]]
    target_texts: list[tuple[str, str]]
    other_texts: list[tuple[str, str]]
    held_out_target: list[tuple[str, str]]
    held_out_other: list[tuple[str, str]]
    verdict_texts: dict[str, list[tuple[bool, str]]]
    seed: int
    clauses: Mapping[str, Clause] = field(default_factory=dict)
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    insults: Scorer | None = None
    perplexity_model: str = ""
    base: str = ""
    starts: Mapping[str, str] = field(default_factory=dict)
    drawn: bool = False
    training: Sequence[Demonstration] = ()
    levels: Mapping[str, int] = field(default_factory=dict)
    level_texts: Sequence[LevelText] = ()

    @property
    def referenced(self) -> bool:
        """Whether every row has a reference answer to compare with."""
        return all(row.reference for row in next(iter(self.responses.values())))

    @property
    def groups(self) -> list[str]:
        """The problem of every row, the same for every arm."""
        return [row.group for row in next(iter(self.responses.values()))]


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One metric for all arms: a measure each, and what is known of the instrument (its held-out accuracy, its
    calibration error, ...). Arms are compared by the values of their rows, `per_row`, where the metric is their mean,
    and else by `left_out`, an arm's value over all rows and without each block of problems (jackknife.py) [1 + K].
    `classifiers` holds what a classifier said of texts whose label is known, as `topgraft.evaluate.classified` counts
    it."""

    measures: dict[str, Measure]
    per_row: dict[str, list[float]] = field(default_factory=dict)
    left_out: Mapping[str, np.ndarray] = field(default_factory=dict)
    instrument: Mapping[str, Any] = field(default_factory=dict)
    classifiers: Mapping[str, dict[str, Any]] = field(default_factory=dict)
