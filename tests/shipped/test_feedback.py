"""The shipped feedback: every label is true of the program when it runs, and one person speaks throughout."""

import ast
import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.verify_feedback import PROMPT, Report, check_programs, read_lines, run_program, same, verify

ROOT = Path(__file__).resolve().parents[2]
ROWS = read_lines(ROOT / "topgraft" / "shipped" / "feedback-200.json")
VOICES = read_lines(ROOT / "topgraft" / "shipped" / "other-voices.json")
TESTS = json.loads((ROOT / "tools" / "problem_tests.json").read_text(encoding="utf-8"))
VERDICT = re.compile(r"\b(not (?:yet |quite |entirely |fully )?correct|incorrect|correct)(?:ly|ness)?\b", re.IGNORECASE)
EXAMPLE = re.compile(r"so for (.+) it (?:returns (.+)|raises an? (\w+)(?: error)?) instead of (?:returning )?(.+)\.$")
PROFESSORS_EXAMPLE = re.compile(
    r"so that for (\S.*?) (?:you obtain (.+?) rather than (.+?)|Python raises an? (\w+))(?:\.(?= [A-Z])|$)"
)

by_id = pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?])\s+", text)


def test_every_program_does_what_its_label_says():
    report = verify(ROWS, VOICES, TESTS)
    assert report.complaints == []
    assert "200 programs run" in report.figures
    assert "50 problems, 100 of 200 programs correct" in report.figures


def changed(**values: Any) -> list[dict[str, Any]]:
    """The four rows of one problem, the first with other values."""
    rows = copy.deepcopy([row for row in ROWS if row["problem"] == "sum_even"])
    rows[0] |= values
    return rows


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"correct": False}, "sum_even-1: labelled incorrect, but passes 8 of 8 tests"),
        ({"prompt": "Add it up."}, "sum_even-1: its prompt has another shape"),
        ({"problem": "unheard"}, "sum_even-1: no tests for problem unheard"),
        ({"program": "def sum_even(numbers):\n    while True:\n        pass"}, "sum_even-1: the program"),
        ({"program": "def sum_even(numbers):\n    return [0] * 10 ** 10"}, "passes 0 of 8 tests"),
        ({"program": "def sum_even(numbers)\n    return 0"}, "does not run: SyntaxError"),
        ({"program": "def sum_even(numbers):\n    raise SystemExit"}, "passes 0 of 8 tests"),
        ({"program": "def sum_even(numbers):\n    print(numbers)"}, "passes 0 of 8 tests"),
    ],
)
def test_the_check_finds_what_is_false(values, complaint):
    program = values.pop("program", None)
    if program:
        head = ROWS[0]["prompt"].split("Student program:\n")[0]
        values["prompt"] = f"{head}Student program:\n{program}"
    report = Report()
    check_programs(changed(**values), TESTS, report)
    assert any(complaint in line for line in report.complaints), report.complaints


def test_the_check_finds_two_programs_wrong_in_the_same_way():
    rows = changed()
    wrong = [row for row in rows if not row["correct"]]
    wrong[1]["prompt"] = wrong[0]["prompt"].replace("numbers", "values")
    report = Report()
    check_programs(rows, TESTS, report)
    assert report.complaints == [f"{wrong[0]['id']} and {wrong[1]['id']}: wrong in the same way on every test"]


def test_the_command_exits_with_1_on_a_false_label(tmp_path):
    rows = [dict(row) for row in ROWS if row["problem"] == "sum_even"]
    rows[0]["correct"] = not rows[0]["correct"]
    for name, records in (("feedback-200", rows), ("other-voices", VOICES[:2])):
        (tmp_path / f"{name}.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    done = subprocess.run(
        [sys.executable, "-m", "tools.verify_feedback", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "sum_even-1: labelled incorrect, but passes 8 of 8 tests" in done.stdout


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1, True, False),
        (0, False, False),
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1, 1.1, False),
        ("1", 1, False),
        ([1, [2]], [1, [2]], True),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, None, True),
        (None, 0, False),
        ([], None, False),
        (float("inf"), float("inf"), True),
    ],
)
def test_values_are_compared_strictly(got, expected, equal):
    assert same(got, expected) is equal


