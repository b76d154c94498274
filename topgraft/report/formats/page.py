"""The report as one self-contained page, and what pages share: templates, style sheet, figure files."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from topgraft.report.document import Document, Numbers
from topgraft.report.figures.drawing import Drawing
from topgraft.report.formats.printing import breakable, printable
from topgraft.report.words.numbers import plain, rank
from topgraft.report.words.text import sentence
from topgraft.runs.writing import write_whole

HERE = Path(__file__).parent


def page(document: Document, beside: Sequence[str], printed: bool = False) -> str:
    """Return the report as HTML; `beside` are the files that stand beside the page, figures aside.

    `printed` is for a program that makes paper of it and knows no script: the figures are then pictures of their own.
    """
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render(
        "page.html.jinja",
        {
            "document": document,
            "numbers": Numbers(document),
            "beside": beside,
            "printed": printed,
            "script": Markup(script),
            "script_digest": Markup(f"sha256-{digest}"),
        },
    )


def write_figures(folder: Path, drawn: Iterable[Drawing]) -> None:
    """Write the figures, then remove those of an earlier report that no longer exist."""
    written = set()
    for drawing in drawn:
        for ending, content in ((".svg", drawing.svg), (".pdf", drawing.pdf)):
            if content:
                write_whole(folder / f"{drawing.name}{ending}", content)
                written.add(f"{drawing.name}{ending}")
    for path in folder.glob("*.*") if folder.is_dir() else ():
        if path.suffix in (".svg", ".pdf") and path.name not in written:
            path.unlink()


def render(template: str, context: dict[str, Any]) -> str:
    """Fill a template of this folder; all data are escaped, only our own style sheet and drawings are not."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=breakable if context.get("printed") else None,
    )
    environment.filters["plain"] = plain
    environment.filters["rank"] = lambda text: "" if rank(text) is None else f"{rank(text):.12g}"
    environment.filters["sentence"] = sentence
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["drawing"] = lambda drawing: Markup(drawing.inline)
    environment.filters["picture"] = _picture
    css = (HERE / "page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=Markup(css), **context)


def _picture(drawing: Drawing) -> Markup:
    """The address of a drawing that holds the drawing itself."""
    return Markup(f"data:image/svg+xml;base64,{base64.b64encode(printable(drawing.svg).encode()).decode()}")
