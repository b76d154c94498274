"""The section "Layers" and its figure, from layers/results.json alone."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fake_run import SCRIPT, build, entry

from topgraft.report import write_report
from topgraft.report.document import Figures, Fold, Table, Text
from topgraft.report.figures.layers import PANELS, draw_impact, draw_panels, mean_of
from topgraft.report.parts.layers import (
    block_rows,
    difference_rows,
    layers_section,
    recommendation,
    window_rows,
    write_layers,
)
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json


def results(**changes: Any) -> dict[str, Any]:
    """Four blocks, windows of two, two seeds; the first window is best but not shown to be."""
    arms = {name: {"metrics": {"test_loss": entry(loss, 0.25, 8)}} for name, loss in (("last-2", 2.5), ("all", 2.0))}
    scores = {name: {"seeds": [[0.1, 0.2, 0.3, 0.4], [0.3, 0.4, 0.5, 0.6]]} for name in ("change", "removed", "alone")}
    probe = {"accuracy": [[0.7, 0.8, 0.9, 1.0, 0.9]] * 2, "control": [[0.5] * 5, [0.4] * 5]}
    scores["probe"] = {"seeds": [[0.3, 0.4, 0.5, 0.4], [0.4, 0.5, 0.6, 0.5]], **probe}
    scores["gradient"] = {"seeds": [[1e-3] * 4, [3e-3] * 4], "control": [[2e-3] * 4] * 2}
    scores["single"] = {"seeds": [[0.5, None, 0.1, 0.2], [0.7, None, 0.3, 0.4]]}
    windows = [
        {"name": "all", "kind": "all", "blocks": [0, 1, 2, 3], "loss": [2.0, 2.0], "share": [1.0, 1.0]},
        {"name": "blocks 0-1", "kind": "window", "blocks": [0, 1], "loss": [2.25, 2.75], "share": [0.875, 0.625]},
        {"name": "blocks 2-3", "kind": "window", "blocks": [2, 3], "loss": [2.5, 2.75], "share": [0.75, 0.625]},
        {"name": "random-2", "kind": "random", "blocks": [], "loss": [3.0, 3.0], "share": [0.5, 0.5]},
    ]
    lead = {"value": 0.125, "low": -0.1, "high": 0.3, "n": 6}
    return {
        "depth": 4,
        "window": 2,
        "epochs": 3,
        "seeds": [42, 43],
        "arms": arms,
        "directions": {"test_loss": "lower"},
        "comparisons": [
            {"name": "test_loss", "arm": "last-2", "against": "all", "value": 0.5, "low": 0.25, "high": 0.75, "n": 8},
            {"name": "test_loss", "arm": "last-2", "against": "base", "value": -1.5, "low": -2.0, "high": -1.0, "n": 8},
            {"name": "test_loss", "arm": "last-2", "against": "x", "value": 0.0, "low": -0.5, "high": 0.5, "n": 8},
            {"name": "test_loss", "arm": "last-2", "against": "y", "value": 0.0, "low": None, "high": None, "n": 8},
        ],
        "validation": {"base": 4.0, "all": 2.0, "n": 6},
        "blocks": scores,
        "windows": [{"trainable": 1200, **one} for one in windows],
        "spearman": {"scores": ["probe", "change"], "n": 4, "rho": [[1.0, 0.4], [0.4, None]]},
        "jaccard": 0.5,
        "recommendation": {
            "blocks": [2, 3],
            "best": [0, 1],
            "separated": False,
            "lead": lead,
            "lead_by_seed": [0.25, 0.0],
            "choice_by_seed": [[0, 1], [2, 3]],
            "why": "blocks 0-1 have the lowest validation loss but are not separated.",
        },
        **changes,
    }


def folder(path: Path, **changes: Any) -> RunFolder:
    write_json(path / "layers" / "results.json", results(**changes))
    return RunFolder(path)


def test_a_run_without_a_discovery_has_no_section(tmp_path):
    assert layers_section(RunFolder(tmp_path)) is None


def test_the_words_say_what_is_recommended_why_and_how_sure_that_is():
    lines = recommendation(results())
    assert lines[0] == "Recommended: blocks 2-3 of 4 (model.layers = [2, 3])."
    assert lines[1] == "blocks 0-1 have the lowest validation loss but are not separated."
    assert "The lead of blocks 0-1 over the last 2 is 0.12 [−0.10, 0.30] nats a token on 6 validation rows" in lines[2]
    assert "by seed 0.250, 0." in lines[2]
    assert lines[3] == (
        "On test rows their loss is lower than with base, higher than with all, not separated from that with x."
    )
    assert "Each seed alone would choose 0-1, 2-3: mean Jaccard index 0.500" in lines[4]
    found = results()["recommendation"]
    alone = recommendation(results(recommendation=found | {"best": [2, 3]}, jaccard=None))
    assert len(alone) == 3, "the last blocks have no lead over themselves, and one seed agrees with nobody"


def test_tables_hold_means_over_seeds_and_mark_the_recommended_blocks():
    header, rows = block_rows(results())
    assert header[0] == "block"
    assert [row[0] for row in rows] == ["  0", "  1", "> 2", "> 3"]
    assert [row[header.index("weight change")] for row in rows] == ["0.200", "0.300", "0.400", "0.500"]
    assert [row[header.index("trained alone")] for row in rows] == ["0.600", "–", "0.200", "0.300"]
    header, rows = window_rows(results())
    assert rows[0] == ["base", "0", "4.0000", "0.000", "–"]
    assert rows[2] == ["blocks 0-1", "1,200", "2.5000", "0.750", "0.625 to 0.875"]


def test_differences_say_whether_they_are_separated():
    _, rows = difference_rows(results())
    assert [row[-1] for row in rows] == ["no, higher", "yes", "not separated", "–"]
    assert rows[1][0] == "last-2 - base"
    assert rows[1][1] == "−1.50 [−2.00, −1.00]"


def test_the_section_names_its_file_and_who_took_the_blocks(tmp_path):
    run = folder(tmp_path)
    write_json(tmp_path / "layers" / "used.json", {"blocks": [2, 3], "by": ["model", "arms.x.model"]})
    section = layers_section(run)
    assert section is not None
    inner = [block for fold in section.blocks if isinstance(fold, Fold) for block in fold.blocks]
    sourced = [block for block in [*section.blocks, *inner] if isinstance(block, Table | Figures)]
    assert len(sourced) == 6
    assert all(block.source.startswith("layers/results.json") for block in sourced)
    words = " ".join(block.text for block in section.blocks if isinstance(block, Text))
    assert 'asked for model.layers = "auto" and arms.x.model.layers = "auto" and took blocks 2-3 from here' in words


def test_panels_show_means_seeds_and_controls(tmp_path):
    drawn = draw_panels(results())
    assert [drawing.name for drawing in drawn] == [f"layers-{panel.name}" for panel in PANELS]
    for drawing in [*drawn, draw_impact(results())]:
        ElementTree.fromstring(drawing.svg)
        assert drawing.pdf.startswith(b"%PDF")
        assert ">Block<" in drawing.svg
    probe, norms, _, single, windows = drawn
    assert ">random labels<" in probe.svg
    assert ">embeddings<" in probe.svg
    assert ">other voices<" in norms.svg
    assert "single 0.600, –, 0.200, 0.300" in single.alt
    assert "blocks 0-1 0.750, blocks 2-3 0.688, random-2 0.500" in windows.alt
    assert mean_of([[1.0, None], [3.0, None]]) == [2.0, None]


def test_the_figure_for_papers_stands_beside_the_results(tmp_path):
    run = folder(tmp_path)
    assert write_layers(run) == tmp_path / "layers" / "figures" / "layer-impact.svg"
    assert (tmp_path / "layers" / "figures" / "layer-impact.pdf").read_bytes().startswith(b"%PDF")


def test_the_page_shows_the_section_and_no_text_as_markup(tmp_path):
    run = build(tmp_path)
    folder(tmp_path, recommendation=results()["recommendation"] | {"why": SCRIPT})
    page = write_report(run).read_text(encoding="utf-8")
    assert ">Layers</h2>" in page
    assert "Recommended: blocks 2-3 of 4" in page
    assert SCRIPT not in page
    assert (run.report / "figures" / "layers-windows.pdf").exists()
