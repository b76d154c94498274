"""The report as markdown that reads well unrendered too. Texts of data and models cannot leave their place in it."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence

from topgraft.report.document import (
    Answers,
    Block,
    Document,
    Figures,
    Fold,
    Heading,
    Listing,
    Numbers,
    Points,
    Quote,
    Section,
    Table,
    Term,
    Terms,
    Text,
)
from topgraft.report.figures.drawing import Drawing
from topgraft.report.words.text import one_line, sentence

WIDTH, WIDEST_PADDED = 110, 48
PAGE = "index.html"


def markdown(document: Document) -> str:
    """Return the whole report; its figures are those in figures/ beside it."""
    writer = Writer(document, lambda drawing: f"figures/{drawing.name}.svg")
    return "\n\n".join([writer.head(), *(writer.section(section) for section in document.sections)]) + "\n"


class Writer:
    """Writes parts of a document; `image` gives the address of a figure."""

    def __init__(self, document: Document, image: Callable[[Drawing], str]) -> None:
        self.document, self.image, self.numbers = document, image, Numbers(document)

    def head(self) -> str:
        """Title, what was run, facts, notices."""
        document = self.document
        parts = [f"# {plain(document.title)}", paragraph(plain(document.lead))]
        if document.about:
            parts.append(paragraph(f"*{plain(document.about).strip()}*"))
        parts.append("\n".join(f"- {plain(name)}: {plain(value)}" for name, value in document.facts))
        parts += [self._text(notice) for notice in document.notices]
        return "\n\n".join(part for part in parts if part)

    def section(self, section: Section) -> str:
        """A section with its title."""
        return "\n\n".join([f"## {plain(section.title)}", *self._blocks(section.blocks)])

    def _blocks(self, blocks: Iterable[Block]) -> list[str]:
        return [text for block in blocks if (text := self._block(block))]

    def _block(self, block: Block) -> str:
        match block:
            case Text():
                return self._text(block)
            case Quote():
                return quoted(block.text)
            case Points():
                return "\n".join(item(plain(text)) for text in block.texts) + f"\n\n{source(block.source)}"
            case Heading():
                return f"### {plain(block.title)}"
            case Table():
                caption = f"**Table {self.numbers.table(block)}.** {plain(block.caption)} {source(block.source)}"
                return f"{table(block)}\n\n{paragraph(caption)}"
            case Terms():
                return "\n".join(_term(term) for term in block.terms) + f"\n\n{source(block.source)}"
            case Figures():
                return "\n\n".join(self._figure(drawing, block) for drawing in block.shown)
            case Listing():
                return fenced(block.text)
            case Answers():
                return _answers(block)
            case Fold():
                if block.printed:
                    return "\n\n".join([f"**{plain(block.title)}**", *self._blocks(block.blocks)])
                return f"*{plain(block.title)}: in {PAGE}.*"

    def _text(self, block: Text) -> str:
        lead = f"**{plain(block.lead)}**" + " " * block.text.startswith(" ") if block.lead else ""
        quote = "> " if block.notice else ""
        return paragraph(lead + plain(block.text), quote, quote)

    def _figure(self, drawing: Drawing, block: Figures) -> str:
        caption = f"**Figure {self.numbers.figure(drawing)}.** {plain(sentence(drawing.caption))}"
        return f"![{bracketed(drawing.alt)}]({self.image(drawing)})\n\n{paragraph(f'{caption} {source(block.source)}')}"


def plain(text: str) -> str:
    """Return `text` as one line that says nothing to a markdown reader but itself.

    Example: `plain("a *b* <c> [d](e)")` -> r"a \\*b\\* \\<c> &#91;d](e)".
    """
    text = re.sub(r"([\\\\`*~$<])", r"\\\1", one_line(text))
    text = re.sub(r"&(?=[#\w])", "&amp;", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    text = re.sub(r"\[(?=[^\[]*\][(\[:])|\[(?=\^)", "&#91;", text)
    return re.sub(r"(?i)\b(https?|ftp)(?=://)|\b(www)(?=\.)", r"\1\2\\", text)


def started(line: str) -> str:
    """Escape what would make a list, heading, quotation or rule of a line that begins with it."""
    return re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", re.sub(r"^(?=[-+=>#|\[:])", r"\\", line))


def paragraph(text: str, first: str = "", rest: str = "") -> str:
    """Return `text`, which is markdown, as wrapped lines; `first` opens the first, `rest` the others."""
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join((rest if place else first) + started(line) for place, line in enumerate(lines))


def bracketed(text: str) -> str:
    """Return `text` as it may stand in square brackets: its own are pairs, or none."""
    text, depth = plain(text), 0
    for character in text:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth < 0:
            break
    return text if not depth else text.replace("[", "&#91;").replace("]", "&#93;")


def item(text: str) -> str:
    """Return `text`, which is markdown, as an item of a list."""
    return paragraph(text, "- ", "  ")


def source(text: str) -> str:
    """Return the file of the run folder that numbers stand in."""
    return f"(`{text.replace('`', '´')}`)"


def fenced(text: str) -> str:
    """Return `text` with its lines as they are, within a fence that it cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def quoted(text: str) -> str:
    """Return `text` as a quotation, wrapped, its own line breaks kept; one with indented lines as it is, fenced."""
    if not text.strip():
        return "> *empty*"
    if re.search(r"^[ \t]", text, flags=re.MULTILINE):
        return fenced(text)
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        wrapped = textwrap.wrap(plain(line), WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        lines[-1:] = [f"{lines[-1]}\\" if lines[-1] and wrapped[0] else lines[-1]] if lines else []
        lines += map(started, wrapped)
    return "\n".join(f"> {line}".rstrip() for line in lines)


def table(block: Table) -> str:
    """Return the rows as a pipe table, padded so that the columns stand one under the other."""
    rows = [[str(cell) if isinstance(cell, str) else cell.text for cell in row] for row in (*block.rows, *block.foot)]
    texts = [[plain(cell).replace("|", "\\|") for cell in row] for row in ([*block.header], *rows)]
    widths = [min(WIDEST_PADDED, max(3, *map(len, column))) for column in zip(*texts, strict=True)]
    places = range(len(block.header))
    rule = ["-" * (widths[place] - 1) + (":" if place in block.numeric else "-") for place in places]

    def line(cells: Sequence[str]) -> str:
        sides = (str.rjust if place in block.numeric else str.ljust for place in places)
        return "| " + " | ".join(side(cell, size) for side, cell, size in zip(sides, cells, widths, strict=True)) + " |"

    return "\n".join(line(cells) for cells in (texts[0], rule, *texts[1:]))


def _term(term: Term) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in term.facts)
    said = [plain(part) for part in (term.text, facts) if part] + (
        [f"**{plain(term.warning)}**"] if term.warning else []
    )
    return item(f"**{plain(term.name)}**: {'. '.join(said)}")


def _answers(block: Answers) -> str:
    parts = [f"#### {plain(block.key)}" + (f" ({plain(block.tag)})" if block.tag else "")] if block.key else []
    if block.prompt:
        parts += ["**Question**", fenced(block.prompt)]
    for answer in block.answers:
        facts = " · ".join([*answer.facts, *([answer.verdict] if answer.verdict else [])])
        parts += [f"**{plain(answer.title)}**" + (f" ({plain(facts)})" if facts else ""), quoted(answer.text)]
    if block.reference:
        parts += ["**Reference**", quoted(block.reference)]
    return "\n\n".join(parts)
