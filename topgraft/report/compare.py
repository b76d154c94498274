"""Write the page, the table and the figures of several runs side by side, from comparison.json and the run folders."""

import json
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.report.compare_tables import RESULTS, differing, gains, pairs, values
from topgraft.report.document import Block, Document, Figures, Fold, Section, Text, drawings_of
from topgraft.report.export import results_csv
from topgraft.report.figures.compare import draw_curves, draw_values
from topgraft.report.formats.page import page, write_figures
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole


def write_comparison(folder: Path) -> Path:
    """Write compare.html, results.csv and figures/ beside the results.json of a comparison; the page's path."""
    file = folder / RESULTS
    if not file.exists():
        raise UserError(f"{folder} holds no comparison (no {RESULTS}). Make one with `topgraft compare RUN RUN`.")
    found = tidy(json.loads(file.read_text(encoding="utf-8")))
    sections = _sections(found)
    blocks = [block for section in sections for block in section.blocks]
    write_figures(folder / "figures", list(drawings_of(blocks)))
    write_whole(folder / "results.csv", results_csv(found))
    document = Document(
        kicker="topgraft compare",
        title="Runs side by side",
        lead=_opening(found),
        about="",
        facts=[],
        notices=[Text(text=caution, notice=True) for caution in found["cautions"]],
        sections=sections,
    )
    write_whole(folder / "compare.html", page(document, [RESULTS, "results.csv"]))
    return folder / "compare.html"


def _opening(found: dict[str, Any]) -> str:
    """The comparison in two sentences."""
    runs = [run["name"] for run in found["runs"]]
    text = f"{len(runs)} runs side by side: {', '.join(runs)}."
    for names in found["groups"].values():
        whole = "They" if len(names) == len(runs) else ", ".join(names)
        text += f" {whole} differ in the seed alone."
    if not found["groups"]:
        keys = list(found["settings"])
        text += f" They differ in {len(keys)} setting{'s' if len(keys) != 1 else ''}" + (f", {keys[0]}" if keys else "")
        text += " and others." if len(keys) > 1 else "."
    return text


def _sections(found: dict[str, Any]) -> list[Section]:
    runs = {run["name"]: RunFolder(Path(run["path"])) for run in found["runs"]}
    results: list[Block] = [*values(found)]
    drawn = draw_values(found)
    if drawn:
        results.append(Figures(drawings=drawn, source=RESULTS))
    parts = [("differences", "What differs", differing(found)), ("results", "Results", results)]
    parts += [("gains", "Gains within each run", gains(found)), ("pairs", "Paired between runs", pairs(found))]
    curves = draw_curves(runs)
    shown = [drawing for drawing in curves if not drawing.diagnostic]
    rest = [drawing for drawing in curves if drawing.diagnostic]
    source = "stages/*/metrics.jsonl of each run"
    blocks: list[Block] = [Figures(drawings=shown, source=source)] if shown else []
    if rest:
        blocks.append(Fold(title=f"More curves ({len(rest)})", blocks=[Figures(drawings=rest, source=source)]))
    parts.append(
        ("curves", "Curves", blocks or [Text(text="No stage that two runs have in common has logged a step.")])
    )
    return [Section(anchor=anchor, title=title, blocks=blocks) for anchor, title, blocks in parts if blocks]
