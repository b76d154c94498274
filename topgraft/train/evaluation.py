"""The evaluation of a run: every arm answers the test prompts once, rewards score the answers, metrics read them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from topgraft.data.voices import read_voices
from topgraft.evaluate.records import Evaluation, Response
from topgraft.evaluate.responses import answer, best_of, scored
from topgraft.evaluate.table import measure_all
from topgraft.records import Demonstration
from topgraft.rewards.combination import Reward
from topgraft.rewards.verdict import read_verdict
from topgraft.rollout.choosing import greedy
from topgraft.runs.writing import write_json, write_whole
from topgraft.train.cost import Clock
from topgraft.train.pairing import comparisons
from topgraft.train.plan import Arm, Plan
from topgraft.train.reward_pairs import examine
from topgraft.train.workplace import Workplace, stage_seed

INSTRUMENTS = {"reward": "reward", "reward_check": "reward-check"}
"""What is reported -> the step whose reward model is the learned part of it."""


def instruments(plan: Plan) -> list[str]:
    """The steps whose reward models measure the arms."""
    return [step for step in INSTRUMENTS.values() if step in plan.steps and plan.settings.learns_reward]


def answers_of(place: Workplace, plan: Plan, arms: Sequence[Arm]) -> dict[str, list[Response]]:
    """Every arm's answers to the test prompts, not scored yet."""
    found: dict[str, list[Response]] = {}
    with place.screen.bar("answers", len(arms)) as bar:
        for arm in arms:
            here, rows = place.under(arm.settings), place.splits.test
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
        evaluation = _evaluation(place, plan, responses)
        found = measure_all(evaluation, place.settings.evaluate.metrics, plan.starts())
        bar.advance({}, ())
    per_row = found.pop("per_row")
    lines = [json.dumps(record, ensure_ascii=False) for record in _records(responses, per_row.get("sac", {}))]
    write_whole(place.run.responses_file, "".join(line + "\n" for line in lines))
    results = {"recipe": place.settings.name, "seed": place.settings.seed, **found}
    if "reward" in plan.steps and "reward" in rewards:
        results["instruments"]["reward"] = examine(place, responses["base"])
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


def _records(responses: dict[str, list[Response]], style: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The lines of evaluation/responses.jsonl; `style` holds every row's SAC, where it was measured."""
    return [
        {
            "id": row.key,
            "problem": row.group,
            "tokens": row.tokens,
            **{name: value for name, value in asdict(row).items() if name not in ("key", "group", "ids")},
            "verdict": {True: "correct", False: "incorrect", None: None}[read_verdict(row.response)],
            "sac": style.get(arm, [None] * len(rows))[number],
        }
        for arm, rows in responses.items()
        for number, row in enumerate(rows)
    ]


def _evaluation(place: Workplace, plan: Plan, responses: dict[str, list[Response]]) -> Evaluation:
    """Gather what metrics may read. Texts for the style classifier come from training and validation rows only."""
    splits = place.splits
    others = read_voices(place.settings.evaluate.other_voices)
    sampled: dict[str, list[str]] = {}
    if "pairs" in plan.steps:
        for pair in comparisons(place, "pairs"):
            sampled.setdefault(pair.key, []).append(pair.rejected)

    def target(rows: list[Demonstration]) -> list[tuple[str, str]]:
        return [(row.group, row.response) for row in rows]

    def other(rows: list[Demonstration]) -> list[tuple[str, str]]:
        found = []
        for row in rows:
            found += [(row.group, text) for text in sampled.get(row.key, [])]
            found += [(row.group, record["feedback"]) for record in others.get(row.key, [])]
        return found

    verdict_texts: dict[str, list[tuple[bool, str]]] = {}
    for row in [*splits.train, *splits.validation, *splits.test]:
        if row.correct is not None:
            verdict_texts.setdefault("reference", []).append((row.correct, row.response))
            for record in others.get(row.key, []):
                verdict_texts.setdefault(record["voice"], []).append((row.correct, record["feedback"]))
    return Evaluation(
        responses=responses,
        target_texts=target(splits.train),
        other_texts=other(splits.train),
        held_out_target=target(splits.validation),
        held_out_other=other(splits.validation),
        verdict_texts=verdict_texts,
        seed=place.settings.seed,
    )
