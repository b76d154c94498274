"""The evaluation of a run: every arm answers the test prompts once, then all metrics read the answers."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.evaluate.ca import read_verdict
from topgraft.evaluate.responses import Arm, answer
from topgraft.evaluate.table import measure_all
from topgraft.records import Demonstration, Evaluation, Response
from topgraft.runs.writing import write_json, write_whole
from topgraft.train.cost import Clock
from topgraft.train.stages import comparisons
from topgraft.train.workplace import Workplace

SHIPPED = Path(__file__).resolve().parent.parent / "shipped"


def arms_of(place: Workplace) -> list[Arm]:
    """Base, then every policy that the stages trained."""
    arms = [Arm(name="base", slot=None, trained=False)]
    if "sft" in place.settings.stages:
        arms.append(Arm(name="sft", slot="sft"))
    if "ppo" in place.settings.stages:
        arms.append(Arm(name="ppo", slot="ppo", start=place.start_slot))
    return arms


def evaluate(place: Workplace) -> dict[str, Any]:
    """Answer, measure, and write evaluation/responses.jsonl and evaluation/results.json."""
    clock, arms = Clock(), arms_of(place)
    stage = place.run.stage("evaluate")
    responses: dict[str, list[Response]] = {}
    with place.screen.bar("evaluate", len(arms) + 1) as bar:
        for arm in arms:
            responses[arm.name] = answer(place.model, place.template, place.splits.test, arm, place.rewards)
            bar.advance({}, ())
        found = measure_all(_evaluation(place, responses), place.settings.evaluate.metrics)
        bar.advance({}, ())
    per_row = found.pop("per_row")
    records = [
        {
            **asdict(row),
            "id": row.key,
            "problem": row.group,
            "verdict": {True: "correct", False: "incorrect", None: None}[read_verdict(row.response)],
            "sac": per_row.get("sac", {}).get(arm, [None] * len(rows))[number],
        }
        for arm, rows in responses.items()
        for number, row in enumerate(rows)
    ]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    write_whole(place.run.responses_file, lines)
    results = {"recipe": place.settings.name, "seed": place.settings.seed, **found}
    if "reward" in place.rewards:
        results["instruments"]["reward"] = _reward_instrument(place)
    write_json(place.run.results_file, results)
    tokens = sum(row.tokens for rows in responses.values() for row in rows)
    stage.finish(
        {
            "stage": "evaluate",
            "algorithm": "greedy decoding and metrics",
            "seconds": round(clock.seconds, 2),
            "peak_memory_bytes": clock.peak_memory_bytes,
            "steps": len(arms),
            "tokens": tokens,
            "trunk_passes_per_token": None,
        }
    )
    return results


def _reward_instrument(place: Workplace) -> dict[str, float]:
    held = {row.key for row in place.splits.validation}
    pairs = [row for row in comparisons(place) if row.key in held]
    final = place.run.stage("reward").metrics()
    best = min((row for row in final if "eval/loss" in row), key=lambda row: row["eval/loss"], default={})
    return {"held_out_accuracy": best.get("eval/accuracy", float("nan")), "n": float(len(pairs))}


def _evaluation(place: Workplace, responses: dict[str, list[Response]]) -> Evaluation:
    """Gather what metrics may read. Texts for the style classifier come from training and validation rows only."""
    splits = place.splits
    others = _other_voices(place)
    sampled: dict[str, list[str]] = {}
    if "pairs" in place.settings.stages:
        for pair in comparisons(place):
            sampled.setdefault(pair.key, []).append(pair.rejected)

    def target(rows: list[Demonstration]) -> list[tuple[str, str]]:
        return [(row.group, row.response) for row in rows]

    def other(rows: list[Demonstration]) -> list[tuple[str, str]]:
        found = []
        for row in rows:
            found += [(row.group, text) for text in sampled.get(row.key, [])]
            found += [(row.group, record["feedback"]) for record in others.get(row.key, [])]
        return found

    every = [*splits.train, *splits.validation, *splits.test]
    known = [row for row in every if row.correct is not None]
    neutral = [
        (row.correct, record["feedback"])
        for row in known
        for record in others.get(row.key, [])
        if record["voice"] == "neutral" and row.correct is not None
    ]
    return Evaluation(
        responses=responses,
        target_texts=target(splits.train),
        other_texts=other(splits.train),
        held_out_target=target(splits.validation),
        held_out_other=other(splits.validation),
        verdict_texts=[(row.correct, row.response) for row in known if row.correct is not None] + neutral,
        seed=place.settings.seed,
    )


def _other_voices(place: Workplace) -> dict[str, list[dict[str, Any]]]:
    """Answers in other voices by row key; empty where the recipe names none."""
    name = place.settings.evaluate.other_voices
    if not name:
        return {}
    path = SHIPPED / f"{name}.json" if (SHIPPED / f"{name}.json").exists() else Path(name)
    if not path.exists():
        raise UserError(f"evaluate.other_voices = '{name}': there is no such file, nor a shipped one of that name.")
    found: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        found.setdefault(record["id"], []).append(record)
    return found
