"""Section "By category": the metrics that are means over answers, on the answers to one category of prompts."""

from typing import Any

from topgraft.report.document import Block, Fold, Section, Table, Text
from topgraft.report.words.numbers import MISSING, number, plain
from topgraft.report.words.results import cell_of, label, mapping, places_of
from topgraft.report.words.tables import ARROWS
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder

SOURCE = "evaluation/results.json: categories"
ABOUT = (
    "Each figure is a mean over the answers to the prompts of one category, with a 95 % interval over their problems, "
    "where these are five or more. Categories hold fewer problems than the whole, so their intervals are wider, and "
    "where many are read some will differ by chance."
)

OPEN = 4
"""So many metrics stand open, the first ones; the others are folded."""


def by_category(run: RunFolder) -> Section | None:
    """One table a metric, categories down and arms across; None where prompts have no category."""
    results = tidy(run.results())
    arms = {
        arm: {category: mapping(metrics) for category, metrics in mapping(found).items()}
        for arm, found in mapping(results.get("categories")).items()
    }
    names = list(dict.fromkeys(name for found in arms.values() for metrics in found.values() for name in metrics))
    tables = [_table(name, arms, results) for name in names]
    if not tables:
        return None
    blocks: list[Block] = [Text(text=ABOUT), *tables[:OPEN]]
    if more := tables[OPEN:]:
        blocks.append(Fold(title=f"{len(more)} more {'metric' if len(more) == 1 else 'metrics'}", blocks=more))
    return Section(anchor="categories", title="By category", blocks=blocks)


def _table(name: str, arms: dict[str, dict[str, dict[str, Any]]], results: dict[str, Any]) -> Table:
    measured = [arm for arm, found in arms.items() if any(name in metrics for metrics in found.values())]
    places = places_of([mapping(metrics.get(name)) for arm in measured for metrics in arms[arm].values()])
    rows = []
    for category in dict.fromkeys(category for arm in measured for category in arms[arm]):
        entries = [mapping(arms[arm].get(category, {}).get(name)) for arm in measured]
        sizes = [plain(entry.get("n")) for entry in entries if number(entry.get("n")) is not None]
        cells = [cell_of(entry, places).text for entry in entries]
        rows.append([category, *cells, " / ".join(dict.fromkeys(sizes)) or MISSING])
    arrow = ARROWS.get(str(mapping(results.get("directions")).get(name)), "")
    about = str(mapping(results.get("descriptions")).get(name) or label(name))
    return Table(
        name=f"{label(name)} by category",
        header=[f"{label(name)} {arrow}".rstrip(), *measured, "n"],
        rows=rows,
        caption=f"{label(name)} by category: {about}.",
        source=SOURCE,
        numeric=frozenset(range(1, len(measured) + 2)),
    )
