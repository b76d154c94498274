"""Programs in their sandbox, in real processes, and the labels that their tests give them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from topgraft.data.programs import child
from topgraft.data.programs.labelling import label, problems_of, programs_of, same
from topgraft.data.programs.sandbox import Limits, run
from topgraft.data.sources import raw_rows
from topgraft.data.table import RawRow
from topgraft.errors import UserError

REFACTORY = Path(__file__).resolve().parents[3] / "shared" / "data" / "refactory-student-python"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits of processes are Linux's here")


def outcomes(program: str, *calls: str, **options) -> list[str]:
    return [found.value or found.raises for found in run(program, list(calls), **options).outcomes]


def test_calls_see_the_program_and_what_stood_before_it():
    found = outcomes("def f(x):\n    return x + start", "f(1)", "f('a')", "g()", " start\n", before="start = 10")
    assert found[0] == "11"
    assert found[1].startswith("TypeError: ")
    assert found[2] == "NameError: name 'g' is not defined"
    assert found[3] == "10"


def test_modules_of_the_library_are_there():
    program = (
        "import collections, dataclasses, functools, itertools, math, random, re\nfrom collections import namedtuple"
    )
    assert outcomes(program, "namedtuple('P', 'x y')(1, 2).y", "math.floor(2.5)") == ["2", "2"]


@pytest.mark.parametrize(
    ("program", "call", "said"),
    [
        ("this is no program", "1", "SyntaxError: invalid syntax"),
        ("def f(n): return f(n + 1)", "f(0)", "RecursionError: "),
        ("import sys\ndef f(): sys.exit(3)", "f()", "SystemExit: 3"),
        ("def f(): return input()", "f()", "EOFError: "),
        ("import os\ndef f(): os._exit(0)", "f()", "ended early"),
        ("import os\ndef f(): return os.system('true')", "f()", "PermissionError: os.system is not allowed here"),
        ("import os\ndef f(): return os.fork()", "f()", "PermissionError: os.fork is not allowed here"),
        ("import subprocess\ndef f(): subprocess.run(['true'])", "f()", "PermissionError: subprocess.Popen"),
        ("import socket", "1", "PermissionError: importing socket is not allowed here"),
        ("import ctypes\ndef f(): return ctypes.CDLL(None)", "f()", "PermissionError: ctypes.dlopen"),
        ("def f(): return open('/etc/hostname').read()", "f()", "PermissionError: opening /etc/hostname"),
        ("def f(): return open('new', 'w')", "f()", "PermissionError: opening new is not allowed here"),
        ("import os\ndef f(): os.remove('/tmp/x')", "f()", "PermissionError: os.remove is not allowed here"),
        ("import os\ndef f(): return os.listdir('/')", "f()", "PermissionError: opening / is not allowed here"),
        ("class A:\n    def __repr__(self): raise ValueError('no')", "A()", "ValueError: no"),
    ],
)
def test_what_a_program_may_not_do_it_is_told(program, call, said):
    assert outcomes(program, call)[0].startswith(said)


@LINUX
def test_a_program_without_end_or_measure_is_ended_and_the_rest_is_known():
    program = """
def loop():
    while True:
        print("x" * 1000)

def eat():
    return [bytearray(10**7) for _ in range(10**4)]
"""
    found = outcomes(program, "eat()", "1 + 1", "loop()", "2 + 2", limits=Limits(seconds=1, memory=256 << 20))
    assert found == ["out of memory", "2", "out of time", "out of time"]


@pytest.mark.parametrize("written", [b'{"value": "7"}\n', b"junk without an end"])
def test_what_a_program_writes_among_the_outcomes_is_no_outcome(written):
    program = f"""
import os

def f():
    for n in range(3, 12):
        try:
            os.write(n, {written!r})
        except OSError:
            pass
