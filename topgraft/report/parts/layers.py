"""The section "Layers": which blocks carry the voice, from the run's layers/results.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from topgraft.report.document import Block, Figures, Fold, Section, Table, Text
from topgraft.report.figures.layers import draw_impact, draw_panels, mean_of
from topgraft.report.words.numbers import MISSING, decimals, number, plain, show
from topgraft.report.words.results import label, lone_cell
from topgraft.report.words.tables import final_table
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole

SOURCE = "layers/results.json"
HEADS = {
    "probe": "probe",
    "gradient": "gradient",
    "change": "weight change",
    "removed": "lost without",
    "alone": "kept alone",
    "single": "trained alone",
}
"""Score -> its column."""
Rows = tuple[list[str], list[list[str]]]
"""A header and the rows below it."""


def read_layers(run: RunFolder) -> dict[str, Any] | None:
    """What a discovery in the run's folder came to; None where there is none."""
    file = run.path / SOURCE
    return tidy(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def write_layers(run: RunFolder) -> Path:
    """Write the figure "layer impact" as SVG and PDF beside the results; the SVG's path."""
    results = read_layers(run)
    assert results is not None
    drawn, folder = draw_impact(results), run.path / "layers" / "figures"
    write_whole(folder / f"{drawn.name}.pdf", drawn.pdf)
    write_whole(folder / f"{drawn.name}.svg", drawn.svg)
    return folder / f"{drawn.name}.svg"


def layers_section(run: RunFolder) -> Section | None:
    """The measures of the blocks, the windows, their test, and what is recommended."""
    results = read_layers(run)
    if results is None:
        return None
    lines = recommendation(results)
    blocks: list[Block] = [Text(text=" ".join(lines)), *_taken(run)]
    blocks.append(Figures(drawings=draw_panels(results), source=f"{SOURCE}, blocks and windows"))
    header, rows = window_rows(results)
    trained = (
        f"Short trainings, each of {results['epochs']} passes, with {len(results['seeds'])} seeds; the loss is that on "
        f"{results['validation']['n']} validation rows, by which a window is chosen. Share: of the fall in loss that "
        "training all blocks brings."
    )
    blocks.append(_table("Windows", header, rows, trained))
    header, *rows = final_table(results) or [["arm"]]
    blocks.append(
        _table(
            "Arms on test rows", header, rows, "Test rows, which chose nothing: value [95 % interval over problems]."
        )
    )
    blocks.append(_table("Recommended against the others", *difference_rows(results), "Test loss, paired by row."))
    more = [_table("Blocks", *block_rows(results), "Means over seeds; > marks the recommended blocks.")]
    more.append(_table("Rank correlation", *correlation_rows(results), _correlations(results)))
    blocks.append(Fold(title="Every block, and how far the measures agree", blocks=more))
    return Section(anchor="layers", title="Layers", blocks=blocks)


def _table(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Table:
    numeric = frozenset(range(1, len(header)))
    return Table(name=name, header=header, rows=rows, caption=caption, source=SOURCE, numeric=numeric)


def _taken(run: RunFolder) -> list[Text]:
    """Who of the run took the blocks by "auto"."""
    file = run.path / "layers" / "used.json"
    if not file.exists():
        return []
    used = tidy(json.loads(file.read_text(encoding="utf-8")))
    who = " and ".join(f'{path}.layers = "auto"' for path in used["by"])
    return [Text(text=f"This run asked for {who} and took {_called(used['blocks'])} from here.")]


def _correlations(results: dict[str, Any]) -> str:
    return (
        f"Spearman's rho between the measures' means over {results['spearman']['n']} blocks. Neighbouring blocks are "
        "not independent: these are descriptions, not tests."
    )


def recommendation(results: dict[str, Any]) -> list[str]:
    """What is recommended, why, and how sure that is, in sentences."""
    found = results["recommendation"]
    lines = [
        f"Recommended: {_called(found['blocks'])} of {results['depth']} (model.layers = {found['blocks']}).",
        found["why"],
    ]
    if found["best"] != _last(results):
        lead, seeds = lone_cell(found["lead"]), ", ".join(plain(gap) for gap in found["lead_by_seed"])
        lines.append(
            f"The lead of {_called(found['best'])} over the last {results['window']} is {lead.text} nats a token on "
            f"{lead.n} validation rows; by seed {seeds}."
        )
    lines += _tested(results)
    if results["jaccard"] is not None:
        each = ", ".join(_called(blocks).partition(" ")[2] for blocks in found["choice_by_seed"])
        lines.append(
            f"Each seed alone would choose {each}: mean Jaccard index {plain(results['jaccard'])}, where 1 is the same "
            "each time."
        )
    return lines


def _tested(results: dict[str, Any]) -> list[str]:
    """What the recommended blocks are shown to beat on test rows, and what not."""
    said = {"yes": "lower than with", "no, higher": "higher than with", "not separated": "not separated from that with"}
    found = {
        reading: [item["against"] for item in results["comparisons"] if _reading(item) == reading] for reading in said
    }
    parts = [f"{said[reading]} {'; '.join(others)}" for reading, others in found.items() if others]
    return [f"On test rows their loss is {', '.join(parts)}."] if parts else []


def _last(results: dict[str, Any]) -> list[int]:
    return list(range(results["depth"] - results["window"], results["depth"]))


def _called(blocks: list[int]) -> str:
    if len(blocks) == 1:
        return f"block {blocks[0]}"
    together = blocks == list(range(blocks[0], blocks[-1] + 1))
    return f"blocks {blocks[0]}-{blocks[-1]}" if together else f"blocks {', '.join(map(str, blocks))}"


def block_rows(results: dict[str, Any]) -> Rows:
    """Every block's scores, means over seeds."""
    names, chosen = list(HEADS), results["recommendation"]["blocks"]
    columns = []
    for name in names:
        values = mean_of(results["blocks"][name]["seeds"])
        places = decimals(values)
        columns.append([show(value, places) for value in values])
    rows = [
        [f"{'>' if block in chosen else ' '} {block}", *(column[block] for column in columns)]
        for block in range(results["depth"])
    ]
    return ["block", *HEADS.values()], rows


def window_rows(results: dict[str, Any]) -> Rows:
    """Every kind of training with its validation loss and its share of the gain, and the share's range over seeds."""
    rows = [["base", "0", show(results["validation"]["base"], 4), show(0.0, 3), MISSING]]
    for one in results["windows"]:
        shares = [number(value) for value in one["share"]]
        known = [value for value in shares if value is not None]
        spread = f"{show(min(known), 3)} to {show(max(known), 3)}" if known else MISSING
        mean = show(fmean(known), 3) if known else MISSING
        rows.append([one["name"], plain(one["trainable"]), show(fmean(one["loss"]), 4), mean, spread])
    return ["trained", "weights", "loss", "share", "share over seeds"], rows


def difference_rows(results: dict[str, Any]) -> Rows:
    """The recommended blocks' test loss less that of every other arm."""
    found = results["comparisons"]
    rows = [
        [f"{item['arm']} - {item['against']}", lone_cell(item).text, plain(item["n"]), _reading(item)] for item in found
    ]
    return ["", label("test_loss"), "n", "lower?"], rows


def _reading(item: dict[str, Any]) -> str:
    low, high = number(item["low"]), number(item["high"])
    if low is None or high is None:
        return MISSING
    return "yes" if high < 0 else "no, higher" if low > 0 else "not separated"


def correlation_rows(results: dict[str, Any]) -> Rows:
    """Spearman's rho between every two scores."""
    names = [HEADS[name] for name in results["spearman"]["scores"]]
    rows = [
        [name, *(show(number(value), 2) for value in row)]
        for name, row in zip(names, results["spearman"]["rho"], strict=True)
    ]
    return ["", *names], rows
