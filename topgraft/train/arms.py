"""The arms of a finished run, opened as they are asked for: arms that share a model are slots of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from topgraft.errors import UserError
from topgraft.records import Scores, Tokens, TrunkState
from topgraft.rewards.combination import Reward
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.train.plan import Arm, Plan
from topgraft.train.progress import Screen
from topgraft.train.reopening import reopen
from topgraft.train.settings import RunSettings
from topgraft.train.stages import carry_out
from topgraft.train.workplace import Workplace


@dataclass(frozen=True)
class Answer:
    """Candidates for an answer to one prompt, one or several; `seconds` is how long decoding took."""

    texts: list[str]
    tokens: list[int]
    ended: list[bool]
    seconds: float
    scores: Scores | None

    @property
    def order(self) -> list[int]:
        """The candidates, the highest score first and the first of equals before the others."""
        if self.scores is None:
            return list(range(len(self.texts)))
        totals = self.scores.total_B.tolist()
        return sorted(range(len(totals)), key=lambda place: -totals[place])


class OpenArms:
    """Places for the arms of `plan`, by the model that they need; steps are reloaded once."""

    def __init__(self, run: RunFolder, plan: Plan, screen: Screen) -> None:
        self.run, self.plan, self.screen = run, plan, screen
        self._places: dict[str, tuple[Workplace, set[str]]] = {}

    def open(self, arm: Arm) -> Workplace:
        """The place of an arm, its policy in its slot."""
        return self._place(arm.settings, arm.policy)

    def close_all_but(self, arm: Arm) -> None:
        """Let go of models that the arm does not need."""
        own = _model(arm.settings)
        self._places = {model: found for model, found in self._places.items() if model == own}

    def judged_by(self, arm: Arm) -> RunSettings:
        """Whose reward scores the arm's answers: its own where it is a best-of-n of the recipe, else the run's."""
        return arm.settings if arm.best_of > 1 else self.plan.settings

    def reward(self, arm: Arm) -> Reward:
        """What scores the arm's answers. Raises UserError where the run has no reward."""
        settings, step = self.judged_by(arm), arm.reward
        if arm.best_of == 1:
            step = "reward" if "reward" in self.plan.steps else None
        if not settings.learns_reward:
            return self.open(arm).under(settings).reward(None)
        if step is None:
            raise UserError(
                f"Run {self.run.path} has nothing to score with: no stage `reward`, and no [rewards] of rules alone."
            )
        made = self.plan.steps[step].settings
        apart = made.reward.base(made.model) != made.model  # it stands beside any model
        here = apart or not made.reward.adapts or _model(made) == _model(arm.settings)
        judge = self._place(arm.settings if here else made, step)
        reward = judge.under(settings).reward(step)
        if here:
            return reward

        def elsewhere(prompts: Sequence[str], texts: Sequence[str], tokens: Tokens, _: TrunkState) -> Scores:
            return reward(prompts, texts, tokens, judge.model.trunk(tokens))

        return elsewhere

    def _place(self, settings: RunSettings, step: str | None) -> Workplace:
        model = _model(settings)
        if model not in self._places:
            self._places[model] = reopen(self.run, self.plan, settings, [], self.screen), set()
        place, done = self._places[model]
        for needed in self.plan.needed([step]):
            if needed.name not in done:
                carry_out(place, needed)
                done.add(needed.name)
        return place.under(settings)


def answer(
    place: Workplace,
    slot: str | None,
    prompt: str,
    settings: SamplingSettings,
    generator: torch.Generator,
    *,
    count: int = 1,
    score: Reward | None = None,
) -> Answer:
    """`count` responses to one prompt under `slot`, scored where `score` is given."""
    ids = place.template.encode_prompt(prompt)
    begun = time.perf_counter()
    with torch.no_grad(), place.model.slots.use(slot):
        rollouts = sample(place.model, place.template, [ids] * count, settings, generator)
    seconds = time.perf_counter() - begun
    scores = None
    if score is not None:
        with torch.no_grad():
            scores = score([prompt] * count, rollouts.texts, rollouts.tokens, rollouts.trunk)
    return Answer(
        texts=rollouts.texts,
        tokens=rollouts.tokens.counted_BT.sum(1).tolist(),
        ended=rollouts.ended_B.tolist(),
        seconds=seconds,
        scores=scores,
    )


def _model(settings: RunSettings) -> str:
    """Arms with the same text here share a model."""
    return settings.model.model_dump_json()