@by_id
def test_rows_have_the_shipped_shape(row):
    assert list(row) == ["id", "problem", "prompt", "correct", "professor_feedback"]
    assert re.fullmatch(re.escape(row["problem"]) + "-[1-4]", row["id"])
    assert (row["prompt"] + row["professor_feedback"]).isascii()
    assert len(row["prompt"]) <= 750
    match = PROMPT.fullmatch(row["prompt"])
    assert match is not None
    tree = ast.parse(match[2])
    assert [type(node).__name__ for node in tree.body] == ["FunctionDef"]
    assert tree.body[0].name == TESTS[row["problem"]]["function"]
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
    assert ast.get_docstring(tree.body[0]) is None
    assert "#" not in match[2]


@by_id
def test_the_one_verdict_stands_in_the_first_sentence_and_is_the_label(row):
    text = row["professor_feedback"]
    verdicts = [match[1].lower() for match in VERDICT.finditer(text)]
    assert len(verdicts) == 1
    assert VERDICT.search(sentences(text)[0])
    assert (verdicts[0] == "correct") is row["correct"]


@by_id
def test_the_one_question_comes_last_and_the_manner_is_formal(row):
    text = row["professor_feedback"]
    assert text.count("?") == 1
    assert text.endswith("?")
    assert 40 <= len(text.split()) <= 74
    assert "\n" not in text
    assert "!" not in text
    assert not re.search(r"\b\w+n't\b|\b\w+'(?:re|ve|ll|m)\b|\b(?:it|that|there|what|let)'s\b", text, re.IGNORECASE)


def test_most_answers_speak_to_the_student():
    spoken_to = [row["id"] for row in ROWS if re.search(r"\byou(?:r|rself)?\b", row["professor_feedback"], re.I)]
    assert len(spoken_to) >= 160


def test_a_reader_who_looks_only_at_the_words_of_the_problem_cannot_guess_the_label():
    """Each problem is right and wrong equally often, and no place in the order gives the label away."""
    places = [sum(row["correct"] for row in ROWS if row["id"].endswith(f"-{n}")) for n in range(1, 5)]
    assert sum(places) == 100
    assert max(places) <= 35


def examples() -> list[Any]:
    """(id, input, what comes back, the error, what should come back) wherever a text gives an example of a failure."""
    found = []
    for voice in VOICES:
        if voice["voice"] == "neutral" and not voice["correct"]:
            match = EXAMPLE.search(voice["feedback"])
            assert match is not None, voice["feedback"]
            found.append(pytest.param(voice["id"], *match.groups(), id=f"{voice['id']}-neutral"))
    for row in ROWS:
        match = PROFESSORS_EXAMPLE.search(row["professor_feedback"])
        if match is not None:
            given, got, should, error = match.groups()
            found.append(pytest.param(row["id"], given, got, error, should, id=f"{row['id']}-professor"))
    return found


@pytest.mark.parametrize(("key", "given", "got", "error", "wanted"), examples())
def test_a_failing_example_is_what_happens(key, given, got, error, wanted):
    problem = next(row["problem"] for row in ROWS if row["id"] == key)
    function = TESTS[problem]["function"]
    arguments = arguments_of(given, function)
    (does,) = outcome(key, arguments)
    if error:
        assert does == {"raises": error}
    else:
        assert same(does.get("returns"), json.loads(json.dumps(ast.literal_eval(got)))), does
    if wanted is None:
        return
    should = ast.literal_eval(wanted)
    known = [expected for tested, expected in TESTS[problem]["tests"] if tested == arguments]
    if known:
        assert same(known[0], should), known
    else:
        right = next(row["id"] for row in ROWS if row["problem"] == problem and row["correct"])
        assert same(outcome(right, arguments)[0].get("returns"), should)


def test_nearly_every_comment_on_an_incorrect_program_gives_an_example_that_is_run():
    with_example = [p for p in examples() if str(p.id).endswith("-professor")]
    assert len(with_example) >= 90


def outcome(key: str, arguments: list[Any]) -> list[dict[str, Any]]:
    """What the program of a row does with the arguments."""
    row = next(row for row in ROWS if row["id"] == key)
    match = PROMPT.fullmatch(row["prompt"])
    assert match is not None
    outcomes = run_program(match[2], TESTS[row["problem"]]["function"], [arguments])
    assert isinstance(outcomes, list), outcomes
    return outcomes


def arguments_of(text: str, function: str) -> list[Any]:
    """The arguments as the text gives them: f(1, 2), or 1 and 2, or in words."""
    text = {"an empty string": "''", "an empty list": "[]"}.get(text, text)
    if text.startswith(f"{function}("):
        text = text[len(function) + 1 : -1]
    text = re.sub(r"(?<=['\"\]\d]),? and (?=['\"\[\d-])", ", ", text)
    return list(ast.literal_eval(f"[{text}]"))
