"""Law: every format of the report holds the same, and no text of data or models leaves its place in any of them."""

import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from fake_run import FORMULA, LATEX, LONG_WORD, SCRIPT, fake_provenance
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from topgraft.cli import app
from topgraft.errors import UserError
from topgraft.report import write_report
from topgraft.report.document import Answer, Answers, Document, Fold, Listing, Points, Section, Table, Term, Terms, Text
from topgraft.report.formats import FORMATS, named
from topgraft.report.formats.latex import latex
from topgraft.report.formats.markdown import markdown, plain
from topgraft.report.formats.notebook import notebook
from topgraft.report.formats.pdf import pdf
from topgraft.report.formats.tex_table import ROOM, divide
from topgraft.report.words.results import Cell
from topgraft.report.words.text import clean, tex, tex_lines
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json, write_whole

BIDI = "left \u202e right"
HOSTILE = (
    SCRIPT,
    FORMULA,
    LATEX,
    LONG_WORD,
    BIDI,
    "```\n# not a heading\n```",
    "| a | b |\n|---|---|",
    "[a](javascript:alert(1)) ![b](http://evil.example/x.png) <http://evil.example> http://evil.example",
    "see www.evil.example",
    "* item\n- item\n1. item\n> quote\n---\n# heading\n    code",
    "&lt;b&gt; &#60; $x$ $$y$$ ~~z~~ _a_ __b__ `c` ``d",
    r"\end{document} \input{/etc/passwd} \write18{ls} ^^5cend{x} % & # --- ?` !` \\ \verb|x|",
    "汉字 العربية 🎓 e\u0301\u0301 Ł ß œ … “x” ≤ ✓ zero\u200bwidth",
    "bell\x07 null\x00 esc\x1b[31m \x7f \ud800",
    "\\",
    "trailing\\\nline\\\\",
    "",
)


def hostile_document() -> Document:
    """A document of every block, whose every text is each of the hostile ones in turn."""
    sections = []
    for place, text in enumerate(map(clean, HOSTILE)):
        table = Table(
            name=text,
            header=["Arm", text, "n"],
            rows=[[text, Cell("0.5", "[0.1, 0.9]", best=True, reading=text), "4"]],
            caption=text,
            source="a.json",
            numeric=frozenset({1, 2}),
            foot=[[text, text, text]],
        )
        answers = Answers(
            key=text,
            prompt=text,
            answers=[Answer(title=text, text=text, facts=[text], agrees=True), Answer(title="empty", text="")],
            tag=text,
            reference=text,
        )
        terms = [Term(name=text, text=text, facts=[(text, text)], warning=text), Term(name="x", text="y")]
        blocks = [
            Text(text=text, lead=text, notice=True),
            Text(text=text, muted=True),
            Points(texts=[text, text], source="a.json"),
            table,
            Terms(terms=terms, source="a.json"),
            Terms(terms=terms, source="a.json", brief=True),
            Listing(text=text),
            answers,
            Fold(title=text, blocks=[answers, Listing(text=text)], printed=True),
            Fold(title=text, blocks=[answers]),
        ]
        sections.append(Section(anchor=f"s{place}", title=text, blocks=blocks))
    told = clean(SCRIPT + BIDI)
    return Document(kicker=told, title=told, lead=told, about=told, facts=[(told, told)], notices=[], sections=sections)


@pytest.fixture(scope="module")
def hostile_texts() -> Document:
    return hostile_document()


