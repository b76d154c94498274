"""docs/rewards.md has every rule with every setting and its default."""

import inspect
import json
from pathlib import Path

import pytest

from topgraft.lookup import resolve
from topgraft.rewards import RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rewards.md"
LONG = {"harsh", "warm", "challenging", "correcting"}
"""Lists of terms, which stand in the code."""


def table() -> dict[str, str]:
    """Rule -> the cell of its settings."""
    lines = [
        line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"
    ]
    return {cells[0].strip("`"): cells[3] if len(cells) > 3 else "" for cells in lines}


def test_the_page_has_the_rules_of_the_table():
    assert list(table()) == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_the_page_has_the_settings_of_each_rule(name):
    found, cell = resolve("reward", name, RULES), table()[name]
    fields = found.model_fields if inspect.isclass(found) else {}
    assert bool(fields) == bool(cell)
    for key, field in fields.items():
        bare = field.is_required() or field.default in (None, "") or key in LONG
        assert f"`{key}`" in cell if bare else f"`{key} = {json.dumps(field.default)}`" in cell
