"""Law: imports go one way, files and functions stay short, no code reads pickle, and every setting does something.

The source is read with ast, so that an import inside a function counts too.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import topgraft
from topgraft.model.load import ModelSettings
from topgraft.recipe import Settings, build, read_recipe, scales_of, shipped_recipes, to_toml
from topgraft.train.settings import RunSettings

PACKAGE = Path(topgraft.__file__).resolve().parent
ORDER = [
    {"errors"},
    {"processes"},
    {"recipe", "records", "lookup", "runs"},
    {"objectives"},
    {"data"},
    {"model"},
    {"rollout"},
    {"rewards"},
    {"algorithms"},
    {"evaluate"},
    {"rating"},
    {"train"},
    {"experiments"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
REPORT_MAY = {"errors", "recipe", "records", "runs", "report"}
APART = {"__init__", "shipped"}
"""Imported by all (the version), and data without code."""
FILES = sorted(PACKAGE.rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def part(path: Path) -> str:
    """The part of the house that a file belongs to: a folder or a single file under topgraft."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything that a file imports; relative imports are spelled out."""
    package = [*path.relative_to(PACKAGE.parent).with_suffix("").parts][:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, part of topgraft) for the imports that stay inside."""
    for line, full in imports(path):
        words = full.split(".")
        if words[0] == "topgraft" and len(words) > 1 and words[1] in RANK | {"report": 0}:
            yield line, words[1]


def test_every_part_of_the_house_has_a_place_in_the_order():
    assert {part(path) for path in FILES} <= RANK.keys() | {"report"} | APART


def test_imports_go_one_way():
    wrong = [
        f"{name(path)}:{line} imports topgraft.{other}"
        for path in FILES
        if part(path) in RANK
        for line, other in own_imports(path)
        if other != "report" and RANK[other] > RANK[part(path)]
    ]
    assert not wrong, "\n".join(wrong)


def test_parts_below_the_command_line_and_training_do_not_import_the_report():
    low = {
        "errors",
        "recipe",
        "records",
        "lookup",
        "runs",
        "objectives",
        "data",
        "model",
        "rollout",
        "rewards",
        "algorithms",
    }
    wrong = [
        f"{name(path)}:{line}"
        for path in FILES
        if part(path) in low
        for line, other in own_imports(path)
        if other == "report"
    ]
    assert not wrong, wrong


def test_the_report_reads_run_folders_only():
    wrong = [
        f"{name(path)}:{line} imports {full}"
        for path in FILES
        if part(path) == "report"
        for line, full in imports(path)
        if full.split(".")[0] in {"torch", "transformers", "peft"}
        or (full.startswith("topgraft.") and full.split(".")[1] not in REPORT_MAY)
    ]
    assert not wrong, "\n".join(wrong)


def test_objectives_import_torch_and_each_other_only():
    allowed = ("torch", "math", "topgraft.objectives", "__future__")
    found = [(name(path), full) for path in FILES if part(path) == "objectives" for _, full in imports(path)]
    assert len(found) > 5
    wrong = [pair for pair in found if not (pair[1] + ".").startswith(tuple(word + "." for word in allowed))]
    assert not wrong, wrong


def test_files_stay_under_250_lines():
    long = {name(path): count for path in FILES if (count := len(path.read_text().splitlines())) >= 250}
    assert not long, long


def test_functions_stay_under_60_lines():
    long = [
        f"{name(path)}:{node.lineno} {node.name} {node.end_lineno - node.lineno + 1}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 >= 60
    ]
    assert not long, "\n".join(long)


SANDBOXED = "topgraft/data/programs/child.py"
"""Runs students' programs, in a process that may nothing (tests/data/test_data_programs.py)."""


def test_nothing_reads_pickle_or_runs_text_as_code():
    wrong = []
    for path in FILES:
        wrong += [
            f"{name(path)}:{line} imports {full}"
            for line, full in imports(path)
            if full.split(".")[0] in {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
        ]
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "torch.load" and any(ast.unparse(word) == "weights_only=True" for word in node.keywords):
                    continue  # tensors alone: PyTorch itself refuses anything that would be run
                runs = {"eval", "exec", "compile", "torch.load", "torch.save", "__import__", "os.system"}
                if called in runs and name(path) != SANDBOXED:
                    wrong.append(f"{name(path)}:{node.lineno} calls {called}")
                wrong += [
                    f"{name(path)}:{node.lineno} sets {word.arg}"
                    for word in node.keywords
                    if word.arg in {"trust_remote_code", "shell"}
                    and isinstance(word.value, ast.Constant)
                    and word.value.value is True
                ]
    assert not wrong, "\n".join(wrong)


def test_pages_and_styles_load_nothing_from_the_network():
    markup = [path for path in PACKAGE.rglob("*") if path.suffix in {".jinja", ".css", ".html", ".js", ".svg"}]
    wrong = [
        f"{name(path)}:{number} {line.strip()[:80]}"
        for path in markup
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if any(
            mark in line.lower() for mark in ('src="http', "src='http", "url(http", 'url("http', "@import", 'src="//')
        )
        or ("<link" in line.lower() and "http" in line.lower())
    ]
    assert not wrong, "\n".join(wrong)


def settings_classes() -> dict[str, tuple[Path, ast.ClassDef]]:
    """Every class that derives, at whatever distance, from Settings: "file:Class" -> its definition."""
    classes = [(path, node) for path in FILES for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    known, grown = {"Settings"}, True
    while grown:
        grown = False
        for _, node in classes:
            bases = {ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases}
            if node.name not in known and bases & known:
                known.add(node.name)
                grown = True
    return {f"{name(path)}:{node.name}": (path, node) for path, node in classes if node.name in known - {"Settings"}}


def test_the_settings_classes_are_found():
    found = {key.split(":")[1] for key in settings_classes()}
    assert {"LoraSettings", "ModelSettings", "SamplingSettings", "LengthSettings", "StepSettings", "Options"} <= found
    assert "Settings" not in found
    assert issubclass(ModelSettings, Settings)


def test_every_setting_is_read_somewhere():
    read = {
        node.attr
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    fields = [
        (key, item.target.id)
        for key, (_, node) in settings_classes().items()
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id != "model_config"
    ]
    assert len(fields) > 30
    unread = [f"{key}.{field}" for key, field in fields if field not in read]
    assert not unread, "set but never read: " + ", ".join(unread)


def test_every_setting_says_what_it_does():
    silent = []
    for key, (_, node) in settings_classes().items():
        for item, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                table = any(word in ast.unparse(item.annotation) for word in ("Settings", "Options"))
                if not text and not table:  # a table says it in its own class
                    silent.append(f"{key}.{item.target.id}")
    assert not silent, "settings without a docstring: " + ", ".join(silent)


def test_every_shipped_recipe_parses_at_every_scale():
    recipes = shipped_recipes()
    assert len(recipes) >= 1
    assert "professor" in recipes
    for known in recipes:
        for scale in [None, *scales_of(known)]:
            built = build(RunSettings, read_recipe(known, scale=scale))
            assert build(RunSettings, tomllib.loads(to_toml(built))) == built