def tokens(text: str) -> list:
    """The tokens of a real reader of CommonMark with tables."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def test_markdown_of_hostile_texts_is_text(hostile_texts):
    found = tokens(markdown(hostile_texts))
    inline = [child for token in found for child in token.children or []]
    assert not {"html_inline", "link_open", "image", "s_open"} & {token.type for token in inline}
    kinds = [token.type for token in found]
    assert "html_block" not in kinds
    assert kinds.count("table_open") == len(HOSTILE)
    levels = [token.tag for token in found if token.type == "heading_open"]
    named = len([text for text in HOSTILE if text])
    assert [levels.count(tag) for tag in ("h1", "h2", "h3", "h4")] == [1, len(HOSTILE), 0, 2 * named]
    fences = {token.content.removesuffix("\n") for token in found if token.type == "fence"}
    assert {clean(text) for text in HOSTILE if text} <= fences, "what is listed is what was written"
    rows = [kinds[place:].index("tr_close") for place, kind in enumerate(kinds) if kind == "tr_open"]
    assert set(rows) == {1 + 3 * 3}, "three cells in every row"


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_a_line_of_markdown_reads_as_it_was(text):
    (paragraph,) = [token for token in tokens("x " + plain(clean(text))) if token.type == "inline"]
    shown = "".join("\n" if child.type.endswith("break") else child.content for child in paragraph.children)
    assert shown == " ".join(["x", *clean(text).split()])


def test_latex_of_hostile_texts_has_no_command_of_theirs(hostile_texts):
    made = latex(hostile_texts)
    for word in (r"\input", r"\write18", r"\verb|", "^^5c", SCRIPT, "\u202e"):
        assert word not in made
    assert made.count(r"\end{document}") == 1
    assert made.count("{") - made.count(r"\{") == made.count("}") - made.count(r"\}")


def test_words_for_latex():
    assert tex("50% of a_b -- {x}") == r"50\% of a\_b -{}- \{x\}"
    assert tex("a汉é") == r"a\uni{6C49}{汉}é"
    assert tex("x" * 30) == "x" * 12 + r"\allowbreak{}" + "x" * 12 + r"\allowbreak{}" + "x" * 6
    assert tex_lines("a\n  b\n\n") == "a\\par\n\\hspace*{1em}b\\par\n~\\par\n~\\par"


def test_wide_tables_are_divided():
    assert divide([10.0, 20.0, 15.0]) == [[0, 1, 2]]
    assert divide([10.0, 20.0, ROOM - 30, 5.0]) == [[0, 1], [0, 2, 3]]
    assert divide([10.0, 2 * ROOM, 5.0]) == [[0, 1], [0, 2]]


def compiled(folder, source: str, *arguments: str) -> str:
    """The log of pdfLaTeX, which must make a PDF of `source` without an error."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", *arguments, source]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    return log


def test_latex_of_hostile_texts_compiles(tmp_path, hostile_texts):
    (tmp_path / "report.tex").write_text(latex(hostile_texts), encoding="utf-8")
    assert "Output written" in compiled(tmp_path, "report.tex")


