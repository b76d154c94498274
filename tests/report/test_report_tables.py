import csv
import io
import json

import pytest
from fake_run import FORMULA, LATEX, SCRIPT

from topgraft.report import final_table
from topgraft.report.export import results_csv, results_json, results_tex
from topgraft.report.words.comparisons import best_arm, comparisons
from topgraft.report.words.instruments import instruments
from topgraft.report.words.numbers import count, decimals, duration, number, plain, show
from topgraft.report.words.tables import headline
from topgraft.report.words.text import clean, csv_text, from_csv, slug, tex, tidy


def test_final_table_is_plain_text(results):
    table = final_table(results)
    assert table[0] == ["Metric", "base", "sft", "ppo", "n"]
    assert table[1] == [
        "SAC ↑",
        "0.210 [0.148, 0.272]",
        "0.580 [0.518, 0.642]",
        "0.810 [0.748, 0.872] *",
        "40",
    ]
    assert all(len(row) == len(table[0]) for row in table)


def test_no_results_give_no_rows():
    assert final_table({}) == []
    assert final_table({"arms": {"base": {"metrics": {}}}}) == []


def test_best_needs_separation(results):
    assert best_arm("sac", results) == "ppo"
    assert best_arm("ca", results) is None, "its comparison holds 0"
    assert best_arm("bleu", results) is None, "its intervals meet and no comparison separates it"


def test_an_inconclusive_comparison_outweighs_disjoint_intervals(results):
    results["comparisons"] = [{"name": "sac", "arm": "sft", "against": "ppo", "low": -0.3, "high": 0.1}]
    assert best_arm("sac", results) is None


def test_a_comparison_the_other_way_round_counts(results):
    results["arms"]["ppo"]["metrics"]["bleu"].update(low=12.0)
    results["comparisons"] = [{"name": "bleu", "arm": "sft", "against": "ppo", "low": -4.0, "high": -0.5}]
    assert best_arm("bleu", results) == "ppo"


def test_no_best_without_direction_or_by_definition(results):
    assert best_arm("kl", results) is None, "0 by definition has an interval of no width"
    results["directions"] = {}
    assert not headline(results).marks_best


def test_win_rate_is_neutral_at_one_half():
    rows = [
        {"name": "win_rate", "arm": "ppo", "against": "base", "value": 0.55, "low": 0.45, "high": 0.65},
        {"name": "win_rate", "arm": "ppo", "against": "base", "value": 0.2, "low": 0.1, "high": 0.3},
        {"name": "kl", "arm": "ppo", "against": "base", "value": 2.0, "low": 1.0, "high": 3.0},
        {"name": "odd", "arm": "ppo", "against": "base", "value": 2.0, "low": 1.0, "high": 3.0},
        {"name": "odd", "arm": "ppo", "against": "base", "value": 2.0},
    ]
    readings = [row.reading for row in comparisons({"comparisons": rows, "directions": {"kl": "lower"}})]
    assert readings == ["not separated", "worse", "worse", "higher", "no interval"]


def test_instruments_near_chance_are_named(results):
    warnings = {row.label: row.warning for row in instruments(results)}
    assert "0.550" in warnings["CA"]
    assert warnings["SAC"] == warnings["Reward"] == ""


def test_numbers_agree_in_every_file(results, finished):
    report = finished.report
    stored = json.loads((report / "results.json").read_text())
    lines = list(csv.DictReader(io.StringIO((report / "results.csv").read_text())))
    latex = (report / "results.tex").read_text()
    page = (report / "index.html").read_text()
    cells = {
        (arm, row.name): cell
        for row in headline(results).rows
        for arm, cell in zip(headline(results).arms, row.cells, strict=True)
    }
    assert len(lines) == sum(len(arm["metrics"]) for arm in results["arms"].values()) == 17
    for line in lines:
        entry = results["arms"][line["arm"]]["metrics"][line["metric"]]
        assert stored["arms"][line["arm"]]["metrics"][line["metric"]] == entry
        assert {key: float(line[key]) for key in entry} == entry
        cell = cells[line["arm"], line["metric"]]
        places = len(cell.value.partition(".")[2])
        assert cell.value == show(float(line["value"]), places)
        assert cell.value.replace("−", "$-$") in latex
        assert tex(cell.interval) in latex
        assert f">{cell.value}<" in page
        assert f">{cell.interval}</span>" in page


