"""Figures for papers: the pipeline, reward and KL, learning curves, with captions."""

from topgraft.recipe import read_toml
from topgraft.report.document import Figures, Fold, Section, Text
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.paper_curves import draw_learning, draw_reward_and_kl, read_aim
from topgraft.report.figures.paper_pipeline import draw_paper_pipeline
from topgraft.report.words.numbers import number
from topgraft.report.words.results import mapping
from topgraft.report.words.roles import stage_title
from topgraft.report.words.text import slug, tidy
from topgraft.runs import RunFolder


def paper_section(run: RunFolder) -> Section | None:
    """Return the figures that a paper takes as they are; None where the run has nothing to draw."""
    provenance = tidy(run.provenance())
    summaries = {stage.name: tidy(stage.summary()) for stage in run.stages()}
    pipeline, curves = draw_paper_pipeline(provenance, summaries), _curves(run, provenance)
    if pipeline is None and not curves:
        return None
    told = (
        "Each as SVG and PDF in figures/, in greys or with a second sign beside colour, with letters of 8 points at "
        "least at its own size. A caption says all that is needed to read its figure."
    )
    blocks = [Text(text=told)]
    shown = [Figures(drawings=[pipeline], source="provenance.json, stages/*/stage.json")] if pipeline else []
    folded = Figures(drawings=curves, source="stages/*/metrics.jsonl")
    folds = [Fold(title=f"Curves for papers ({len(curves)})", blocks=[folded])] if curves else []
    return Section(anchor="paper", title="Figures for papers", blocks=[*blocks, *shown, *folds])


def _curves(run: RunFolder, provenance: dict) -> list[Drawing]:
    recipe = tidy(read_toml(run.recipe_file)) if run.recipe_file.exists() else {}
    arms, name = mapping(provenance.get("arms")), provenance.get("recipe")
    whose = f"the recipe {name}" if name else "this run"
    if provenance.get("seed") is not None:
        whose += f" (seed {provenance['seed']})"
    drawn, taken = [], set[str]()
    for stage in run.stages():
        metrics, summary = tidy(stage.metrics()), tidy(stage.summary())
        if not metrics:
            continue
        kind = str(summary.get("algorithm") or stage.name)
        at = (slug(stage.name, taken), stage_title(stage.name, kind), whose, metrics)
        drawn.append(draw_reward_and_kl(*at, read_aim(recipe, stage.name, kind, arms)))
        drawn.append(draw_learning(*at, number(summary.get("best_step"))))
    return [found for found in drawn if found]
