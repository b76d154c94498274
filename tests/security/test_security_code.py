"""Law: what the package may not do, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import topgraft

PACKAGE = Path(topgraft.__file__).resolve().parent
FILES = sorted(PACKAGE.rglob("*.py"))
ARCHIVES = {"tarfile", "zipfile", "patoolib", "py7zr", "rarfile"}
PROCESSES = {
    "topgraft/data/programs/sandbox.py",
    "topgraft/train/workplace.py",
    "topgraft/train/exporting/checking.py",
}
"""Files that start programs: Python for a student's program, git for the commit of the checkout, and Python that reads
an exported folder as others do."""


def nodes(kind: type) -> Iterator[tuple[str, ast.AST]]:
    """(file, node) of every node of a kind."""
    for path in FILES:
        name = str(path.relative_to(PACKAGE.parent))
        yield from ((name, node) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kind))


def modules() -> Iterator[tuple[str, str]]:
    """(file, module) of every import."""
    for name, node in nodes(ast.Import):
        yield from ((name, alias.name.split(".")[0]) for alias in node.names)
    for name, node in nodes(ast.ImportFrom):
        yield name, "" if node.level else node.module.split(".")[0]


def test_no_yaml_is_read_and_no_archive_unpacked():
    assert not [(name, module) for name, module in modules() if module in ARCHIVES | {"yaml", "ruamel"}]
    called = [(name, ast.unparse(node.func)) for name, node in nodes(ast.Call)]
    assert len(called) > 1000
    assert not [pair for pair in called if pair[1].endswith(("unpack_archive", ".extractall", ".extract"))]


def test_programs_are_started_from_lists_in_three_places_and_never_by_a_shell():
    started = [(name, node) for name, node in nodes(ast.Call) if ast.unparse(node.func).startswith("subprocess.")]
    assert {name for name, _ in started} == PROCESSES
    for name, node in started:
        assert "shell" not in {word.arg for word in node.keywords}, name
        assert isinstance(node.args[0], ast.List | ast.Name), "a list of words, not a line for a shell"
    shells = ("os.system", "os.popen", "os.spawn", "os.exec", "pty.spawn", "commands.")
    assert not [name for name, node in nodes(ast.Call) if ast.unparse(node.func).startswith(shells)]


def test_every_model_is_loaded_with_a_word_on_its_own_code_and_weights_from_safetensors():
    loaded = [
        (name, node)
        for name, node in nodes(ast.Call)
        if ast.unparse(node.func).startswith("Auto") and ast.unparse(node.func).endswith(".from_pretrained")
    ]
    assert len(loaded) >= 4
    for name, node in loaded:
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        assert words.get("trust_remote_code") in ("False", "code"), f"{name}:{node.lineno}"
        if "AutoModel" in ast.unparse(node.func):
            assert words.get("use_safetensors") == "True", f"{name}:{node.lineno}"
