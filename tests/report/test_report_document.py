"""Law: a table or figure has one number and names files that are there; what sorts, sorts by its value."""

import shutil
import subprocess
from pathlib import Path

import pytest

from topgraft.report.contents import contents
from topgraft.report.document import Figures, Numbers, Points, Table, Terms, walk
from topgraft.report.reading import read
from topgraft.report.words.numbers import rank


@pytest.fixture(scope="module")
def document(finished):
    return contents(finished, read(finished))


def test_every_number_can_be_traced_to_a_file(document, finished):
    blocks = list(walk(block for section in document.sections for block in section.blocks))
    sources = {block.source for block in blocks if isinstance(block, Table | Figures | Terms | Points)}
    assert len(sources) > 8
    for source in sources:
        for part in source.replace(", stages", "; stages").split("; "):
            assert list(finished.path.glob(part.partition(": ")[0])), f"{part} is no file of the run"


def test_tables_and_figures_have_one_number_each(document):
    blocks = list(walk(block for section in document.sections for block in section.blocks))
    numbers = Numbers(document)
    tables = [numbers.table(block) for block in blocks if isinstance(block, Table)]
    figures = [numbers.figure(drawing) for block in blocks if isinstance(block, Figures) for drawing in block.drawings]
    assert tables == list(range(1, len(tables) + 1))
    assert [number for number in figures if number] == list(range(1, len([n for n in figures if n]) + 1))
    assert figures.count(None) == 1, "the narrow pipeline"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.41 [0.35, 0.47] *", 0.41),
        ("−0.72 [−1.03, −0.41]", -0.72),
        ("1 h 02 min", 3720.0),
        ("1 min 15 s", 75.0),
        ("25.7 s", 25.7),
        ("30.1 M", 30.1e6),
        ("946 k", 946e3),
        ("1,310,720", 1310720.0),
        ("3 of 12", 3.0),
        ("40 / 38", 40.0),
        ("2.50e−06", 2.5e-6),
        ("–", None),
        ("", None),
    ],
)
def test_what_a_cell_sorts_by(text, value):
    assert rank(text) == (pytest.approx(value) if value is not None else None)


DRIVER = """<script>
const table = document.querySelector("table.sortable"), name = (row) => row.cells[0].textContent.trim();
const rows = () => [...table.tBodies[0].rows].map(name).join(",");
const button = table.tHead.rows[0].cells[3].querySelector("button"), seen = [rows()];
for (let turn = 0; turn < 3; turn++) {
  button.click();
  seen.push(button.parentElement.getAttribute("aria-sort") + ":" + rows());
}
document.title = seen.join("|");
</script></body>"""


def test_the_tables_sort_in_a_browser(tmp_path, finished):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser here")
    page = (finished.report / "index.html").read_text(encoding="utf-8")

    def shown(name: str, text: str) -> str:
        path: Path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--dump-dom", path.as_uri()]
        return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode("utf-8")

    assert '<button type="button">' in shown("page.html", page), "the policy lets our script run"
    free = page.replace("script-src 'sha256-", "script-src 'unsafe-inline' 'nothing-")
    title = shown("driven.html", free.replace("</body>", DRIVER)).partition("<title>")[2].partition("</title>")[0]
    given = "SAC ↑,BLEU ↑,CA ↑,Win rate ↑,Reward ↑,KL ↓"
    assert title.split("|") == [
        given,
        "descending:BLEU ↑,KL ↓,Reward ↑,Win rate ↑,SAC ↑,CA ↑",
        "ascending:CA ↑,SAC ↑,Win rate ↑,Reward ↑,KL ↓,BLEU ↑",
        f"null:{given}",
    ]
