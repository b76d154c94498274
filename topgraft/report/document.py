"""What a report says before it is known how it is shown: sections of blocks, which each format writes its own way."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from topgraft.report.drawing import Drawing


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph. `notice` sets it off: a reader must not miss it."""

    text: str
    notice: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a header; the first column names the row.

    Columns whose number is in `numeric` are set as numbers and sort by the first number in them. `source` is the file
    of the run folder that the numbers stand in, with the place inside where that helps: "evaluation/results.json".
    """

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    source: str
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Drawings that stand side by side, each with its caption; `source` as in Table."""

    drawings: Sequence[Drawing]
    source: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Text whose lines stay as they are: a command, settings, a prompt."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One text with who wrote it and what is said of it in few words."""

    title: str
    text: str
    facts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Texts side by side under the question that they answer."""

    key: str
    prompt: str
    answers: Sequence[Answer]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Blocks that a reader opens who wants them; a format without folds shows or leaves them out as a whole."""

    title: str
    blocks: "Sequence[Block]"


Block = Text | Table | Figures | Listing | Answers | Fold


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of the report; `anchor` is its id on the page and its place in the navigation."""

    anchor: str
    title: str
    blocks: Sequence[Block]


def drawings_of(blocks: Iterable[Block]) -> Iterator[Drawing]:
    """All drawings, also those in folds."""
    for block in blocks:
        if isinstance(block, Figures):
            yield from block.drawings
        elif isinstance(block, Fold):
            yield from drawings_of(block.blocks)
