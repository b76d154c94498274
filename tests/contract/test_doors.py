"""Law: every name in a table of the package stands for something, and what the docs point to is there."""

import inspect
import re
from pathlib import Path

import pytest

import topgraft
from topgraft.algorithms import ALGORITHMS
from topgraft.algorithms.protocol import Algorithm
from topgraft.cli import app
from topgraft.data.formats import FORMATS
from topgraft.evaluate import METRICS
from topgraft.lookup import resolve
from topgraft.rewards import RULES

ROOT = Path(topgraft.__file__).resolve().parents[1]
PAGES = [
    path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")) if path.exists()
]
VERBS = {
    *("run", "check", "recipes", "train", "generate", "chat", "evaluate", "judge", "rate"),
    *("report", "compare", "layers", "sweep", "data", "export", "convert"),
}


@pytest.mark.parametrize(
    ("kind", "table"), [("metric", METRICS), ("format", FORMATS), ("algorithm", ALGORITHMS), ("reward", RULES)]
)
def test_every_name_in_a_table_can_be_looked_up(kind, table):
    assert table
    for name in table:
        assert resolve(kind, name, table) is not None


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_keeps_the_loops_protocol(name):
    found = resolve("algorithm", name, ALGORITHMS)
    asked = [key for key, value in vars(Algorithm).items() if inspect.isfunction(value) and not key.startswith("_")]
    assert {"trainable", "collect", "count", "loss", "validate", "finish", "save", "load"} <= set(asked)
    for method in asked:
        own, wanted = (inspect.signature(getattr(owner, method)) for owner in (found, Algorithm))
        assert list(own.parameters) == list(wanted.parameters), f"{name}.{method}"


def test_the_command_line_has_the_verbs_that_are_promised_of_it():
    found = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert found >= VERBS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_every_file_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:bin/|`)topgraft ([a-z]+)", text)) <= VERBS
    files = re.findall(r"`((?:topgraft|tools|tests)/[\w/]+\.py)`", text)
    assert not [file for file in files if not (ROOT / file).is_file()]


def test_the_readme_shows_every_verb():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("the README stands in a checkout only")
    assert set(re.findall(r"(?:bin/|`)topgraft ([a-z]+)", readme.read_text(encoding="utf-8"))) == VERBS
