"""The evaluation of a run: every arm answers the test prompts, rewards score the answers, metrics read them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from topgraft.evaluate.constrained.guide import distil, guide_to
from topgraft.evaluate.metrics.clauses import clauses_of, keeps
from topgraft.evaluate.records import Response
from topgraft.evaluate.responses import answer, best_of, filtered, scored
from topgraft.rewards.combination import Reward
from topgraft.rollout.choosing import greedy
from topgraft.rollout.guiding import Guide
from topgraft.runs.writing import as_json
from topgraft.train.cost import Clock
from topgraft.train.measuring import keep, measure
from topgraft.train.plan import Arm, Plan
from topgraft.train.reward_pairs import examine
from topgraft.train.workplace import Workplace, stage_seed

INSTRUMENTS = {"reward": "reward", "reward_check": "reward-check"}
"""What is reported -> the step whose reward model is the learned part of it."""


def instruments(plan: Plan) -> list[str]:
    """The steps whose reward models measure the arms."""
    return [step for step in INSTRUMENTS.values() if step in plan.steps and plan.settings.learns_reward]


def answers_of(place: Workplace, plan: Plan, arms: Sequence[Arm]) -> dict[str, list[Response]]:
    """Every arm's answers to the test prompts, those to one prompt in succession, not scored yet."""
    found: dict[str, list[Response]] = {}
    everything = [*place.splits.train, *place.splits.validation, *place.splits.test]
    with place.screen.bar("answers", len(arms)) as bar:
        for arm in arms:
            here, samples = place.under(arm.settings), plan.settings.evaluate.samples
            rows = [row for row in place.splits.test for _ in range(samples)]
            generator = torch.Generator().manual_seed(stage_seed(here.settings.seed, "evaluate"))
            common: dict[str, Any] = {"arm": arm.name, "slot": arm.policy, "generator": generator}
            at, sampling = (place.model, place.template, rows), here.settings.sampling
            if arm.plain or arm.constrained:
                likeliest = plan.settings.evaluate.decoding == "greedy"
                sampling = greedy(sampling) if likeliest else sampling
                guide = guide_of(here, plan, arm) if arm.constrained else None
                asking = partial(answer, *at, sampling, **common, start=plan.start_of(arm), guide=guide)
                found[arm.name] = _shared_out(place, samples, asking)
            elif not (place.run.writes or place.model.sharded):
                continue  # what these draw depends on what they drew before: one process does it
            elif arm.filter > 1:
                keeping = partial(keeps, clauses_of(plan.settings.evaluate.clauses, everything))
                found[arm.name] = filtered(*at, sampling, **common, tries=arm.filter, keeps=keeping)
            else:
                score = here.reward(arm.reward)
                found[arm.name] = best_of(*at, sampling, **common, count=arm.best_of, score=score)
            found[arm.name] = [replace(row, sample=n % samples) for n, row in enumerate(found[arm.name])]
            bar.advance({}, ())
    return found


def _shared_out(
    place: Workplace, samples: int, ask: Callable[[Sequence[int] | None], list[Response]]
) -> list[Response]:
    """The answers to all test prompts, `samples` to each: every process gives some of them; or all, where a pass of one
    is a pass of all."""
    shares = place.processes.blocks(len(place.splits.test))
    if not shares.cut or place.model.sharded:
        return ask(None)
    rows = shares.rows(samples)
    return [
        Response(**{**record, "ids": tuple(record["ids"])})
        for record in rows.records(list(map(asdict, ask(rows.mine))))
    ]


def guide_of(place: Workplace, plan: Plan, arm: Arm) -> Guide:
    """What keeps an arm's answers to [constraint]: it looks ahead by a Markov model of answers that the arm's policy
    gives to the training prompts."""
    asked, generator = plan.settings.constraint, torch.Generator()
    generator.manual_seed(stage_seed(place.settings.seed, "constraint"))
    prompts = list(dict.fromkeys(row.prompt for row in place.splits.train))
    place.screen.say(f"  {arm.name}: a Markov model of {asked.states} states from {asked.samples} answers")
    markov = distil(place.model, place.template, prompts, place.settings.sampling, asked, arm.policy, generator)
    return guide_to(asked, plan.settings.evaluate.terms, place.template, markov)


def evaluate(place: Workplace, plan: Plan, answers: dict[str, list[Response]]) -> dict[str, Any]:
    """Score and measure, and write evaluation/responses.jsonl and evaluation/results.json. `place` is one of the
    recipe's own settings, with the reward models of `instruments`."""
    clock, stage = Clock(), place.run.stage("evaluate")
    responses = score_all(place, plan, answers)
    results, style = measure(place.run, plan, place.splits, responses)
    keep(place.run, responses, style)
    answered = any(row.response for row in place.splits.test)
    if "reward" in plan.steps and plan.settings.learns_reward and answered:
        first = [row for row in responses["base"] if row.sample == 0]
        results["instruments"]["reward"] = examine(place, first)
    place.cache.flush()
    place.run.write(place.run.results_file, as_json(results))
    place.run.seal_evaluation()
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


def score_all(place: Workplace, plan: Plan, answers: dict[str, list[Response]]) -> dict[str, list[Response]]:
    """What the rewards say of every arm's answers."""
    rewards, responses = _rewards(place, plan), {}
    with place.screen.bar("evaluate", len(answers)) as bar:
        for arm in plan.arms:
            responses[arm] = scored(place.model, place.template, answers[arm], rewards)
            bar.advance({}, ())
    return responses


def _rewards(place: Workplace, plan: Plan) -> dict[str, Reward]:
    """What is reported -> the recipe's reward with one of the reward models; rules alone need none."""
    if not place.settings.learns_reward:
        return {"reward": place.reward(None)}
    return {name: place.reward(step) for name, step in INSTRUMENTS.items() if step in plan.steps}
