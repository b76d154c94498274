"""The pipeline as a figure for papers: one row of blocks, the whole stack first, then the trained layers lit, in greys.

At its natural size (500 points wide for three blocks, a page of two columns) every text has 12 points or more.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.shapes import Arrow, Bar, Icon, Label, Shape, as_pdf, as_svg, fitted, width_of
from topgraft.report.words.lineage import Arm, Step, is_chain, lit_layers, read_arms, read_steps
from topgraft.report.words.numbers import count, number
from topgraft.report.words.results import mapping
from topgraft.report.words.roles import ROLES, title_of, trained_words
from topgraft.report.words.text import one_line

WIDTH, HEIGHT, GAP, MARGIN, PADDING = 196.0, 348.0, 38.0, 2.0, 16.0
STACK_TOP, STACK_WIDTH, STACK_HEIGHT = 70.0, 78.0, 176.0
ROWS = 16
"""Bars of a stack at most."""
TEXT, TITLE = 16.0, 18.0  # 12 and 13.5 points
HEADS = {"sft": "pen", "dpo": "choice", "orpo": "choice", "kto": "choice"}


def draw_paper_pipeline(provenance: dict[str, Any], summaries: Mapping[str, dict[str, Any]]) -> Drawing | None:
    """Draw the way of the arm that goes through most stages, the first of such; None where layers or arms are unknown.

    `summaries` maps the stages in order to their summaries. Reads no results: the figure says what was done.
    """
    model, arms = mapping(provenance.get("model")), read_arms(provenance)
    steps = read_steps(provenance, summaries)
    total = int(model["layers"]) if isinstance(model.get("layers"), int) else 0
    arm = max(arms.values(), key=lambda arm: len(arm.path), default=None)
    if not total or arm is None or not arm.path or not set(arm.path) <= steps.keys():
        return None
    path = [steps[name] for name in arm.path]
    shapes, width = list[Shape](), 2 * MARGIN + (1 + len(path)) * (WIDTH + GAP) - GAP
    shapes += [Bar(0, 0, width, HEIGHT + 2 * MARGIN, "sheet", 0), *_base(MARGIN, model, total)]
    for place, step in enumerate(path, 1):
        x = MARGIN + place * (WIDTH + GAP)
        middle = MARGIN + STACK_TOP + STACK_HEIGHT / 2
        shapes.append(Arrow(((x - GAP + 5, middle), (x - 6, middle)), tone="paper-line"))
        shapes += _stage(x, step, model, total, full=arm.layers == "full")
    caption = _caption(arm, path, steps, provenance, total)
    size = (width, HEIGHT + 2 * MARGIN)
    svg, pdf = as_svg(shapes, *size, caption), as_pdf(shapes, *size)
    return Drawing("pipeline-paper", svg, pdf, caption, caption, frozenset({"paper"}))


def _card(x: float, icon: str, title: str) -> list[Shape]:
    room = WIDTH - 16 - 50 - 8
    return [
        Bar(x, MARGIN, WIDTH, HEIGHT, "paper-card", 12),
        Bar(x + 8, MARGIN + 8, WIDTH - 16, 48, "paper-head", 8),
        Icon(x + 16, MARGIN + 15, 34, icon, "sheet"),
        Label(x + 59, MARGIN + 39, fitted(one_line(title), room, TITLE, bold=True), TITLE, bold=True, tone="sheet"),
    ]


def _base(x: float, model: dict[str, Any], total: int) -> list[Shape]:
    """The base model: the whole stack."""
    name = one_line(str(model.get("name") or "")).rpartition("/")[2]
    lines = [*_broken(name, WIDTH - 2 * PADDING), _layers(total)]
    lines += [f"{count(model['parameters'])} weights"] if number(model.get("parameters")) else []
    return [*_card(x, "stack", "Base model"), *_stack(x, total, frozenset()), *_lines(x, lines)]


def _stage(x: float, step: Step, model: dict[str, Any], total: int, *, full: bool) -> list[Shape]:
    """A stage: what learns in it, and from what."""
    lit, rank = lit_layers(step, model), mapping(step.summary.get("lora")).get("rank")
    how = "every weight" if full else f"LoRA, rank {rank}" if isinstance(rank, int) else ""
    shapes = [*_card(x, HEADS.get(step.kind, "loop"), title_of(step.kind)), *_stack(x, total, lit)]
    shapes += _lines(x, [line for line in (_which(lit, total), how) if line])
    icon, words = _source(step)
    foot = MARGIN + HEIGHT - 45
    return [*shapes, Icon(x + PADDING - 2, foot, 34, icon, "paper-ink"), _text(x + PADDING + 40, foot + 23, words)]


def _source(step: Step) -> tuple[str, str]:
    """What a stage learns from: icon and words."""
    if step.kind in HEADS:
        return ("data", "references") if step.kind == "sft" else ("choice", "pairs")
    if step.reward:
        return "reward", "reward model"
    known = ROLES.get(step.kind)
    return ("reward", "reward rules") if known and "reward" in known.heads else ("data", "the data")


def _text(x: float, y: float, text: str, anchor: str = "start") -> Label:
    return Label(x, y, fitted(text, WIDTH - 2 * PADDING, TEXT), TEXT, anchor=anchor, tone="paper-ink")


def _lines(x: float, lines: list[str]) -> list[Shape]:
    top = MARGIN + STACK_TOP + STACK_HEIGHT
    return [_text(x + PADDING, top + 24 + 23 * place, line) for place, line in enumerate(lines)]


def _broken(name: str, room: float) -> list[str]:
    """A model's name in one line, or in two that break after a hyphen."""
    if width_of(name, TEXT) <= room:
        return [name] if name else []
    breaks = [place for place, letter in enumerate(name, 1) if letter in "-_." and width_of(name[:place], TEXT) <= room]
    at = breaks[-1] if breaks else len(fitted(name, room, TEXT)) - 1
    return [name[:at], name[at:]]


