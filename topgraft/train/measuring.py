"""Metrics over answers that are there: those that were just given, or those that stand in the run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from topgraft.data.levels import read_levels
from topgraft.data.reading import digest, read
from topgraft.data.splitting import Splits, split
from topgraft.data.voices import read_voices
from topgraft.errors import UserError
from topgraft.evaluate.metrics.clauses import clauses_of
from topgraft.evaluate.records import Evaluation, Response
from topgraft.evaluate.settings import EvaluateSettings
from topgraft.evaluate.stored import from_lines, to_lines
from topgraft.evaluate.table import measure_all
from topgraft.recipe import to_toml
from topgraft.records import Demonstration
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json, write_whole
from topgraft.train.pairing import comparisons
from topgraft.train.plan import Plan
from topgraft.train.reopening import plan_of


def with_changes(run: RunFolder, metrics: str | None, sets: Sequence[str]) -> Plan:
    """What the run did, with another list of metrics ("a,b", or "+a,b" for those of the recipe and more) and other
    values of [evaluate]. Raises UserError for settings that would change what was trained."""
    for text in sets:
        if not text.strip().startswith("evaluate."):
            raise UserError(f"--set {text}: of a finished run only [evaluate] can change. Run it anew for the rest.")
    plan = plan_of(run, sets)
    if metrics is None:
        return plan
    names = [name.strip() for name in metrics.removeprefix("+").split(",") if name.strip()]
    if metrics.startswith("+"):
        names = list(dict.fromkeys([*plan.settings.evaluate.metrics, *names]))
    if not names:
        raise UserError(f"--metrics '{metrics}' names no metric. Write --metrics bleu,length, for instance.")
    return plan_of(run, [*sets, f"evaluate.metrics={json.dumps(names)}"])


def measure(
    run: RunFolder, plan: Plan, splits: Splits, responses: Mapping[str, list[Response]]
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """What evaluation/results.json holds, and every answer's SAC (arm -> values), where that was measured."""
    settings = plan.settings
    found = measure_all(_evaluation(run, plan, splits, responses), settings.evaluate.metrics, plan.starts())
    style = found.pop("per_row").get("sac", {})
    return {"recipe": settings.name, "seed": settings.seed, **found}, style


def keep(run: RunFolder, responses: Mapping[str, list[Response]], style: Mapping[str, list[float]]) -> None:
    """Write evaluation/responses.jsonl."""
    lines = (json.dumps(line, ensure_ascii=False) for line in to_lines(responses, style))
    run.write(run.responses_file, "".join(line + "\n" for line in lines))


def measure_stored(run: RunFolder, plan: Plan) -> dict[str, Any]:
    """Measure the answers that stand in the run folder: no model of the run is loaded, and what its models said of the
    answers (rewards and their parts, KL, preferences) stays. Writes evaluation/results.json, and the recipe."""
    settings, before = plan.settings, run.results()
    splits = split(read(settings.data), settings.data.split, settings.data.split_seed)
    rows = [*splits.train, *splits.test, *splits.validation]
    if run.provenance()["data"]["digest"] != digest(rows):
        raise UserError(f"The data of {run.path} have changed since the run began. Restore them, or run it again.")
    responses = _stored(run, settings.evaluate, splits.test)
    results, style = measure(run, plan, splits, responses)
    if style:
        keep(run, responses, style)
    if "reward" in before.get("instruments", {}):  # the reward model's own accuracy, which only it can say
        results["instruments"]["reward"] = before["instruments"]["reward"]
    write_json(run.results_file, results)
    run.seal_evaluation()
    stage = run.stage("evaluate")
    stage.finish({**stage.summary(), "settings": settings.evaluate.model_dump(mode="json")})
    write_whole(run.recipe_file, to_toml(settings))
    return results


def _stored(run: RunFolder, settings: EvaluateSettings, rows: Sequence[Demonstration]) -> dict[str, list[Response]]:
    """The answers in the run folder. Raises UserError where there are none, or the settings ask for others."""
    again = f"Leave --stored out to have the prompts answered again: topgraft evaluate {run.path}."
    responses = from_lines(run.whole_responses())
    if not responses:
        raise UserError(f"{run.path} holds no answers (evaluation/responses.jsonl). {again}")
    made = run.stage("evaluate").summary().get("settings", {})
    for name, asked in (("decoding", settings.decoding), ("samples", settings.samples)):
        if made.get(name, asked) != asked:
            raise UserError(
                f"evaluate.{name} is {asked!r}, and the stored answers were made with {made[name]!r}. {again}"
            )
    category = {row.key: row.category for row in rows}
    return {
        arm: [replace(row, category=category.get(row.key, "")) for row in found] for arm, found in responses.items()
    }


def _evaluation(run: RunFolder, plan: Plan, splits: Splits, responses: Mapping[str, list[Response]]) -> Evaluation:
    """Gather what metrics may read. Texts for the style classifier come from training and validation rows only."""
    settings, asked = plan.settings, plan.settings.evaluate
    others = read_voices(asked.other_voices)
    sampled: dict[str, list[str]] = {}
    if "pairs" in plan.steps:
        for pair in comparisons(run, "pairs"):
            sampled.setdefault(pair.key, []).append(pair.rejected)

    def target(rows: list[Demonstration]) -> list[tuple[str, str]]:
        return [(row.group, row.response) for row in rows if row.response]

    def other(rows: list[Demonstration]) -> list[tuple[str, str]]:
        found = []
        for row in rows:
            found += [(row.group, text) for text in sampled.get(row.key, [])]
            found += [(row.group, record["feedback"]) for record in others.get(row.key, [])]
        return found

    rows = [*splits.train, *splits.validation, *splits.test]
    verdict_texts: dict[str, list[tuple[bool, str]]] = {}
    for row in rows:
        if row.correct is not None:
            if row.response:
                verdict_texts.setdefault("reference", []).append((row.correct, row.response))
            for record in others.get(row.key, []):
                verdict_texts.setdefault(record["voice"], []).append((row.correct, record["feedback"]))
    return Evaluation(
        responses=dict(responses),
        target_texts=target(splits.train),
        other_texts=other(splits.train),
        held_out_target=target(splits.validation),
        held_out_other=other(splits.validation),
        verdict_texts=verdict_texts,
        seed=settings.seed,
        clauses=clauses_of(asked.clauses, rows),
        terms=asked.terms,
        insults=asked.toxicity.score_all,
        perplexity_model=asked.perplexity_model,
        base=settings.model.name,
        starts=plan.starts(),
        drawn=asked.decoding == "sampled",
        training=splits.train,
        levels=asked.strictness.levels,
        level_texts=read_levels(asked.strictness.texts),
    )
