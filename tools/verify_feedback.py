"""Check the shipped feedback data against the truth: `python -m tools.verify_feedback`.

Every student program is taken out of its prompt and run on the tests of its problem (tools/problem_tests.json),
in a process of its own with a time and a memory limit. Exits with 1 if a label, a verdict or a count is false.
"""

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from topgraft.data.likeness import pairwise_bleu

ROOT = Path(__file__).resolve().parents[1]
PROMPT = re.compile(r"Problem:\n(Write a function [^\n]+ that returns [^\n]+)\n\nStudent program:\n(def [\s\S]+)")
SECONDS = 10
MOST_ALIKE = 35.0
"""Mean pairwise BLEU from which on the answers would be a template filled in."""
PROBLEMS, PROGRAMS, RIGHT = 50, 4, 2

HARNESS = """
import copy, io, json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
except (ImportError, ValueError, OSError):
    pass  # not every system has these limits; the time limit outside holds everywhere
job, real = json.load(sys.stdin), sys.stdout
sys.stdout = io.StringIO()

def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)

outcomes, space = [], {}
exec(job["program"], space)
for arguments in job["arguments"]:
    try:
        outcomes.append({"returns": plain(space[job["function"]](*copy.deepcopy(arguments)))})
    except BaseException as error:
        outcomes.append({"raises": type(error).__name__})
real.write(json.dumps(outcomes))
"""
"""Runs one program on several lists of arguments; what it prints itself is dropped."""


@dataclass
class Report:
    """What the check found: complaints (empty where all is true) and figures to print."""

    complaints: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def run_program(program: str, function: str, arguments: list[list[Any]]) -> list[dict[str, Any]] | str:
    """What `function` of `program` does with each list of arguments: {"returns": value} or {"raises": name}.

    A string says why there is nothing: a program that does not start, or takes too long or too much.
    """
    job = json.dumps({"program": program, "function": function, "arguments": arguments})
    command = [sys.executable, "-I", "-S", "-c", HARNESS]
    try:
        done = subprocess.run(command, input=job, text=True, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"takes more than {SECONDS} seconds"
    if done.returncode != 0 or not done.stdout:
        last = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return f"does not run: {last[-1]}"
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    return outcomes


def same(got: Any, expected: Any) -> bool:
    """Equality of JSON values: True is not 1, numbers agree to 1e-6, everything else exactly."""
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, int | float) and isinstance(expected, int | float):
        return got == expected or abs(got - expected) < 1e-6
    if type(got) is not type(expected):
        return False
    if isinstance(got, list):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, dict):
        return got.keys() == expected.keys() and all(same(got[key], expected[key]) for key in got)
    return bool(got == expected)


def passes(outcome: dict[str, Any], expected: Any) -> bool:
    """Whether a call returned what the test expects."""
    return "returns" in outcome and same(outcome["returns"], expected)


def check_programs(rows: list[dict[str, Any]], tests: dict[str, Any], report: Report) -> None:
    """Run every program; labels must be true, and the wrong programs of a problem wrong in different ways."""
    wrong: dict[str, list[tuple[str, str]]] = defaultdict(list)
    jobs = []
    for row in rows:
        match, problem = PROMPT.fullmatch(row["prompt"]), tests.get(row["problem"])
        if match is None or problem is None:
            fault = "its prompt has another shape" if problem else f"no tests for problem {row['problem']}"
            report.complaints.append(f"{row['id']}: {fault}")
        else:
            jobs.append((row, match[2], problem))
    with ThreadPoolExecutor(2) as pool:
        results = list(
            pool.map(lambda job: run_program(job[1], job[2]["function"], [t[0] for t in job[2]["tests"]]), jobs)
        )
    for (row, _, problem), outcomes in zip(jobs, results, strict=True):
        if isinstance(outcomes, str):
            report.complaints.append(f"{row['id']}: the program {outcomes}")
            continue
        right = [passes(outcome, test[1]) for outcome, test in zip(outcomes, problem["tests"], strict=True)]
        if all(right) != row["correct"]:
            report.complaints.append(
                f"{row['id']}: labelled {'correct' if row['correct'] else 'incorrect'}, "
                f"but passes {sum(right)} of {len(right)} tests"
            )
        elif not row["correct"]:
            wrong[row["problem"]].append((row["id"], json.dumps(outcomes)))
    for pairs in wrong.values():
        alike = [key for key, outcomes in pairs if [other for _, other in pairs].count(outcomes) > 1]
        if alike:
            report.complaints.append(f"{' and '.join(alike)}: wrong in the same way on every test")
    report.figures.append(f"{len(jobs)} programs run")


