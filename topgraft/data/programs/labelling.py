"""Programs and the tests of their problems -> rows with a prompt and a label that is known to be true.

    problems = problems_of(raw_rows("questions.jsonl"))
    labelled = label(programs_of(raw_rows("programs.jsonl.gz"), problems), problems)

The shapes are those of Refactory (Hu et al. 2019): a program has `question`, `code` and, where somebody judged it,
`label`; a question has `question`, `description`, `tests` with `input` (an expression) and `output` (its value as
Python shows it), and `global`, code that runs before every program.
"""

import ast
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from topgraft.data.programs.sandbox import Limits, Outcome, run
from topgraft.data.table import RawRow
from topgraft.errors import UserError, nearest

SAID_RIGHT = ("correct", "right", "true", "1")
SAID_WRONG = ("wrong", "incorrect", "fail", "false", "0")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What was asked, and the calls with the values that they must have."""

    name: str
    description: str
    before: str
    calls: tuple[str, ...]
    wanted: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that somebody wrote for a problem. `said`: whether it was called right; None where nobody said."""

    key: str
    problem: str
    code: str
    said: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A program with what its tests say. `why` is the first thing that is wrong, "" where nothing is."""

    program: Program
    correct: bool
    why: str
    passed: int
    alone: bool


def problems_of(rows: Sequence[RawRow]) -> dict[str, Problem]:
    """Name -> problem. Raises UserError for a row without tests."""
    found = {}
    for row in rows:
        name, tests = str(_value(row, "question")).strip(), _value(row, "tests")
        if not isinstance(tests, list) or not tests or not all(isinstance(test, dict) for test in tests):
            raise UserError(f'{row.place}: \'tests\' must be a list such as [{{"input": "f(1)", "output": "2"}}].')
        pairs = [(str(test.get("input") or "").strip(), str(test.get("output") or "").strip()) for test in tests]
        if not all(call and wanted for call, wanted in pairs):
            raise UserError(f"{row.place}: a test has no 'input' or no 'output'. Write both, or take it out.")
        calls, wanted = zip(*pairs, strict=True)
        description = str(row.values.get("description") or name).strip()
        before = str(row.values.get("global") or "")
        found[name] = Problem(name=name, description=description, before=before, calls=calls, wanted=wanted)
    return found


def programs_of(rows: Sequence[RawRow], problems: dict[str, Problem]) -> list[Program]:
    """The programs. Raises UserError for one without code, of a problem that is not there, or with an odd label."""
    found = []
    for number, row in enumerate(rows, start=1):
        problem, code = str(_value(row, "question")).strip(), _value(row, "code")
        if problem not in problems:
            raise UserError(f"{row.place}: there are no tests of question '{problem}'. {nearest(problem, problems)}")
        if not isinstance(code, str):
            raise UserError(f"{row.place}: 'code' must be text, not {type(code).__name__}.")
        key = str(row.values.get("id") or f"program-{number}")
        found.append(Program(key=key, problem=problem, code=code, said=_said(row)))
    return found


def label(
    programs: Sequence[Program],
    problems: dict[str, Problem],
    *,
    workers: int = 1,
    limits: Limits | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Labelled]:
    """Run every program on the tests of its problem, `workers` at a time; `done` is called after each."""

    def one(program: Program) -> Labelled:
        problem = problems[program.problem]
        ran = run(program.code, list(problem.calls), before=problem.before, limits=limits)
        wrong = [
            f"{call} {_found(outcome)}, not {wanted}"
            for call, wanted, outcome in zip(problem.calls, problem.wanted, ran.outcomes, strict=True)
            if outcome.value is None or not same(outcome.value, wanted)
        ]
        done()
        passed = len(problem.calls) - len(wrong)
        return Labelled(
            program=program, correct=not wrong, why=wrong[0] if wrong else "", passed=passed, alone=ran.alone
        )

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, programs))


def same(found: str, wanted: str) -> bool:
    """Whether a value's repr is the one wanted: as text, or by == of what both stand for (0 == 0.0 == False)."""
    if found.strip() == wanted.strip():
        return True
    try:
        return bool(ast.literal_eval(found) == ast.literal_eval(wanted))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # {[]: 1} is a text, but no value
        return False


def _found(outcome: Outcome) -> str:
    return f"is {outcome.value:.80}" if outcome.value is not None else f"gives {outcome.raises:.80}"


def _said(row: RawRow) -> bool | None:
    value = str(row.values.get("label", "")).strip().lower()
    if value in SAID_RIGHT or value in SAID_WRONG:
        return value in SAID_RIGHT
    if value:
        raise UserError(f"{row.place}: 'label' is '{value}'; write one of {', '.join((*SAID_RIGHT, *SAID_WRONG))}.")
    return None


def _value(row: RawRow, column: str) -> Any:
    if row.values.get(column) in (None, ""):
        raise UserError(f"{row.place} has no '{column}' (it has {', '.join(row.values) or 'nothing'}).")
    return row.values[column]