def test_the_report_of_a_run_compiles_where_it_lies(tmp_path, finished):
    log = compiled(finished.report, "report.tex", f"-output-directory={tmp_path}")
    assert "LaTeX Warning: File" not in log, "every figure is there"
    wide = [float(found) for found in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 10, "nothing stands out of the page"


@pytest.mark.parametrize("run", ["finished", "hostile", "many"])
def test_the_parts_for_a_paper_compile(tmp_path, request, run):
    report = request.getfixturevalue(run).report
    paper = ["\\documentclass{article}", "\\usepackage[T1]{fontenc}", "\\usepackage{booktabs}", "\\begin{document}"]
    paper += ["\\input{results}", "\\input{feedback}", "\\end{document}"]
    for name in ("results.tex", "feedback.tex"):
        shutil.copy(report / name, tmp_path)
    (tmp_path / "paper.tex").write_text("\n".join(paper))
    compiled(tmp_path, "paper.tex")


def test_feedback_sets_question_and_answers_side_by_side(finished, many):
    made = (finished.report / "feedback.tex").read_text(encoding="utf-8")
    assert made.count("\\begin{figure*}") == 3
    assert made.count("\\begin{minipage}") == 3 * 4, "three arms and the reference"
    for words in (r"\textbf{base}", r"\textbf{sft}", r"\textbf{ppo}", r"\textbf{Reference}", "Guard that case"):
        assert words in made
    assert (many.report / "feedback.tex").read_text().startswith("%"), "no responses, no figure"


@pytest.mark.parametrize("run", ["finished", "hostile"])
def test_the_notebook_is_valid_and_whole(request, run):
    report = request.getfixturevalue(run).report
    book = nbformat.read(report / "report.ipynb", as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        asked = set(re.findall(r"\]\(attachment:([^)]+)\)", cell.source)) if cell.cell_type == "markdown" else set()
        assert asked == set(cell.get("attachments", {})), "every figure is inside"
    (code,) = [cell.source for cell in book.cells if cell.cell_type == "code"]
    ran = {}
    exec(code.replace('Path("results.json")', "PATH"), {"PATH": report / "results.json"}, ran)
    assert ran["results"]["arms"]


def test_the_notebook_of_hostile_texts_is_valid(hostile_texts):
    nbformat.validate(nbformat.reads(notebook(hostile_texts), as_version=4))


def test_every_format_holds_the_same_summary_and_numbers(finished):
    report, squeezed = finished.report, {}
    for name in ("index.html", "report.md", "report.tex", "report.ipynb"):
        text = (report / name).read_text(encoding="utf-8")
        squeezed[name] = re.sub(r"[\s\\\\{}*]|\"|\n", "", text.replace("$-$", "−"))
    for words in ("0.810", "[0.748, 0.872]", "Not separated, so not shown either way", "evaluation/results.json: arms"):
        for name, text in squeezed.items():
            assert re.sub(r"\s", "", words) in text, (name, words)


def test_the_pdf_is_a_pdf_that_fetches_nothing(finished, hostile_texts, tmp_path):
    assert (finished.report / "report.pdf").read_bytes().startswith(b"%PDF")
    made = pdf(hostile_texts)
    assert made.startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        return
    (tmp_path / "x.pdf").write_bytes(made)
    command = ["pdftotext", str(tmp_path / "x.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()
    assert SCRIPT in text


def test_a_missing_extra_is_named(hostile_texts, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(UserError, match=re.escape('pip install "topgraft[pdf]"')):
        pdf(hostile_texts)


def test_formats_by_name():
    assert named(["pdf,latex", "html", " PDF "]) == ["pdf", "latex"]
    with pytest.raises(UserError, match=r"'markdwn' is no format of a report.*did you mean markdown"):
        named(["markdwn"])


@pytest.fixture
def begun(tmp_path) -> RunFolder:
    """A run that has hardly begun: quick to report."""
    run = RunFolder(tmp_path / "run")
    write_json(run.path / "provenance.json", fake_provenance())
    write_whole(run.recipe_file, 'name = "professor"\n')
    return run


def test_a_format_that_is_there_is_written_anew(begun):
    write_report(begun, ["markdown"])
    assert {form.file for form in FORMATS.values() if (begun.report / form.file).exists()} == {"report.md"}
    write_json(begun.path / "provenance.json", fake_provenance() | {"about": "something else"})
    write_report(begun)
    assert "something else" in (begun.report / "report.md").read_text()
    assert json.loads((begun.report / "results.json").read_text())["arms"] == {}


def test_the_command_says_which_files_it_wrote(begun):
    asked = CliRunner().invoke(app, ["report", str(begun.path), "--format", "markdown,html", "--format", "notebook"])
    assert asked.exit_code == 0, asked.output
    assert asked.output.split() == [str(begun.report / name) for name in ("index.html", "report.md", "report.ipynb")]


def test_a_sweep_has_a_page_only(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    asked = CliRunner().invoke(app, ["report", str(tmp_path), "--format", "latex"])
    assert isinstance(asked.exception, UserError)
    assert "is a sweep" in str(asked.exception)
