"""Law: of many arms the tables can be read, and what is called best is shown to be."""

import re

import pytest
from fake_arms import fake_arms, many_results

from topgraft.cli.show import fitting
from topgraft.report import final_table
from topgraft.report.export import results_tex
from topgraft.report.figures.bars import draw_bars
from topgraft.report.figures.palette import ACCENT
from topgraft.report.words.comparisons import best_arm, matrix, winners
from topgraft.report.words.results import lone_cell
from topgraft.report.words.tables import headline

LAST = "best-of-8-full"


@pytest.fixture
def many_arms() -> dict:
    return many_results()


def test_many_arms_stand_down_and_metrics_across(many_arms):
    header, *rows = final_table(many_arms)
    assert header == ["Arm", "Reward ↑", "BLEU ↑", "KL"]
    assert [row[0] for row in rows] == [*fake_arms(), "n"]
    assert rows[1] == ["sft", "0.20 [−0.30, 0.70]", "9.0 [6.0, 12.0]", "1.50 [1.10, 1.90]"]
    assert rows[0][3] == "–"
    assert rows[-1] == ["n", "40", "40", "40"]


def test_columns_are_divided_over_tables_that_fit():
    header, rows = ["Arm", "aaaa", "bbbbbb", "c"], [["long name", "1", "2", "3"]]
    assert fitting(header, rows, 100) == [[0, 1, 2, 3]]
    assert fitting(header, rows, 31) == [[0, 1, 2], [0, 3]]
    assert fitting(header, rows, 30) == [[0, 1], [0, 2, 3]]
    assert fitting(header, rows, 5) == [[0, 1], [0, 2], [0, 3]], "a column too wide stands alone"


def test_the_latex_table_of_many_arms_is_whole(many_arms):
    latex = results_tex(many_arms)
    rows = [line for line in latex.splitlines() if re.search(r"\\\\(\[2pt\])?$", line)]
    assert len(rows) == 1 + 2 * len(many_arms["arms"]) + 1
    assert {line.count(" & ") for line in rows} == {3}
    assert latex.count("{") == latex.count("}")
    assert latex.count("{table*}") == 2
    assert r"{\scriptsize {[}$-$0.50, 0.50]}" in latex


def test_best_of_many_needs_every_other_arm(many_arms):
    assert best_arm("reward", many_arms) == LAST
    others = [item for item in many_arms["comparisons"] if (item["arm"], item["against"]) != (LAST, "ppo-full")]
    assert best_arm("reward", many_arms | {"comparisons": others}) is None, "their intervals meet"
    open_one = [item | ({"low": -0.1} if item["against"] == "ppo" else {}) for item in many_arms["comparisons"]]
    assert best_arm("reward", many_arms | {"comparisons": open_one}) is None


def test_the_best_of_each_metric_stands_beside_the_next(many_arms):
    reward, bleu = winners(many_arms)
    assert (reward.label, reward.best, reward.second) == ("Reward", LAST, "grpo-full")
    assert reward.difference.text == "0.30 [0.05, 0.55]"
    assert reward.separated == "12 of 12"
    assert (bleu.best, bleu.second, bleu.difference.text, bleu.separated) == ("base", "sft", "1.00", "6 of 12")
    assert bleu.words == "best base, next sft (difference 1.00), separated from 6 of 12"


def test_a_difference_taken_the_other_way_round_is_turned(many_arms):
    pair = {"arm": LAST, "against": "grpo-full"}
    turned = [
        item | {"arm": "grpo-full", "against": LAST, "value": -0.3, "low": -0.6, "high": -0.1}
        if pair.items() <= item.items()
        else item
        for item in many_arms["comparisons"]
    ]
    found = winners(many_arms | {"comparisons": turned})[0]
    assert found.difference.text == lone_cell({"value": 0.3, "low": 0.1, "high": 0.6}).text


def test_equal_arms_have_no_winner(many_arms):
    many_arms["arms"]["sft"]["metrics"]["bleu"]["value"] = 10.0
    assert [row.words for row in winners(many_arms)][1] == "2 arms alike"


def test_few_arms_are_compared_each_with_each(results):
    assert winners(results) == []
    table = matrix(results)
    assert table.labels == ["SAC", "Reward", "CA", "Win rate"]
    (first, against, cells), second = table.rows
    assert (first, against, second[:2]) == ("ppo", "sft", ("ppo", "base"))
    assert [cell and (cell.cell.value, cell.reading) for cell in cells] == [
        ("0.230", "better"),
        ("0.90", "better"),
        ("0.04", "not separated"),
        None,
    ]
    assert table.notes == ["Reward, ppo against sft: scored by the reward model that PPO was trained on"]


def test_many_arms_show_base_and_start_only(many_arms):
    pairs = [(arm, against) for arm, against, _ in matrix(many_arms).rows]
    starts = many_arms["starts"]
    assert len(pairs) == len(set(pairs)) == 12 + 10
    assert all(against in ("base", starts[arm]) for arm, against in pairs)


def test_the_accent_is_the_last_arms_in_a_chain_and_else_the_best_ones(results, many_arms):
    assert headline(results).chain
    assert headline(results | {"starts": {"sft": "base", "ppo": "sft"}}).chain
    tree = results | {"starts": {"sft": "base", "ppo": "base"}}
    assert not headline(tree).chain

    def bars(content: dict, metric: str) -> int:
        (drawing,) = (drawing for drawing in draw_bars(content) if drawing.name == f"metric-{metric}")
        return drawing.svg.count(ACCENT)

    assert (bars(results, "sac"), bars(results, "bleu")) == (1, 1)
    assert (bars(tree, "sac"), bars(tree, "bleu")) == (1, 0), "BLEU has no arm that is shown to be best"
    assert (bars(many_arms, "reward"), bars(many_arms, "bleu")) == (1, 0)
