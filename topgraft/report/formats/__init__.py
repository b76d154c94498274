"""The formats of the report beside the page: name -> its file and the function that writes a document so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from topgraft.errors import UserError
from topgraft.report.document import Document
from topgraft.report.formats.latex import latex
from topgraft.report.formats.markdown import markdown
from topgraft.report.formats.notebook import notebook
from topgraft.report.formats.pdf import pdf


@dataclass(frozen=True)
class Format:
    """One format."""

    file: str
    """The file of the report's folder that holds it."""
    write: Callable[[Document], str | bytes]
    """Makes the file's content of a document."""


FORMATS = {
    "pdf": Format("report.pdf", pdf),
    "latex": Format("report.tex", latex),
    "markdown": Format("report.md", markdown),
    "notebook": Format("report.ipynb", notebook),
}


def named(words: Iterable[str]) -> list[str]:
    """Return the formats that `words` ask for, each once; a word may hold several with commas between.

    "html" asks for the page, which is written anyway. UserError for a word that is no format.
    Example: `named(["pdf,latex", "html", "pdf"])` -> ["pdf", "latex"].
    """
    asked = [name.strip().lower() for word in words for name in word.split(",") if name.strip()]
    for name in asked:
        if name not in (known := ["html", *FORMATS]):
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise UserError(f"'{name}' is no format of a report: there are {', '.join(known)}{hint}")
    return [name for name in dict.fromkeys(asked) if name != "html"]
