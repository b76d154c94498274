"""Law: what the data do not show is said, with the number of problems that might; a test outweighs an interval."""

import pytest
from fake_run import build, compare, fake_results

from topgraft.report import write_report
from topgraft.report.document import Fold, Table
from topgraft.report.parts.separation import about, by_pair, needs, probability, separation_section
from topgraft.report.words.comparisons import best_arm, comparisons, matrix
from topgraft.runs.writing import write_json


def with_test(name: str, arm: str, against: str, value: float, width: float, **numbers: object) -> dict:
    fields = {"problems": 20, "p": 0.01, "p_adjusted": 0.03, "family": 3, "separated": True, "rank_biserial": 0.8}
    return compare(name, arm, against, value, width) | fields | {"d_z": 0.9, "needed": None} | numbers


def results_with_tests() -> dict:
    unclear = {"separated": False, "p": 0.04, "p_adjusted": 0.12}
    results = fake_results()
    results["comparisons"] = [
        with_test("sac", "ppo", "sft", 0.23, 0.08, needed=21, **unclear),
        with_test("sac", "ppo", "base", 0.6, 0.1, p=0.0001, p_adjusted=0.0003),
        with_test("reward", "ppo", "sft", 0.9, 0.3),
        with_test("ca", "ppo", "sft", 0.04, 0.12, needed=1234, **unclear),
        with_test("length", "ppo", "sft", 4.0, 9.0, needed=98, **unclear),
    ]
    return results


def test_a_test_that_fails_outweighs_an_interval_without_0():
    results = results_with_tests()
    readings = {(row.name, row.against): row.reading for row in comparisons(results)}
    assert readings["sac", "sft"] == "not separated"
    assert readings["sac", "base"] == readings["reward", "sft"] == "better"
    assert best_arm("sac", results) is None
    results["comparisons"][0] |= {"separated": True}
    assert best_arm("sac", results) == "ppo"


def test_metrics_without_a_direction_stand_in_the_full_table_only():
    assert matrix(results_with_tests()).labels == ["SAC", "Reward", "CA"]


def test_a_line_for_every_two_arms():
    assert by_pair(results_with_tests()) == [
        "ppo against sft: better Reward 0.90 [0.60, 1.20]; not separated SAC (20 problems, needs about 21), CA (20 "
        "problems, needs about 1,300)",
        "ppo against base: better SAC 0.60 [0.50, 0.70]",
    ]


def test_results_of_before_tests_have_lines_and_no_section(finished):
    lines = by_pair(fake_results())
    assert lines[0] == "ppo against sft: better SAC 0.230 [0.150, 0.310], Reward 0.90 [0.60, 1.20]; not separated CA"
    assert separation_section(finished) is None


def test_the_section_names_what_is_not_shown_and_holds_every_test(tmp_path):
    run = build(tmp_path / "run")
    write_json(run.results_file, results_with_tests())
    section = separation_section(run)
    assert section is not None
    (unclear,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0] for row in unclear.rows] == ["SAC", "CA", "length"]
    assert unclear.rows[1] == ["CA", "ppo", "sft", "0.04 [−0.08, 0.16]", "20", "1,300"]
    (fold,) = (block for block in section.blocks if isinstance(block, Fold))
    (tests,) = fold.blocks
    assert isinstance(tests, Table)
    assert len(tests.rows) == 5
    assert list(tests.rows[1]) == [
        "SAC",
        "ppo",
        "base",
        "0.60 [0.50, 0.70]",
        "< 0.001",
        "< 0.001",
        "3",
        "0.80",
        "0.90",
        "yes",
    ]
    assert {len(row) for row in tests.rows} == {len(tests.header)}
    write_report(run)
    page = (run.report / "index.html").read_text(encoding="utf-8")
    assert "What is and is not shown" in page
    assert ">1,300<" in page


def test_where_all_is_separated_the_section_says_so(tmp_path):
    run = build(tmp_path / "run")
    results = results_with_tests()
    results["comparisons"] = results["comparisons"][1:3]
    write_json(run.results_file, results)
    section = separation_section(run)
    assert section is not None
    assert not [block for block in section.blocks if isinstance(block, Table)]


@pytest.mark.parametrize(
    ("needed", "shown", "words"),
    [
        (None, "–", "–"),
        (6, "6", "about 6"),
        (57, "57", "about 57"),
        (134, "140", "about 140"),
        (10_000, "10,000", "about 10,000"),
        (10_001, "more than 10,000", "more than 10,000"),
    ],
)
def test_needed_numbers_have_two_digits(needed, shown, words):
    assert (about(needed), needs(needed)) == (shown, words)


def test_small_p_values_are_not_0():
    assert [probability(p) for p in (0.00099, 0.0125, 1.0, None)] == ["< 0.001", "0.013", "1.000", "–"]
