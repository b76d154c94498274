"""Section "Classifiers": what each classifier said of texts whose label is known, as matrix and as report."""

from typing import Any

from matplotlib.patches import Rectangle

from topgraft.report.document import Block, Figures, Fold, Section, Table, Text
from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import COLUMN, GREYS, GRID, INK, MUTED, ON_HEAD, PAPER
from topgraft.report.words.numbers import MISSING, number, plain, show
from topgraft.report.words.results import label, mapping
from topgraft.report.words.text import slug, tidy
from topgraft.runs import RunFolder

SOURCE = "evaluation/results.json: classifiers"
ABOUT = (
    "Rows are what is true, columns what the classifier said; the diagonal is right. Precision is the share of what it "
    "calls so that is so, recall the share of what is so that it finds, F1 their harmonic mean."
)
SHADES = (PAPER, GRID, GREYS[5], GREYS[0], GREYS[2])
"""A cell's shade by the share of its row: up to 1/5 the first, and so on."""
FEW = 6
"""Up to so many classifiers stand open; of more, those of the arms are folded."""


def classifiers(run: RunFolder) -> Section | None:
    """All classifiers: a figure and a table each; None where none spoke."""
    found = {
        name: content for name, content in mapping(tidy(run.results()).get("classifiers")).items() if _matrix(content)
    }
    if not found:
        return None
    taken: set[str] = set()
    drawings = [_draw(name, content, slug(name, taken)) for name, content in found.items()]
    figures = Figures(drawings=drawings, source=SOURCE)
    blocks: list[Block] = [Text(text=ABOUT), _report(found)]
    blocks.append(figures if len(found) <= FEW else Fold(title=f"{len(found)} confusion matrices", blocks=[figures]))
    return Section(anchor="classifiers", title="Classifiers", blocks=blocks)


def title(name: str) -> str:
    """A classifier's name: "sac" -> "SAC", "ca/ppo" -> "CA, ppo"."""
    return ", ".join([label(name.split("/")[0]), *name.split("/")[1:]])


def _matrix(content: Any) -> list[list[float]]:
    """The matrix, where it is one of numbers and as large as there are labels; else nothing."""
    content = mapping(content)
    labels, rows = content.get("labels"), content.get("matrix")
    if not isinstance(labels, list) or not isinstance(rows, list) or len(rows) != len(labels):
        return []
    found = [[number(value) for value in row] for row in rows if isinstance(row, list)]
    whole = [[value for value in row if value is not None] for row in found]
    return whole if all(len(row) == len(labels) for row in whole) and len(whole) == len(labels) else []


def _report(found: dict[str, Any]) -> Table:
    """One row for each label of each classifier, and its accuracy."""
    rows = []
    for name, content in found.items():
        matrix = _matrix(content)
        total = sum(map(sum, matrix))
        right = sum(row[place] for place, row in enumerate(matrix))
        for of, scores in mapping(content.get("report")).items():
            scores = mapping(scores)
            values = [_share(scores.get(key)) for key in ("precision", "recall", "f1")]
            accuracy = _share(right / total if total else None)
            rows.append([title(name), of, *values, plain(scores.get("n")), accuracy])
    return Table(
        name="Classification reports",
        header=["Classifier", "Label", "Precision", "Recall", "F1", "n", "Accuracy"],
        rows=rows,
        caption="Classification reports; n counts the texts of that label, accuracy is over all labels. A dash: the "
        "classifier never said this label.",
        source=SOURCE,
        numeric=frozenset({2, 3, 4, 5, 6}),
    )


def _share(value: Any) -> str:
    return MISSING if number(value) is None else show(number(value), 2)


def _draw(name: str, content: dict[str, Any], stem: str) -> Drawing:
    """The matrix with its counts, grey by the share of the row."""
    matrix, labels = _matrix(content), [str(of) for of in content["labels"]]
    rows = [place for place, row in enumerate(matrix) if sum(row)]
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 0.75 + 0.36 * len(rows))
        for line, place in enumerate(rows):
            for column, count in enumerate(matrix[place]):
                shade = min(len(SHADES) - 1, int(len(SHADES) * count / sum(matrix[place])))
                axis.add_patch(_cell(column, line, SHADES[shade]))
                ink = ON_HEAD if SHADES[shade] == GREYS[2] else INK
                axis.text(column, line, plain(count), ha="center", va="center", color=ink, fontsize=9)
        axis.set_xlim(-0.5, len(labels) - 0.5)
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.set_xticks(range(len(labels)), labels)
        axis.set_yticks(range(len(rows)), [labels[place] for place in rows])
        axis.grid(visible=False)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_xlabel("said")
        axis.set_ylabel("true")
        svg, pdf = drawing.save(figure)
    words = [
        f"true {labels[place]}: "
        + ", ".join(f"{plain(count)} said {of}" for count, of in zip(matrix[place], labels, strict=True))
        for place in rows
    ]
    caption = f"{title(name)}, n = {plain(content.get('n'))}"
    return Drawing(f"classifier-{stem}", svg, pdf, f"{title(name)}. {'; '.join(words)}.", caption)


def _cell(column: int, line: int, colour: str) -> Any:
    return Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor=MUTED, linewidth=0.5)
