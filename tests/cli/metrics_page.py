"""docs/metrics.md, read."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def table(title: str) -> dict[str, list[str]]:
    """The rows of the table under a heading: its first cell's names -> the other cells."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    found: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            first, *others = [cell.strip() for cell in line.strip("| ").split(" | ")]
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), others)
    return found


def documented(stage: str) -> set[str]:
    """Names of the step metrics that a stage logs, as the page has it."""
    return {name for name, cells in table("Steps").items() if stage in cells[0].split(", ") or cells[0] == "all"}
