"""What is rated: the prompts, whose answers, and for each rater an order of their own.

Fixed when a folder is first opened for rating, texts included, so that a later evaluation cannot change what people
have rated. The rules of presentation are those that van der Lee et al. (2019, W19-8643; 2021, CSL 67, 101151) ask for:
several raters, blind, in random order and on random sides, every criterion defined, ties allowed, repeated items.
"""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from topgraft.errors import UserError, nearest
from topgraft.rating.questions import Criterion
from topgraft.report.words.text import tidy

MOST_ARMS = 4
"""Up to so many arms are rated without being named."""
EVERY_PAIR = 3
"""Up to so many arms, every two are set side by side; of more, each beside the first."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One prompt with the answer of every arm; `group` is the problem that it belongs to."""

    key: str
    group: str
    text: str
    answers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that raters are shown. `repeat` is the share of screens that a rater sees twice."""

    arms: tuple[str, ...]
    dimensions: dict[str, Criterion]
    prompts: tuple[Prompt, ...]
    repeat: float
    seed: int

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(arm, against) of the side-by-side choices: the later arm against the earlier one."""
        if len(self.arms) <= EVERY_PAIR:
            return [(later, earlier) for earlier, later in itertools.combinations(self.arms, 2)]
        return [(arm, self.arms[0]) for arm in self.arms[1:]]

    def as_json(self) -> dict[str, Any]:
        """The study as it is kept."""
        return {**asdict(self), "dimensions": {name: found.model_dump() for name, found in self.dimensions.items()}}


def from_json(kept: dict[str, Any]) -> Study:
    """The study that `Study.as_json` wrote."""
    return Study(
        arms=tuple(kept["arms"]),
        dimensions={name: Criterion(**found) for name, found in kept["dimensions"].items()},
        prompts=tuple(Prompt(**prompt) for prompt in kept["prompts"]),
        repeat=kept["repeat"],
        seed=kept["seed"],
    )


def new_study(
    responses: Sequence[dict[str, Any]],
    arms: Sequence[str] | None,
    dimensions: dict[str, Criterion],
    *,
    prompts: int,
    repeat: float,
    seed: int,
) -> Study:
    """Choose prompts from evaluated responses: from as many problems as there are, at random.

    `responses` are the lines of evaluation/responses.jsonl. Raises UserError where there are none, for an unknown
    arm, an arm named twice, and where there are more arms than MOST_ARMS and none were named.
    """
    found = list(dict.fromkeys(str(row["arm"]) for row in responses))
    if not found:
        raise UserError("There are no answers to rate: evaluation/responses.jsonl is absent or empty. Finish the run.")
    chosen = list(arms) if arms else found
    for arm in chosen:
        if arm not in found:
            raise UserError(f"No answers of arm '{arm}' were evaluated. {nearest(arm, found)}")
    if len(set(chosen)) < len(chosen):
        raise UserError(f"--arms {','.join(chosen)} names an arm twice. Name each once.")
    if not arms and len(found) > MOST_ARMS:
        raise UserError(
            f"{len(found)} arms are more than people can rate. Choose some, --arms {','.join(found[:3])}, from: "
            f"{', '.join(found)}."
        )
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for row in tidy(responses):
        table.setdefault(str(row["id"]), {})[str(row["arm"])] = row
    complete = {key: rows for key, rows in table.items() if all(arm in rows for arm in chosen)}
    if not complete:
        raise UserError(f"No prompt was answered by all of {', '.join(chosen)}. Name arms that answered the same ones.")
    groups: dict[str, list[str]] = {}
    for key, rows in complete.items():
        groups.setdefault(str(rows[chosen[0]].get("problem") or key), []).append(key)
    drawn = _spread(groups, prompts, random.Random(f"prompts {seed}"))
    return Study(
        arms=tuple(chosen),
        dimensions=dimensions,
        prompts=tuple(_prompt(key, group, complete[key], chosen) for group, key in drawn),
        repeat=repeat,
        seed=seed,
    )


def _spread(groups: dict[str, list[str]], number: int, chance: random.Random) -> list[tuple[str, str]]:
    """(group, key) of `number` rows: one of every group before a second of any."""
    order = chance.sample(sorted(groups), len(groups))
    rows = {group: chance.sample(groups[group], len(groups[group])) for group in order}
    queues = [[(group, key) for key in rows[group]] for group in order]
    rounds = itertools.chain.from_iterable(itertools.zip_longest(*queues))
    return [pair for pair in rounds if pair is not None][:number]


def _prompt(key: str, group: str, rows: dict[str, dict[str, Any]], arms: Sequence[str]) -> Prompt:
    answers = {arm: str(rows[arm]["response"]) for arm in arms}
    return Prompt(key=key, group=group, text=str(rows[arms[0]]["prompt"]), answers=answers)


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a rater sees at once: one answer to score, or two to choose from, left and right.

    `repeats` is the number of the screen that this one shows again.
    """

    prompt: int
    arms: tuple[str, ...]
    repeats: int | None = None


def screens_of(study: Study, rater: str) -> list[Screen]:
    """The rater's own order: prompts, answers, pairs and sides at random, then some screens of the first half again.

    A repeated pair changes sides. The same rater always gets the same order.
    """
    chance = random.Random(f"rater {study.seed} {rater}")
    screens: list[Screen] = []
    for place in chance.sample(range(len(study.prompts)), len(study.prompts)):
        screens += [Screen(prompt=place, arms=(arm,)) for arm in chance.sample(study.arms, len(study.arms))]
        for pair in chance.sample(study.pairs, len(study.pairs)):
            left, right = chance.sample(pair, 2)
            screens.append(Screen(prompt=place, arms=(left, right)))
    again: list[Screen] = []
    half = math.ceil(len(study.prompts) / 2) * (len(study.arms) + len(study.pairs))
    for shown in (1, 2):
        every = [number for number, screen in enumerate(screens) if len(screen.arms) == shown]
        early = [number for number in every if number < half]
        wanted = min(len(early), math.ceil(study.repeat * len(every)))
        for number in sorted(chance.sample(early, wanted)):
            again.append(Screen(prompt=screens[number].prompt, arms=screens[number].arms[::-1], repeats=number))
    return screens + again