def _stack(x: float, total: int, lit: frozenset[int]) -> list[Shape]:
    """The layers from the bottom up, with a flame beside the trained and a snowflake beside the frozen ones."""
    rows = folded(total, lit)
    left, bottom, pitch = x + PADDING, MARGIN + STACK_TOP + STACK_HEIGHT, STACK_HEIGHT / len(rows)
    gap = min(4.0, pitch * 0.3)
    shapes: list[Shape] = []
    for place, tone in enumerate(rows):
        y = bottom - (place + 1) * pitch
        if tone is None:
            for dot in (-12, 0, 12):
                shapes.append(Bar(left + STACK_WIDTH / 2 + dot - 2.2, y + pitch / 2 - 2.2, 4.4, 4.4, "paper-head", 2.2))
        else:
            shapes.append(Bar(left, y + gap / 2, STACK_WIDTH, pitch - gap, tone, min(4.0, (pitch - gap) / 3)))
    middle = left + STACK_WIDTH + (WIDTH - 2 * PADDING - STACK_WIDTH) / 2 + 5
    marks = [("flame", "trained", layers) for layers in (lit,) if layers]
    marks += [("snowflake", "frozen", layers) for layers in (frozenset(range(total)) - lit,) if layers]
    marks.sort(key=lambda mark: -sum(mark[2]) / len(mark[2]))
    for place, (icon, word, _) in enumerate(marks):
        y = MARGIN + STACK_TOP + (STACK_HEIGHT - 68) * (place if len(marks) > 1 else 0.5)
        shapes += [Icon(middle - 22, y, 44, icon, "paper-ink"), _text(middle, y + 63, word, "middle")]
    return shapes


def folded(total: int, lit: frozenset[int]) -> list[str | None]:
    """Return the tones of a stack's bars from the bottom up, None for a gap that stands for layers left out.

    Up to ROWS layers have a bar each. Of more, a run of like layers shows its ends alone; where that is still too
    much, a bar stands for several layers and is lit when one of them is.
    """
    tones = ["paper-lit" if layer in lit else "paper-frozen" for layer in range(total)]
    runs = [(tone, len(list(run))) for tone, run in groupby(tones)]
    for ends in range(ROWS // 2, 0, -1):
        rows: list[str | None] = []
        for tone, size in runs:
            rows += [tone] * size if size <= 2 * ends + 1 else [*[tone] * ends, None, *[tone] * ends]
        if len(rows) <= ROWS:
            return rows
    shares = [range(bar * total // ROWS, (bar + 1) * total // ROWS) for bar in range(ROWS)]
    return ["paper-lit" if lit.intersection(share) else "paper-frozen" for share in shares]


def _layers(total: int) -> str:
    return "1 layer" if total == 1 else f"{total} layers"


def _which(lit: frozenset[int], total: int) -> str:
    """The trained layers in as few words as fit a block."""
    size = len(lit)
    if size == total:
        return f"all {_layers(total)}"
    for word, layers in (("last", range(total - size, total)), ("first", range(size))):
        if size and lit == set(layers):
            return f"{word} {size} of {total} layers"
    return f"{size} of {total} layers" if size else "a head alone"


def _caption(arm: Arm, path: list[Step], steps: Mapping[str, Step], provenance: dict[str, Any], total: int) -> str:
    """The figure in words that need no text around them."""
    model, arms = mapping(provenance.get("model")), read_arms(provenance)
    recipe, name = (str(found) if found else "" for found in (provenance.get("recipe"), model.get("name")))
    whose = f"the recipe {recipe}" if recipe else "this run"
    text = f"The pipeline of {whose}" + ("" if is_chain(arms) else f", arm {arm.name}")
    text += f": {name or 'the base model'} ({_layers(total)})"
    for step in path:
        which = trained_words({"layers": total, "trained_layers": sorted(lit_layers(step, model))}) or "a head alone"
        rank = mapping(step.summary.get("lora")).get("rank")
        how = ", every weight" if arm.layers == "full" else f" by LoRA of rank {rank}" if isinstance(rank, int) else ""
        text += f", then {title_of(step.kind)} on {which}{how}"
        if step.reward is not None and step.reward in steps:
            inside = "with layers of its own trained" if lit_layers(steps[step.reward], model) else "a head alone"
            text += f", scored by a reward model ({inside})"
    return text + ". Dark layers are trained, light ones frozen."
