"""The sections "By category" and "Classifiers", from results.json alone."""

import re
from pathlib import Path

import pytest
from fake_run import build, entry

from topgraft.report import write_report
from topgraft.report.document import Figures, Fold, Section, Table
from topgraft.report.parts.categories import by_category
from topgraft.report.parts.classifiers import classifiers
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json

MATRIX = {"labels": ["correct", "incorrect", "none"], "matrix": [[14, 3, 3], [2, 18, 0], [0, 0, 0]], "n": 40}
REPORT = {
    "correct": {"precision": 0.875, "recall": 0.7, "f1": 7 / 9, "n": 20},
    "incorrect": {"precision": None, "recall": 0.9, "f1": 0.88, "n": 20},
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = build(tmp_path / "run")
    results = run.results()
    results["categories"] = {
        "base": {"maths": {"sac": entry(0.2, 0.1, 12)}, "text": {"sac": entry(0.4, 0.1, 28)}},
        "ppo": {"maths": {"sac": entry(0.6, 0.1, 12), "kl": entry(2.0, 0.5, 12)}, "text": {"sac": entry(0.9, 0.1, 28)}},
    }
    results["classifiers"] = {"ca/ppo": MATRIX | {"report": REPORT}}
    write_json(run.results_file, results)
    return run


def blocks(section: Section | None, kind: type) -> list:
    assert section is not None
    return [block for block in section.blocks if isinstance(block, kind)]


def test_categories_stand_down_and_arms_across(run):
    sac, kl = blocks(by_category(run), Table)
    assert list(sac.header) == ["SAC ↑", "base", "ppo", "n"]
    assert [row[0] for row in sac.rows] == ["maths", "text"]
    assert [row[1] for row in sac.rows] == ["0.20 [0.10, 0.30]", "0.40 [0.30, 0.50]"]
    assert [row[-1] for row in sac.rows] == ["12", "28"]
    assert list(kl.header) == ["KL ↓", "ppo", "n"]
    assert [row[1] for row in kl.rows] == ["2.00 [1.50, 2.50]", "–"]


def test_a_classifiers_figure_holds_its_counts_and_leaves_out_empty_rows(run):
    section = classifiers(run)
    (table,), (figures,) = blocks(section, Table), blocks(section, Figures)
    assert list(table.rows[0]) == ["CA, ppo", "correct", "0.88", "0.70", "0.78", "20", "0.80"]
    assert list(table.rows[1]) == ["CA, ppo", "incorrect", "–", "0.90", "0.88", "20", "0.80"]
    (drawing,) = figures.drawings
    counts = re.findall(r"<text[^>]*>(?:<tspan[^>]*>)?(\d+)<", drawing.svg)
    assert counts == ["14", "3", "3", "2", "18", "0"]
    assert drawing.alt.startswith("CA, ppo. true correct: 14 said correct, 3 said incorrect, 3 said none;")
    assert drawing.pdf.startswith(b"%PDF")


def test_many_classifiers_are_folded(run):
    results = run.results()
    results["classifiers"] = {f"ca/arm{n}": MATRIX | {"report": REPORT} for n in range(7)}
    write_json(run.results_file, results)
    (fold,) = blocks(classifiers(run), Fold)
    (figures,) = fold.blocks
    assert isinstance(figures, Figures)
    assert len({drawing.name for drawing in figures.drawings}) == 7


@pytest.mark.parametrize(
    "odd", [None, [], {}, {"matrix": [[1]]}, {"labels": ["a"], "matrix": [[1, 2]]}, {"labels": "ab"}]
)
def test_an_odd_record_is_left_out(run, odd):
    write_json(run.results_file, {"classifiers": {"x": odd}, "categories": {"base": {"maths": odd}}})
    assert classifiers(run) is None
    assert by_category(run) is None or odd is not None


def test_both_stand_on_the_page_with_their_figure(run):
    page = write_report(run).read_text(encoding="utf-8")
    for words in ('id="categories"', 'id="classifiers"', "Classification reports", "By category"):
        assert words in page
    assert (run.report / "figures" / "classifier-ca-ppo.svg").exists()


def test_without_either_there_is_no_section(tmp_path):
    run = build(tmp_path / "run")
    assert by_category(run) is None
    assert classifiers(run) is None
