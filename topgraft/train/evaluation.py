"""The evaluation of a run: every arm answers the test prompts once, then all metrics read the answers."""

import json
from dataclasses import asdict
from typing import Any

import torch

from topgraft.data.voices import read_voices
from topgraft.evaluate.responses import Arm, answer
from topgraft.evaluate.table import measure_all
from topgraft.objectives.preference import pair_accuracy
from topgraft.records import Demonstration, Evaluation, Response
from topgraft.rewards.verdict import read_verdict
from topgraft.runs.writing import write_json, write_whole
from topgraft.train.cost import Clock
from topgraft.train.settings import FROM_PAIRS, ON_POLICY
from topgraft.train.stages import comparisons
from topgraft.train.workplace import Workplace


def arms_of(place: Workplace) -> list[Arm]:
    """Base, then every policy that the stages trained."""
    arms = [Arm(name="base", slot=None, trained=False)]
    if "sft" in place.settings.stages:
        arms.append(Arm(name="sft", slot="sft"))
    for name in (*FROM_PAIRS, *ON_POLICY):
        if name in place.settings.stages:
            arms.append(Arm(name=name, slot=name, start=place.start_slot))
    return arms


def evaluate(place: Workplace) -> dict[str, Any]:
    """Answer, measure, and write evaluation/responses.jsonl and evaluation/results.json."""
    clock, arms = Clock(), arms_of(place)
    stage = place.run.stage("evaluate")
    responses: dict[str, list[Response]] = {}
    with place.screen.bar("evaluate", len(arms) + 1) as bar:
        for arm in arms:
            rows, sampling = place.splits.test, place.settings.sampling
            responses[arm.name] = answer(place.model, place.template, rows, arm, place.rewards, sampling)
            bar.advance({}, ())
        found = measure_all(_evaluation(place, responses), place.settings.evaluate.metrics)
        bar.advance({}, ())
    per_row = found.pop("per_row")
    records = [
        {
            "id": row.key,
            "problem": row.group,
            **{name: value for name, value in asdict(row).items() if name not in ("key", "group")},
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
        results["instruments"]["reward"] = _reward_instrument(place, responses["base"])
    place.cache.flush()
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
            "settings": place.settings.evaluate.model_dump(mode="json"),
        }
    )
    return results


def _reward_instrument(place: Workplace, base: list[Response]) -> dict[str, float]:
    """How often the reward model sets the test reference above Base's answer, beside how often the longer one is it."""
    rows = place.splits.test
    tokens, trunk = place.cache.get([(row.prompt, row.response) for row in rows])
    chosen_B = place.rewards["reward"](tokens, trunk).total_B.cpu()
    rejected_B = torch.tensor([row.reward for row in base])
    longer_B = tokens.counted_BT.sum(1).cpu()
    length_B = torch.tensor([row.tokens for row in base])
    return {
        "held_out_accuracy": pair_accuracy(chosen_B, rejected_B).mean().item(),
        "longer_wins": pair_accuracy(longer_B, length_B).mean().item(),
        "n": float(len(rows)),
    }


def _evaluation(place: Workplace, responses: dict[str, list[Response]]) -> Evaluation:
    """Gather what metrics may read. Texts for the style classifier come from training and validation rows only."""
    splits = place.splits
    others = read_voices(place.settings.evaluate.other_voices)
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