def test_results_json_keeps_the_contract_and_is_strict(results):
    results["arms"]["base"]["metrics"]["sac"]["value"] = float("nan")
    stored = json.loads(results_json(tidy(results)), parse_constant=pytest.fail)
    assert {"recipe", "seed", "arms", "comparisons", "instruments"} <= set(stored)
    assert stored["arms"]["base"]["metrics"]["sac"]["value"] is None


def test_csv_cells_are_no_formulas(hostile):
    with open(hostile.report / "results.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["arm", "metric", "value", "low", "high", "n"]
    assert lines[1][0] == f"'{FORMULA}"
    assert any(line[1].startswith("'@cmd") for line in lines)
    for line in lines[1:]:
        assert not line[0].startswith(("=", "+", "-", "@", "\t"))
        assert not line[1].startswith(("=", "+", "-", "@", "\t"))
    assert "-0.72" in {line[2] for line in lines}, "a negative number stays a number"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "'=1", "''+1"])
def test_every_formula_start_is_quoted_and_comes_back(text):
    assert csv_text(text) == f"'{text}"
    assert from_csv(csv_text(text)) == text


@pytest.mark.parametrize("text", ["", "a", "'a'", "'", "1-2", " =1"])
def test_other_texts_are_left_as_they_are(text):
    assert csv_text(text) == from_csv(text) == text


def test_latex_escapes_every_special(hostile):
    latex = (hostile.report / "results.tex").read_text(encoding="utf-8")
    assert r"50\% of \$x\_1\$ \& \textbackslash{}input\{evil\} \#\textasciitilde{}\textasciicircum{}" in latex
    assert r"\textless{}script\textgreater{}" in latex
    assert LATEX not in latex
    assert SCRIPT not in latex


def test_latex_table_is_whole(results):
    latex = results_tex(results, {"model": "a_b"})
    for word in ("\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}", "\\end{table}", r"a\_b"):
        assert latex.count(word) == 1
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 7
    assert {line.count(" & ") for line in rows} == {4}
    assert latex.count("{") == latex.count("}")
    assert r"\textbf{0.810}" in latex


def test_exports_of_nothing():
    assert results_csv({}) == "arm,metric,value,low,high,n\n"
    assert json.loads(results_json({}))["arms"] == {}
    assert results_tex({}).startswith("%")


def test_number_formats():
    assert number(True) is None
    assert number(float("inf")) is None
    assert decimals([0.412], [0.06]) == 3
    assert decimals([12.31], [2.1]) == 1
    assert show(-0.0004, 2) == "0.00"
    assert show(-1.25, 1) in ("−1.2", "−1.3")
    assert show(None, 2) == "–"
    assert plain(1234567) == "1,234,567"
    assert plain(2.5e-6) == "2.50e−06"
    assert count(30_100_000) == "30.1 M"
    assert duration(59.97) == "1 min 00 s"
    assert duration(3725) == "1 h 02 min"


def test_text_is_made_safe():
    assert clean("a\x00b\x7f\x85\ud800\r\nc\t") == "a␀b␡\ufffd\ufffd\nc\t"
    assert tidy({"a\x1b": [float("nan"), "x\x07"]}) == {"a␛": [None, "x␇"]}
    taken: set[str] = set()
    assert [slug(text, taken) for text in ("../A b", "a/b", "汉字", "")] == [
        "a-b",
        "a-b-2",
        "unnamed",
        "unnamed-2",
    ]
