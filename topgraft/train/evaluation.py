"""The evaluation of a run: every arm answers the test prompts, rewards score the answers, metrics read them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from topgraft.evaluate.intervals import mean_interval
from topgraft.evaluate.records import Response
from topgraft.evaluate.responses import answer, best_of, scored
from topgraft.evaluate.table import as_json
from topgraft.objectives.preference import pair_accuracy
from topgraft.rewards.combination import Reward, Scorer
from topgraft.rewards.learned import LearnedReward
from topgraft.rollout.cache import Pair
from topgraft.rollout.choosing import greedy
from topgraft.runs.writing import write_json
from topgraft.train.cost import Clock
from topgraft.train.measuring import keep, measure
from topgraft.train.plan import Arm, Plan
from topgraft.train.workplace import Workplace, stage_seed

SCORED_AT_ONCE = 64
"""Answers whose states are held together."""
INSTRUMENTS = {"reward": "reward", "reward_check": "reward-check"}
"""What is reported -> the step whose reward model is the learned part of it."""


def instruments(plan: Plan) -> list[str]:
    """The steps whose reward models measure the arms."""
    return [step for step in INSTRUMENTS.values() if step in plan.steps and plan.settings.learns_reward]


def answers_of(place: Workplace, plan: Plan, arms: Sequence[Arm]) -> dict[str, list[Response]]:
    """Every arm's answers to the test prompts, those to one prompt in succession, not scored yet."""
    found: dict[str, list[Response]] = {}
    with place.screen.bar("answers", len(arms)) as bar:
        for arm in arms:
            here, samples = place.under(arm.settings), plan.settings.evaluate.samples
            rows = [row for row in place.splits.test for _ in range(samples)]
            generator = torch.Generator().manual_seed(stage_seed(here.settings.seed, "evaluate"))
            common: dict[str, Any] = {"arm": arm.name, "slot": arm.policy, "generator": generator}
            at, sampling = (place.model, place.template, rows), here.settings.sampling
            if arm.best_of == 1:
                likeliest = plan.settings.evaluate.decoding == "greedy"
                sampling = greedy(sampling) if likeliest else sampling
                found[arm.name] = answer(*at, sampling, **common, start=plan.start_of(arm))
            else:
                score = here.reward(arm.reward)
                found[arm.name] = best_of(*at, sampling, **common, count=arm.best_of, score=score)
            found[arm.name] = [replace(row, sample=n % samples) for n, row in enumerate(found[arm.name])]
            bar.advance({}, ())
    return found


def evaluate(place: Workplace, plan: Plan, answers: dict[str, list[Response]]) -> dict[str, Any]:
    """Score and measure, and write evaluation/responses.jsonl and evaluation/results.json. `place` is one of the
    recipe's own settings, with the reward models of `instruments`."""
    clock, stage = Clock(), place.run.stage("evaluate")
    rewards = _rewards(place, plan)
    with place.screen.bar("evaluate", len(answers) + 1) as bar:
        responses = {}
        for arm in plan.arms:
            responses[arm] = scored(place.model, place.template, answers[arm], rewards)
            bar.advance({}, ())
        results, style = measure(place.run, plan, place.splits, responses)
        bar.advance({}, ())
    keep(place.run, responses, style)
    if "reward" in plan.steps and "reward" in rewards:
        first = [row for row in responses["base"] if row.sample == 0]
        results["instruments"]["reward"] = _reward_instrument(place, first)
    place.cache.flush()
    write_json(place.run.results_file, results)
    stage.finish(
        {
            "stage": "evaluate",
            "algorithm": f"{place.settings.evaluate.decoding} decoding and metrics",
            "seconds": round(clock.seconds, 2),
            "peak_memory_bytes": clock.peak_memory_bytes,
            "steps": len(responses),
            "tokens": sum(row.tokens for rows in responses.values() for row in rows),
            "trunk_passes_per_token": None,
            "settings": place.settings.evaluate.model_dump(mode="json"),
        }
    )
    return results


def _rewards(place: Workplace, plan: Plan) -> dict[str, Reward]:
    """What is reported -> the recipe's reward with one of the reward models; rules alone need none."""
    if not place.settings.learns_reward:
        return {"reward": place.reward(None)}
    return {name: place.reward(step) for name, step in INSTRUMENTS.items() if step in plan.steps}


def _reward_instrument(place: Workplace, base: list[Response]) -> dict[str, Any]:
    """How often the reward model sets the better of two answers to a test prompt above the other, beside how often the
    longer one is the better: of the data's own pairs, but for ties, else of the reference and Base's answer."""
    rows, model = place.splits.test, place.rewards["reward"]
    pairs: list[tuple[Pair, Pair]] = [
        ((row.prompt, row.response), (row.prompt, row.rejected or ""))
        for row in rows
        if row.rejected is not None and row.strength > 0
    ]
    groups = [row.group for row in rows if row.rejected is not None and row.strength > 0]
    if not pairs:
        groups = [row.group for row in rows]
        pairs = [((row.prompt, row.response), (row.prompt, other.ids)) for row, other in zip(rows, base, strict=True)]
    answers = [pair for both in pairs for pair in both]
    lengths = [len(place.cache.ids(pair)[1]) for pair in answers]
    accuracy, longer = (
        as_json(mean_interval(_order(torch.tensor(values)), groups, seed=place.settings.seed))
        for values in (_learned_scores(place, model, answers), lengths)
    )
    of = "the data's own pairs" if rows[0].rejected is not None else "reference against Base's answer"
    return {"held_out_accuracy": accuracy, "longer_wins": longer, "pairs": of, "n": float(len(pairs))}


def _order(values_B: torch.Tensor) -> list[float]:
    """1 for each pair (two rows) whose first value is the higher, 1/2 for equal ones, else 0."""
    return pair_accuracy(*values_B.view(-1, 2).unbind(1)).tolist()


def _learned_scores(place: Workplace, model: LearnedReward | Scorer, answers: Sequence[Pair]) -> list[float]:
    """The reward model's scores of prompts with their answers."""
    if not isinstance(model, LearnedReward):
        texts = [text if isinstance(text, str) else place.template.decode(list(text)) for _, text in answers]
        return model([prompt for prompt, _ in answers], texts)
    found: list[float] = []
    for start in range(0, len(answers), SCORED_AT_ONCE):
        found += model(*place.cache.get(answers[start : start + SCORED_AT_ONCE])).tolist()
    return found