def check_counts(rows: list[dict[str, Any]], tests: dict[str, Any], report: Report) -> None:
    """50 problems, 4 programs each, 2 of them right; no id and no prompt twice."""
    programs = Counter(row["problem"] for row in rows)
    right = Counter(row["problem"] for row in rows if row["correct"])
    if len(programs) != PROBLEMS or set(programs) != set(tests):
        report.complaints.append(f"{len(programs)} problems and tests for {len(tests)} instead of {PROBLEMS}")
    for problem, count in programs.items():
        if (count, right[problem]) != (PROGRAMS, RIGHT):
            report.complaints.append(f"{problem}: {count} programs, {right[problem]} of them right")
    for name in ("id", "prompt", "professor_feedback"):
        for value, count in Counter(row[name] for row in rows).items():
            if count > 1:
                report.complaints.append(f"{name} {value[:40]!r} stands {count} times")
    report.figures.append(f"{len(programs)} problems, {sum(right.values())} of {len(rows)} programs correct")


def check_voices(rows: list[dict[str, Any]], voices: list[dict[str, Any]], report: Report) -> None:
    """Two other voices for every row, one of them neutral, with the row's own label and verdict."""
    by_key = {row["id"]: row for row in rows}
    spoken: dict[str, list[str]] = defaultdict(list)
    for voice in voices:
        row = by_key.get(voice["id"])
        if row is None or (voice["problem"], voice["correct"]) != (row["problem"], row["correct"]):
            report.complaints.append(f"{voice['id']}: the {voice['voice']} voice speaks of another row or label")
            continue
        spoken[voice["id"]].append(voice["voice"])
        verdict = f"This program is {'correct' if row['correct'] else 'incorrect'}."
        if voice["voice"] == "neutral" and verdict not in voice["feedback"]:
            report.complaints.append(f"{voice['id']}: the neutral voice does not say {verdict!r}")
    for key in by_key:
        if len(spoken[key]) != 2 or spoken[key].count("neutral") != 1:
            report.complaints.append(f"{key}: has the other voices {', '.join(spoken[key]) or 'none'}")
    report.figures.append(f"other voices: {dict(sorted(Counter(voice['voice'] for voice in voices).items()))}")


def check_wording(rows: list[dict[str, Any]], report: Report) -> None:
    """How long and how alike the answers are; all made to one pattern is a complaint."""
    texts = [row["professor_feedback"] for row in rows]
    likeness = pairwise_bleu(texts)
    if likeness.mean >= MOST_ALIKE:
        report.complaints.append(f"mean pairwise BLEU {likeness.mean:.1f}, must be under {MOST_ALIKE}")
    words = sorted(len(text.split()) for text in texts)
    report.figures.append(f"mean pairwise BLEU {likeness.mean:.1f} ({likeness.n} pairs)")
    report.figures.append(f"words in an answer: {words[0]} to {words[-1]}, median {median(words):g}")


def verify(rows: list[dict[str, Any]], voices: list[dict[str, Any]], tests: dict[str, Any]) -> Report:
    """Run all checks."""
    report = Report()
    check_counts(rows, tests, report)
    check_programs(rows, tests, report)
    check_voices(rows, voices, report)
    check_wording(rows, report)
    return report


def main(arguments: Sequence[str] = ()) -> int:
    """Check the shipped files, or the folder with such files that is named, and print what was found."""
    folder = Path(arguments[0]) if arguments else ROOT / "topgraft" / "shipped"
    tests = json.loads((ROOT / "tools" / "problem_tests.json").read_text(encoding="utf-8"))
    report = verify(read_lines(folder / "feedback-200.json"), read_lines(folder / "other-voices.json"), tests)
    print("\n".join([*report.figures, *report.complaints, f"{len(report.complaints)} complaints"]))
    return 1 if report.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
