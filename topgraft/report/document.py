"""What a report says before it is known how it is shown: sections of blocks, which each format writes its own way."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from topgraft.report.figures.drawing import Drawing
from topgraft.report.words.results import Cell


@dataclass(frozen=True, kw_only=True)
class Link:
    """A place in the document: the anchor of a section or heading, and its title."""

    title: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph. `lead` is its first words, set strong; `notice` sets it off: a reader must not miss it; `muted` says
    that it is a side remark, or that something is not there. `see` are the places that it speaks of."""

    text: str
    notice: bool = False
    lead: str = ""
    muted: bool = False
    see: Sequence[Link] = ()


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A sentence to be copied as it stands."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Points:
    """Sentences that stand one under the other; `source` as in Table."""

    texts: Sequence[str]
    source: str


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The title of what follows within a section."""

    title: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text or values under a header; the first column names the row.

    Columns whose number is in `numeric` are set as numbers and sort by the first number in them. `source` is the file
    of the run folder that the numbers stand in, with the place inside where that helps: "evaluation/results.json" or
    "evaluation/results.json: comparisons"; several have "; " between. Rows of `foot` stay below, however the others are
    sorted. A table may be `prominent`, the one that a reader came for, or `stacked`: so many columns that an interval
    stands under its value.
    """

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str
    source: str
    numeric: frozenset[int] = frozenset()
    foot: Sequence[Sequence[str]] = ()
    prominent: bool = False
    stacked: bool = False


@dataclass(frozen=True, kw_only=True)
class Term:
    """A name and what is said of it: a text, figures with their names, a warning."""

    name: str
    text: str = ""
    facts: Sequence[tuple[str, str]] = ()
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Names with what is said of each; `brief` where that is a word or a number each. `source` as in Table."""

    terms: Sequence[Term]
    source: str
    brief: bool = False


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Drawings that stand side by side, each with its caption; `source` as in Table."""

    drawings: Sequence[Drawing]
    source: str

    @property
    def shown(self) -> list[Drawing]:
        """The drawings without those that stand in for another on a narrow screen."""
        return [drawing for drawing in self.drawings if "narrow" not in drawing.tags]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Text whose lines stay as they are: a command, settings, a prompt."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One text with who wrote it and what is said of it in few words. `agrees`: whether what it says is right."""

    title: str
    text: str
    facts: Sequence[str] = ()
    agrees: bool | None = None

    @property
    def verdict(self) -> str:
        """Whether what it says is right, in a word; empty where it says nothing that can be."""
        return "" if self.agrees is None else "✓ agrees" if self.agrees else "✗ disagrees"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Texts side by side under the question that they answer, the data's own answer (`reference`) last."""

    key: str
    prompt: str
    answers: Sequence[Answer]
    tag: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Blocks that a reader opens who wants them. Formats without folds show those that are `printed`, and name the
    others with the page that has them."""

    title: str
    blocks: "Sequence[Block]"
    printed: bool = False


Block = Text | Quote | Points | Heading | Table | Terms | Figures | Listing | Answers | Fold


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of the report; `anchor` is its id on the page and its place in the navigation."""

    anchor: str
    title: str
    blocks: Sequence[Block]

    @property
    def headings(self) -> list[Heading]:
        """The headings that stand in the section itself, none of a fold."""
        return [block for block in self.blocks if isinstance(block, Heading)]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report: title, a sentence on what was run, facts, notices, sections.

    `drawings` are further figures that stand in files only.
    """

    kicker: str
    title: str
    lead: str
    about: str
    facts: Sequence[tuple[str, str]]
    notices: Sequence[Text]
    sections: Sequence[Section]
    drawings: Sequence[Drawing] = ()

    @property
    def all_drawings(self) -> list[Drawing]:
        """Every figure that is a file."""
        return [*drawings_of(block for section in self.sections for block in section.blocks), *self.drawings]


def walk(blocks: Iterable[Block]) -> Iterator[Block]:
    """All blocks in order, also those in folds."""
    for block in blocks:
        yield block
        if isinstance(block, Fold):
            yield from walk(block.blocks)


def drawings_of(blocks: Iterable[Block]) -> Iterator[Drawing]:
    """All drawings, also those in folds."""
    for block in walk(blocks):
        if isinstance(block, Figures):
            yield from block.drawings


class Numbers:
    """The numbers of tables and figures, in the order of the document: the same in every format, whatever it shows."""

    def __init__(self, document: Document) -> None:
        blocks = list(walk(block for section in document.sections for block in section.blocks))
        tables = [block for block in blocks if isinstance(block, Table)]
        figures = [drawing for block in blocks if isinstance(block, Figures) for drawing in block.shown]
        self._tables = {id(table): place for place, table in enumerate(tables, 1)}
        self._figures = {drawing.name: place for place, drawing in enumerate(figures, 1)}

    def table(self, table: Table) -> int:
        """The number of a table of the document."""
        return self._tables[id(table)]

    def figure(self, drawing: Drawing) -> int | None:
        """The number of a figure; None for one that stands in for another."""
        return self._figures.get(drawing.name)