"""
    assert outcomes(program, "f()", "5", "f()", "6") == ["None", "5", "None", "6"]


def test_a_sleeper_does_not_outlive_its_time():
    begin = time.monotonic()
    assert outcomes("import time", "time.sleep(600)", limits=Limits(seconds=1)) == ["out of time"]
    assert time.monotonic() - begin < 60


@LINUX
def test_a_process_that_left_the_network_reaches_nobody():
    """Without the audit hook: a real server that listens here is out of reach."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            f"import runpy, socket\n"
            f"child = runpy.run_path({child.__file__!r})\n"
            f"def reach():\n"
            f"    try: socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5).close(); return True\n"
            f"    except OSError: return False\n"
            f"print(reach(), child['leave_the_network'](), reach())"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if said[1] == "False":
        pytest.skip("this system lets no process leave the network")
    assert said == ["True", "True", "False"]


QUESTIONS = [
    {
        "question": 1,
        "description": "Double a number.",
        "global": "two = 2",
        "tests": [{"input": "double(2)", "output": "4"}, {"input": "double([1])", "output": "[1, 1]"}],
    }
]


def raw(*rows: dict) -> list[RawRow]:
    return [RawRow(f"rows, line {number}", row) for number, row in enumerate(rows, 1)]


def test_labels_come_from_the_tests_and_not_from_what_was_said():
    problems = problems_of(raw(*QUESTIONS))
    codes = [
        "def double(x): return two * x",
        "def double(x): return x + x if x == 2 else x",
        "def twice(x): return 2 * x",
    ]
    programs = programs_of(
        raw(
            *(
                {"question": "1", "code": code, "label": said}
                for code, said in zip(codes, ("wrong", "correct", ""), strict=True)
            )
        ),
        problems,
    )
    called = []
    found = label(programs, problems, workers=2, done=lambda: called.append(1))
    assert [(one.program.key, one.program.said, one.correct, one.passed) for one in found] == [
        ("program-1", False, True, 2),
        ("program-2", True, False, 1),
        ("program-3", None, False, 0),
    ]
    assert [one.why for one in found] == [
        "",
        "double([1]) is [1], not [1, 1]",
        "double(2) gives NameError: name 'double' is not defined, not 4",
    ]
    assert len(called) == 3


@pytest.mark.parametrize(
    ("found", "wanted", "alike"),
    [
        ("4", "4", True),
        ("['a', 'b']", '["a","b"]', True),
        ("4.0", "4", True),
        ("False", "0", True),
        ("'4'", "4", False),
        ("(1, 2)", "[1, 2]", False),
        ("<function f>", "4", False),
        ("{1: 2, 3: 4}", "{3: 4, 1: 2}", True),
    ],
)
def test_values_are_compared_as_python_compares_them(found, wanted, alike):
    assert same(found, wanted) is alike


@pytest.mark.parametrize(
    ("questions", "programs", "said"),
    [
        ([{"question": 1}], [], "rows, line 1 has no 'tests'"),
        ([{"question": 1, "tests": "x"}], [], "rows, line 1: 'tests' must be a list such as"),
        ([{"question": 1, "tests": [{"input": "f()"}]}], [], "rows, line 1: a test has no 'input' or no 'output'"),
        (QUESTIONS, [{"question": 2, "code": "x"}], "rows, line 1: there are no tests of question '2'"),
        (QUESTIONS, [{"question": 1}], "rows, line 1 has no 'code'"),
        (
            QUESTIONS,
            [{"question": 1, "code": "x", "label": "fine"}],
            "rows, line 1: 'label' is 'fine'; write one of correct",
        ),
    ],
)
def test_rows_that_cannot_be_run_are_named(questions, programs, said):
    with pytest.raises(UserError) as error:
        programs_of(raw(*programs), problems_of(raw(*questions)))
    assert said in str(error.value)


@pytest.mark.skipif(not REFACTORY.exists(), reason="the programs of Refactory are not beside this checkout")
def test_real_students_programs_are_labelled_as_their_authors_did_but_for_rules_that_no_test_knows():
    problems = problems_of(raw_rows(str(REFACTORY / "questions.jsonl")))
    programs = programs_of(raw_rows(str(REFACTORY / "programs.jsonl.gz")), problems)
    assert (len(problems), len(programs)) == (5, 4388)
    found = label(programs[::100], problems, workers=2)
    other = [one for one in found if one.correct is not one.program.said]
    assert len(found) == 44
    assert {(one.program.problem, one.program.said) for one in other} <= {
        ("4", False)
    }  # ready-made sorting was not allowed
    assert json.dumps([one.why for one in found if not one.correct])
