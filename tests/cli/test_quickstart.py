"""Law: the quick-start notebook runs in a kernel from its first cell to its last, and shows what it promises."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

BOOK = Path(__file__).resolve().parents[2] / "examples" / "quickstart.ipynb"


def shown(cell: NotebookNode, kind: str) -> str:
    """What a cell shows, of one kind."""
    return "".join(str(output["data"][kind]) for output in cell.outputs if kind in output.get("data", {}))


def test_the_notebook_runs_and_shows_tables_figures_and_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for one another on shared cores take minutes
    book = nbformat.read(BOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in book.cells)  # as it is kept
    NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    tables = [cell for cell in cells if "results.csv" in cell.source]
    assert len(tables) == 2
    for table in tables:
        assert all(word in shown(table, "text/html") for word in ("reward", "base", "sft", "ppo", "low", "high"))
    figures = [cell for cell in cells if "SVG(" in cell.source]
    assert len(figures) == 2
    assert all("<svg" in shown(figure, "image/svg+xml") for figure in figures)
    said = [output.text for cell in cells for output in cell.outputs if output.get("name") == "stdout"]
    assert any("--- base" in text and "--- ppo" in text for text in said)
    chatter = [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert not [text for text in chatter if "Warning" in text]
    assert (tmp_path / "runs" / "quickstart" / "report" / "index.html").exists()
