"""SECURITY.md promises nothing that no test holds."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "SECURITY.md"
if not PAGE.exists():
    pytest.skip("SECURITY.md stands in a checkout only", allow_module_level=True)
PROMISES = re.findall(r"^(\d+)\. (.*(?:\n   .*)*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def named(text: str) -> list[tuple[str, str]]:
    """(file, function) of every test that a promise names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_promises_are_numbered_and_many():
    assert [int(number) for number, _ in PROMISES] == list(range(1, len(PROMISES) + 1))
    assert len(PROMISES) >= 20


@pytest.mark.parametrize(("number", "text"), PROMISES, ids=[number for number, _ in PROMISES])
def test_every_promise_names_a_test_that_is_there(number, text):
    tests = named(text)
    assert tests
    for file, function in tests:
        assert (ROOT / file).is_file(), file
        assert function.startswith("test_")
        assert function in functions(ROOT / file), f"{file} has no {function}"
