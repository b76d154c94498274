"""The report as a Jupyter notebook: text with its figures inside, and a cell that reads the numbers."""

import base64
import json
import re
from typing import Any

from topgraft.report.document import Document, drawings_of
from topgraft.report.figures.drawing import Drawing
from topgraft.report.formats.markdown import Writer

READ = """# The numbers of this report, at full precision (run beside results.json).
import json
from pathlib import Path

results = json.loads(Path("results.json").read_text(encoding="utf-8"))
{
    (arm, name): (entry["value"], entry.get("low"), entry.get("high"))
    for arm, content in results["arms"].items()
    for name, entry in content["metrics"].items()
}"""


def notebook(document: Document) -> str:
    """Return the notebook (nbformat 4.5) as JSON; it needs no file beside it but for running its one cell of code."""
    writer = Writer(document, lambda drawing: f"attachment:{drawing.name}.svg")
    cells = [_markdown("report", writer.head(), [])]
    for section in document.sections:
        cells.append(_markdown(section.anchor, writer.section(section), drawings_of(section.blocks)))
        if section.anchor == "results":
            cells.append(_cell("results-read", "code", READ) | {"execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}, "title": document.title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _markdown(name: str, text: str, drawings: Any) -> dict[str, Any]:
    """A cell of text with those of the drawings that it shows."""
    found = {f"{one.name}.svg": _inside(one) for one in drawings if f"(attachment:{one.name}.svg)" in text}
    return _cell(name, "markdown", text) | ({"attachments": found} if found else {})


def _cell(name: str, kind: str, text: str) -> dict[str, Any]:
    return {
        "id": re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64],
        "cell_type": kind,
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }


def _inside(drawing: Drawing) -> dict[str, str]:
    return {"image/svg+xml": base64.b64encode(drawing.svg.encode()).decode()}
