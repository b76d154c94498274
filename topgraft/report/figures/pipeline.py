"""The pipeline diagram: the base model and the steps that grew from it, each with the layers lit that it trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from topgraft.report.figures.cards import CARD_HEIGHT, CARD_WIDTH, ROW_HEIGHT, ROW_WIDTH, base_card, row, stage_card
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.shapes import Arrow, Label, Shape, as_pdf, as_svg
from topgraft.report.words.lineage import REWARDS, lit_layers, read_arms, read_steps
from topgraft.report.words.results import FEW_ARMS, mapping
from topgraft.report.words.roles import stage_title, title_of, trained_layers, trained_words

GAP, ROW_GAP, INDENT, MARGIN = 44.0, 7.0, 26.0, 6.0


@dataclass(frozen=True)
class Node:
    """A step of the tree, or an arm that samples from one: what it starts from (None: the base model), which reward
    model scores it, the layers that it trains. It stands `depth` steps from the base model, in line `line`."""

    name: str
    kind: str
    title: str
    start: str | None
    reward: str | None
    lit: frozenset[int]
    depth: int = 0
    line: int = 0


def draw_pipeline(provenance: dict[str, Any], summaries: Mapping[str, dict[str, Any]]) -> list[Drawing]:
    """Draw the pipeline as a tree and, for narrow screens, in one column (tag "narrow").

    `summaries` maps the stages in order to their summaries, which name the algorithm, the stage that each starts from
    and, as an empty list of "trained_layers", a stage that trained a head alone. Few policies get a card
    each, many a line. No layers known: no drawing.
    """
    model = mapping(provenance.get("model"))
    total, trained = trained_layers(model)
    nodes = _nodes(provenance, summaries)
    if not total or not nodes:
        return []
    cards = sum(node.kind not in REWARDS for node in nodes) <= FEW_ARMS
    alt = f"The base model has {total} layers. {' '.join(_said(node, nodes, total) for node in nodes)}"
    lit = {node.lit for node in nodes}
    which = trained_words({"layers": total, "trained_layers": sorted(trained)}) or "unknown layers"
    caption = (
        f"Each stage trains {which}" if lit == {trained} else "Lit layers are trained; where none is, a head alone"
    )
    scored = cards and any(node.reward for node in nodes)
    drawings = []
    for name, tag, down in (("pipeline", "wide", False), ("pipeline-column", "narrow", True)):
        shapes = _cards(nodes, total, down) if cards else _rows(nodes, total, down)
        width, height = _size(nodes, cards, down)
        svg, pdf = as_svg(shapes, width, height, alt), as_pdf(shapes, width, height)
        whole = caption + ("; dashed: its reward scores the policy" if scored and not down else "")
        drawings.append(Drawing(name, svg, pdf, alt, whole, frozenset({tag, "cards" if cards else "lines"})))
    return drawings


def _nodes(provenance: dict[str, Any], summaries: Mapping[str, dict[str, Any]]) -> list[Node]:
    """Return the tree, each branch whole before the next, reward models last."""
    model, arms = mapping(provenance.get("model")), read_arms(provenance).values()
    found = [
        Node(step.name, step.kind, stage_title(step.name, step.kind), step.start, step.reward, lit_layers(step, model))
        for step in read_steps(provenance, summaries).values()
    ]
    for arm in arms if len(found) > FEW_ARMS else ():
        if arm.choice:
            start = arm.path[-1] if arm.path else None
            lit = next((node.lit for node in found if node.name == start), frozenset())
            found.append(Node(arm.name, "best", arm.choice.capitalize(), start, None, lit))
    placed: list[Node] = []

    def place(start: str | None, depth: int, line: int) -> int:
        """Place what starts from `start`, the first of it beside it; the next free line."""
        for node in sorted((node for node in found if node.start == start), key=lambda node: node.kind in REWARDS):
            placed.append(replace(node, depth=depth, line=line))
            line = max(line + 1, place(node.name, depth + 1, line))
        return line

    place(None, 1, 0)
    return placed


def _said(node: Node, nodes: list[Node], total: int) -> str:
    """Say in words what a node shows."""
    titles = {other.name: other.title for other in nodes}
    start = titles[node.start] if node.start else "the base model"
    if node.kind == "best":
        return f"{node.title} samples from {start}."
    which = trained_words({"layers": total, "trained_layers": sorted(node.lit)}) or "a head alone"
    scorer = f", scored by {titles[node.reward]}" if node.reward in titles else ""
    return f"{node.title} starts from {start}, training {which}{scorer}."


def _size(nodes: list[Node], cards: bool, down: bool) -> tuple[float, float]:
    width, height, gap = (CARD_WIDTH, CARD_HEIGHT, GAP) if cards else (ROW_WIDTH, ROW_HEIGHT, ROW_GAP)
    deepest, lines = max(node.depth for node in nodes), max(node.line for node in nodes) + 1
    if down:
        deepest, lines = 0, len(nodes) + 1
        width += 0 if cards else INDENT * max(node.depth for node in nodes)
    return 2 * MARGIN + width + deepest * (width + GAP), 2 * MARGIN + lines * (height + gap) - gap


def _cards(nodes: list[Node], total: int, down: bool) -> list[Shape]:
    """One card a step: the tree from left to right, or all cards in one column."""
    shapes: list[Shape] = base_card(MARGIN, MARGIN, total)
    corners: dict[str | None, tuple[float, float]] = {None: (MARGIN, MARGIN)}
    before: str | None = None
    for place, node in enumerate(nodes, 1):
        x = MARGIN + (0 if down else node.depth * (CARD_WIDTH + GAP))
        y = MARGIN + (place if down else node.line) * (CARD_HEIGHT + GAP)
        corners[node.name] = (x, y)
        shapes += stage_card(x, y, node.name, node.kind, node.lit, total)
        if down:
            shapes.append(Arrow(((x + CARD_WIDTH / 2, y - GAP + 5), (x + CARD_WIDTH / 2, y - 5))))
            if node.start != before:
                start = next((other.title for other in nodes if other.name == node.start), "Base")
                shapes.append(Label(x + CARD_WIDTH / 2 + 14, y - GAP / 2 + 5, f"from {start}", 15, tone="muted"))
        else:
            shapes.append(_across(corners[node.start], (x, y), CARD_WIDTH, CARD_HEIGHT))
        before = node.name
    for node in nodes if not down else ():
        if node.reward is not None and node.reward in corners:
            (from_x, from_y), (x, y) = corners[node.reward], corners[node.name]
            middle, low = from_y + CARD_HEIGHT / 2, y + 0.75 * CARD_HEIGHT
            points = ((from_x + CARD_WIDTH + 5, middle), (x - 16, middle), (x - 16, low), (x - 4, low))
            shapes.append(Arrow(points, dashed=True))
    return shapes


def _rows(nodes: list[Node], total: int, down: bool) -> list[Shape]:
    """One line a step: the tree from left to right, or indented as an outline."""
    shapes: list[Shape] = row(MARGIN, MARGIN, "Base", "", frozenset(), total)
    corners: dict[str | None, tuple[float, float]] = {None: (MARGIN, MARGIN)}
    for place, node in enumerate(nodes, 1):
        x = MARGIN + node.depth * (INDENT if down else ROW_WIDTH + GAP)
        y = MARGIN + (place if down else node.line) * (ROW_HEIGHT + ROW_GAP)
        corners[node.name] = (x, y)
        from_x, from_y = corners[node.start]
        if down:
            points = (
                (from_x + 13, from_y + ROW_HEIGHT + 2),
                (from_x + 13, y + ROW_HEIGHT / 2),
                (x - 3, y + ROW_HEIGHT / 2),
            )
            shapes.append(Arrow(points))
        else:
            shapes.append(_across(corners[node.start], (x, y), ROW_WIDTH, ROW_HEIGHT))
        title = node.title if node.kind == "best" else title_of(node.kind)
        shapes += row(x, y, title, node.name if node.name != title else "", node.lit, total)
    return shapes


def _across(start: tuple[float, float], end: tuple[float, float], width: float, height: float) -> Arrow:
    """The line from one card's right side to another's left side, by way of the gap before the latter."""
    (from_x, from_y), (x, y) = start, end
    here, there = (from_x + width + 5, from_y + height / 2), (x - 5, y + height / 2)
    bend = x - 28
    return Arrow((here, there) if from_y == y else (here, (bend, here[1]), (bend, there[1]), there))
