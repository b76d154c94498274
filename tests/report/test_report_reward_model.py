"""Section "Reward model": what it says of a reward model, its tables, its curve, and the pairs that it gets wrong."""

import json

import pytest
from fake_run import CONTROL, LONG_WORD, SCRIPT, fake_provenance
from test_report_page import read

from topgraft.report import write_report
from topgraft.report.document import Figures, Fold, Table, Text
from topgraft.report.parts.reward_model import SHOWN, draw_calibration, reward_model
from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_json


def entry(value: float, low: float, high: float, n: int = 40) -> dict:
    return {"value": value, "low": low, "high": high, "n": n}


def analysis(accuracy: dict, beyond: dict) -> dict:
    test = {"accuracy": accuracy, "longer_wins": entry(0.6, 0.5, 0.7), "beyond_length": beyond}
    return {
        "pairs": "the data's own pairs",
        "arms": {"test": {"metrics": test}, "validation": {"metrics": {"accuracy": entry(0.8, 0.6, 0.9, 20)}}},
        "directions": {"accuracy": "higher"},
        "descriptions": {name: f"about {name}" for name in test},
        "by_length": [{"name": "longer by 1 to 9", **entry(0.9, 0.8, 1.0, 11)}],
        "by_category": [],
        "calibration": [
            {"confidence": 0.55, **entry(0.5, 0.3, 0.7, 12)},
            {"confidence": 0.93, **entry(0.8, 0.7, 0.9, 28)},
        ],
    }


def pair(margin: float, **changed: object) -> dict:
    return {
        "id": f"row {margin}",
        "part": "test",
        "category": "cooking",
        "prompt": "Q",
        "chosen": "good",
        "rejected": "bad",
        "chosen_score": margin,
        "rejected_score": 0.0,
        "margin": margin,
        "chosen_tokens": 7,
        "rejected_tokens": 9,
    } | changed


@pytest.fixture
def run(tmp_path) -> RunFolder:
    made = RunFolder(tmp_path)
    write_json(made.path / "provenance.json", fake_provenance())
    write_json(made.reward_model_file, analysis(entry(0.75, 0.61, 0.88), entry(0.15, 0.02, 0.28)))
    return made


def add(run: RunFolder, *pairs: dict) -> None:
    for record in pairs:
        append_line(run.reward_pairs_file, record)


def test_a_run_without_a_reward_model_has_no_section(tmp_path):
    assert reward_model(RunFolder(tmp_path)) is None


def test_the_section_says_what_was_measured(run):
    add(run, pair(-2.0), pair(-0.5), pair(0.0), pair(1.0))
    section = reward_model(run)
    assert section is not None
    opening, summary, length, curve, errors, fold = section.blocks
    assert isinstance(opening, Text)
    assert "Of 40 test pairs (the data's own pairs)" in opening.text
    assert "higher in 0.75 [0.61, 0.88]. The longer answer is the preferred one in 0.60 [0.50, 0.70]" in opening.text
    assert isinstance(summary, Table)
    assert summary.header == ["", "Test", "Validation"]
    assert summary.rows[0] == ["Accuracy", "0.75 [0.61, 0.88]", "0.80 [0.60, 0.90]"]
    assert summary.rows[1][2] == "–"  # not measured there
    assert summary.rows[-1] == ["Pairs", "40", "20"]
    assert "Accuracy: about accuracy; Longer wins: about longer_wins;" in summary.caption
    assert isinstance(length, Table)
    assert length.rows == [["longer by 1 to 9", "0.90 [0.80, 1.00]", "11"]]
    assert isinstance(curve, Figures)
    assert "confidence 0.93: 0.80 right, n 28" in curve.drawings[0].alt
    assert isinstance(errors, Text)
    assert errors.text.startswith("2 of 4 held-out pairs (test and validation) are misclassified")
    assert "the first 2 lines of evaluation/reward_pairs.jsonl" in errors.text
    assert isinstance(fold, Fold)
    assert [found.key for found in fold.blocks] == [
        f"row -{value} · test · margin −{shown} · cooking" for value, shown in (("2.0", "2"), ("0.5", "0.500"))
    ]
    first = fold.blocks[0].answers
    assert [(one.title, one.text, list(one.facts)) for one in first] == [
        ("Preferred", "good", ["score −2", "7 tokens"]),
        ("Scores higher", "bad", ["score 0", "9 tokens"]),
    ]


@pytest.mark.parametrize(
    ("accuracy", "beyond", "doubts"),
    [
        (entry(0.75, 0.61, 0.88), entry(0.15, 0.02, 0.28), []),
        (entry(0.75, 0.61, 0.88), entry(0.15, -0.02, 0.28), ["a rule that prefers the longer answer"]),
        (entry(0.55, 0.50, 0.6), entry(-0.15, -0.3, 0.0), ["chance, nor a rule that prefers the longer answer"]),
    ],
)
def test_what_is_not_shown_is_said(run, accuracy, beyond, doubts):
    write_json(run.reward_model_file, analysis(accuracy, beyond))
    notices = [block.text for block in reward_model(run).blocks if isinstance(block, Text) and block.notice]
    assert notices == [f"It is not shown to beat {doubt}." for doubt in doubts]


def test_many_errors_are_cut_on_the_page_and_whole_in_the_file(run):
    add(run, *(pair(-0.01 * (99 - number)) for number in range(SHOWN + 5)))
    *_, about, fold = reward_model(run).blocks
    assert f"the first {SHOWN + 5} lines" in " ".join(about.text.split())
    assert fold.title == f"The first {SHOWN} misclassified pairs"
    assert len(fold.blocks) == SHOWN
    assert fold.blocks[0].key.startswith("row -0.99 ")


def test_without_errors_the_section_says_so(run):
    add(run, pair(1.0), pair(2.0))
    last = reward_model(run).blocks[-1]
    assert last.text == "No held-out pair is misclassified; all 2 stand in evaluation/reward_pairs.jsonl."


def test_the_section_is_on_the_page_and_its_figure_in_the_folder(run):
    add(run, pair(-1.0, prompt=SCRIPT, chosen=LONG_WORD, rejected=CONTROL, category=SCRIPT))
    write_report(run)
    page, _ = read(run)
    assert page.index('href="#reward-model"') < page.index('id="reward-model"')
    assert SCRIPT not in page
    assert (run.report / "figures" / "reward-calibration.svg").exists()
    assert (run.report / "figures" / "reward-calibration.pdf").read_bytes().startswith(b"%PDF")


def test_odd_files_do_not_break_the_page(run):
    write_json(
        run.reward_model_file, json.loads('{"arms": {"test": {"metrics": {"accuracy": 0.5}}}, "calibration": [1]}')
    )
    add(run, dict.fromkeys(pair(-1.0)))
    assert reward_model(run) is not None
    write_report(run)


def test_no_bins_no_curve():
    assert draw_calibration([]) is None
    assert draw_calibration([{"confidence": None, "value": 1.0}]) is None
