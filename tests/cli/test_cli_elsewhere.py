"""Other data for a finished run: students' programs labelled by their tests, and `topgraft evaluate --on`."""

import json

from commands import forked

PROGRAMS = [
    {"id": "a", "question": "double", "code": "def double(x): return 2 * x", "label": "correct"},
    {"id": "b", "question": "double", "code": "def double(x): return x * x", "label": "correct"},
    {"id": "c", "question": "double", "code": "def double(x) return x"},
    {"id": "d", "question": "first", "code": "def first(x):\r\n    return x[0]", "label": "correct"},
]
QUESTIONS = [
    {
        "question": "double",
        "description": "Double.",
        "tests": [{"input": "double(2)", "output": "4"}, {"input": "double(3)", "output": "6"}],
    },
    {"question": "first", "description": "First.", "tests": [{"input": "first([5])", "output": "5"}]},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_programs_are_labelled_and_then_read_by_a_run_that_never_saw_them(finished, tmp_path):
    programs, questions = write(tmp_path / "programs.jsonl", PROGRAMS), write(tmp_path / "questions.jsonl", QUESTIONS)
    done = forked("data", "programs", programs, "--tests", questions, "--out", "labelled.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "labels    2 of 3 agree with the tests; not: b" in done.out
    rows = lines(tmp_path / "labelled.jsonl")
    assert [(row["id"], row["correct"], row["passed"], row["tests"]) for row in rows] == [
        ("a", True, 2, 2),
        ("b", False, 1, 2),
        ("c", False, 0, 2),
        ("d", True, 1, 1),
    ]
    assert rows[1]["why"] == "double(3) is 9, not 6"
    assert rows[3]["prompt"] == "Problem:\nFirst.\n\nStudent program:\ndef first(x):\n    return x[0]"
    run = finished.copy(tmp_path)
    before = {name: (run / "evaluation" / name).read_bytes() for name in ("results.json", "responses.jsonl")}
    recipe = (run / "recipe.toml").read_bytes()
    done = forked("evaluate", run, "--on", "labelled.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert {name: (run / "evaluation" / name).read_bytes() for name in before} == before
    assert (run / "recipe.toml").read_bytes() == recipe
    results = json.loads((run / "elsewhere" / "labelled" / "evaluation" / "results.json").read_text())
    assert results["source"] == "labelled.jsonl"
    for arm in ("base", "sft", "ppo"):
        found = results["arms"][arm]["metrics"]
        assert found["ca"]["n"] == 4
        assert not {"bleu", "chrf", "rouge_l", "apc"} & set(found)  # these need a reference answer
    answers = lines(run / "elsewhere" / "labelled" / "evaluation" / "responses.jsonl")
    assert [(row["arm"], row["id"], row["correct"]) for row in answers[:4]] == [
        ("base", row["id"], row["correct"]) for row in rows
    ]
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "On other data" in page
    assert "elsewhere/labelled/evaluation/results.json: arms" in page


def test_stored_answers_and_other_data_exclude_each_other(finished, tmp_path):
    done = forked("evaluate", finished.run, "--stored", "--on", "x.jsonl", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: --stored measures answers that are there")


def test_a_file_of_other_data_that_is_not_there_changes_nothing(finished, tmp_path):
    run = finished.copy(tmp_path)
    done = forked("evaluate", run, "--on", "nowhere.jsonl", cwd=tmp_path)
    assert done.code == 2
    assert "nowhere.jsonl" in done.err
    assert not (run / "elsewhere").exists()
