"""Write a run's report: the page, the tables and the figures, from the run folder alone."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from topgraft.errors import UserError
from topgraft.report import comparisons, samples, story, tables, warned
from topgraft.report.bars import draw_bars
from topgraft.report.curves import draw_panel, panels
from topgraft.report.document import drawings_of
from topgraft.report.drawing import Drawing
from topgraft.report.export import results_csv, results_json, results_tex
from topgraft.report.frontier import draw_frontier
from topgraft.report.instruments import instruments
from topgraft.report.lineage import arms_table
from topgraft.report.numbers import plain
from topgraft.report.pipeline import draw_pipeline
from topgraft.report.results import mapping
from topgraft.report.roles import stage_title
from topgraft.report.sections import further_sections
from topgraft.report.story import Stage
from topgraft.report.text import slug, tidy
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole

HERE = Path(__file__).parent


def write_report(run: RunFolder) -> Path:
    """Write everything under `run.report` and return the page's path; an unfinished run gives a page too.

    Example: `write_report(RunFolder(Path("runs/professor")))` -> runs/professor/report/index.html.
    """
    if not any((run.path / name).exists() for name in ("provenance.json", "stages", "evaluation", "recipe.toml")):
        raise UserError(
            f"'{run.path}' is not a run folder: it has no provenance.json, recipe.toml, stages/ or "
            "evaluation/. Give the folder that `topgraft run --out` wrote."
        )
    provenance, results = tidy(run.provenance()), tidy(run.results())
    results.setdefault("recipe", provenance.get("recipe"))
    results.setdefault("seed", provenance.get("seed"))
    stages = _stages(run, provenance)
    pipeline = draw_pipeline(provenance, {stage.name: stage.summary for stage in stages})
    bars, frontier = draw_bars(results), draw_frontier(results, provenance)
    _draw_stages(stages)
    sections = further_sections(run)
    drawn = [*pipeline, *bars, *frontier, *(drawing for stage in stages for drawing in stage.drawings)]
    drawn += drawings_of(block for section in sections for block in section.blocks)
    write_figures(run.report / "figures", drawn)
    write_whole(run.report / "results.json", results_json(results))
    write_whole(run.report / "results.csv", results_csv(results))
    model = mapping(provenance.get("model")).get("name")
    write_whole(run.report / "results.tex", results_tex(results, {"model": model}))
    context = {
        **_words(run, provenance, results, stages),
        **_samples(run),
        "pipeline": pipeline,
        "sections": sections,
        "frontier": frontier,
        "bars": [drawing for drawing in bars if "metric" in drawing.tags],
        "joint": [drawing for stage in stages for drawing in stage.drawings if "joint" in drawing.tags],
    }
    page = run.report / "index.html"
    write_whole(page, render("page.html.jinja", context))
    return page


def _stages(run: RunFolder, provenance: dict[str, Any]) -> list[Stage]:
    """Read every stage that is planned or begun, in order."""
    planned = provenance.get("stages")
    names = [str(name) for name in planned] if isinstance(planned, list) else []
    folders = {folder.name: folder for folder in run.stages()}
    complete = bool(provenance.get("finished"))
    stages: list[Stage] = []
    for name in dict.fromkeys([*names, *folders]):
        folder = folders.get(name)
        summary = tidy(folder.summary()) if folder else {}
        finished = folder.finished if folder else name == "evaluate" and run.results_file.exists()
        stages.append(
            Stage(
                name=name,
                title=stage_title(name, summary.get("algorithm")),
                state=story.state(finished, folder is not None, complete),
                summary=summary,
                metrics=tidy(folder.metrics()) if folder else [],
                samples=tidy(folder.samples()) if folder else [],
                warnings=warned.warnings(tidy(folder.warnings())) if folder else [],
                anchor=f"stage-{len(stages) + 1}",
            )
        )
    return stages


def _draw_stages(stages: list[Stage]) -> None:
    """Draw each stage's curves into it."""
    taken = set[str]()
    for stage in stages:
        if not stage.metrics:
            continue
        stem = slug(stage.name, taken)
        best = stage.summary.get("best_step")
        drawn = [draw_panel(stage.title, stem, panel, stage.metrics, best) for panel in panels(stage.metrics)]
        stage.drawings = [drawing for drawing in drawn if drawing]


def write_figures(folder: Path, drawn: list[Drawing]) -> None:
    """Write the figures, then remove those of an earlier report that no longer exist."""
    written = set()
    for drawing in drawn:
        for ending, content in ((".svg", drawing.svg), (".pdf", drawing.pdf)):
            if content:
                write_whole(folder / f"{drawing.name}{ending}", content)
                written.add(f"{drawing.name}{ending}")
    for path in folder.glob("*.*") if folder.is_dir() else ():
        if path.suffix in (".svg", ".pdf") and path.name not in written:
            path.unlink()


def _words(run: RunFolder, provenance: dict[str, Any], results: dict[str, Any], stages: list[Stage]) -> dict[str, Any]:
    """Collect everything on the page that is text or a table."""
    recipe = str(results.get("recipe") or "")
    settings = run.recipe_file.read_text(encoding="utf-8", errors="replace") if run.recipe_file.exists() else ""
    return {
        "recipe": recipe,
        "about": str(provenance.get("about") or ""),
        "opening": story.opening(recipe, provenance, stages),
        "facts": story.key_facts(provenance, stages),
        "unfinished": [] if provenance.get("finished") else [stage for stage in stages if stage.state != "finished"],
        "warned": [stage for stage in stages if stage.warnings],
        "complete": bool(provenance.get("finished")),
        "stages": stages,
        "headline": tables.headline(results),
        "arms": arms_table(provenance, {stage.name: stage.summary for stage in stages}),
        "matrix": comparisons.matrix(results),
        "winners": comparisons.winners(results),
        "instruments": instruments(results),
        "cost": story.cost_table(stages),
        "settings": tidy(settings),
        "provenance": story.flat({key: value for key, value in provenance.items() if key != "command"}),
        "command": story.command(provenance),
        "citation": story.citation(recipe, provenance),
        "version": str(provenance.get("topgraft") or ""),
    }


def _samples(run: RunFolder) -> dict[str, Any]:
    rows = samples.side_by_side(tidy(run.responses()))
    return {
        "first": rows[: samples.FIRST],
        "rest": rows[samples.FIRST : samples.MOST],
        "left_out": max(0, len(rows) - samples.MOST),
        "row_count": len(rows),
    }


def render(template: str, context: dict[str, Any]) -> str:
    """Fill a template of this folder; all data are escaped, only our own style sheet and drawings are not."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["drawing"] = lambda drawing: Markup(drawing.inline)
    css = (HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=Markup(css), **context)
