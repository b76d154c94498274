"""The pipeline diagram: the whole stack, then one block per stage with the layers lit that it trained."""

from dataclasses import dataclass
from typing import Any

from topgraft.report.drawing import Drawing
from topgraft.report.numbers import number
from topgraft.report.shapes import Arrow, Bar, Label, Shape, as_pdf, as_svg
from topgraft.report.text import one_line

CARD_WIDTH, CARD_HEIGHT, GAP, MARGIN = 236.0, 292.0, 44.0, 6.0
STACK_TOP, STACK_HEIGHT, STACK_WIDTH = 58.0, 164.0, 84.0
MOST_BARS = 40
HELPERS = frozenset({"base", "pairs", "reward-check", "evaluate"})


@dataclass(frozen=True)
class Role:
    """What a stage does, in the diagram's words: title, caption in two lines, heads on top of the stack."""

    title: str
    caption: tuple[str, str]
    heads: tuple[str, ...]


ROLES = {
    "sft": Role("SFT", ("learns to write", "the references"), ("policy",)),
    "reward": Role("Reward model", ("learns to rank chosen", "above rejected"), ("reward",)),
    "reward_model": Role("Reward model", ("learns to rank chosen", "above rejected"), ("reward",)),
    "ppo": Role("PPO", ("earns reward, held near", "the reference"), ("policy", "value", "reference", "reward")),
    "grpo": Role("GRPO", ("beats its group, held", "near the reference"), ("policy", "reference", "reward")),
    "rloo": Role("RLOO", ("beats the others, held", "near the reference"), ("policy", "reference", "reward")),
    "dpo": Role("DPO", ("prefers chosen", "to rejected"), ("policy", "reference")),
    "orpo": Role("ORPO", ("writes the chosen,", "unlike the rejected"), ("policy",)),
    "kto": Role("KTO", ("nearer the desirable,", "off the undesirable"), ("policy", "reference")),
}


def trained_layers(model: dict[str, Any]) -> tuple[int, frozenset[int]]:
    """Return how many layers the model has and which are trained, as far as the provenance says."""
    total = int(number(model.get("layers")) or 0)
    trained = model.get("trained_layers")
    if isinstance(trained, list):
        chosen = {int(place) for item in trained if (place := number(item)) is not None}
    elif number(trained) is not None:
        chosen = set(range(total - int(number(trained) or 0), total))
    else:
        chosen = set(range(total)) if trained in ("all", "full") else set()
    return total, frozenset(place for place in chosen if 0 <= place < total)


def trained_words(model: dict[str, Any]) -> str:
    """Say which layers are trained, e.g. "the last 4 of 28 layers"; empty when it is not known."""
    total, trained = trained_layers(model)
    size = len(trained)
    if not total or not size:
        return ""
    if size == total:
        return f"all {total} layers"
    if trained == set(range(total - size, total)):
        return f"the last {size} of {total} layers" if size > 1 else f"the last of {total} layers"
    if trained == set(range(size)):
        return f"the first {size} of {total} layers" if size > 1 else f"the first of {total} layers"
    if max(trained) - min(trained) == size - 1 and size > 1:
        return f"layers {min(trained)} to {max(trained)} of {total} (counted from 0)"
    names = ", ".join(str(place) for place in sorted(trained))
    return f"layers {names} of {total} (counted from 0)" if size <= 8 else f"{size} of {total} layers"


def stage_title(name: str, algorithm: Any = None) -> str:
    """Return a stage's display name: `stage_title("ppo")` -> "PPO"; unknown names stay as they are."""
    known = {"pairs": "Preference pairs", "reward-check": "Reward check", "evaluate": "Evaluation"}
    if name in known:
        return known[name]
    role = ROLES.get(name) or ROLES.get(str(algorithm))
    return role.title if role else name


def draw_pipeline(provenance: dict[str, Any], summaries: dict[str, dict[str, Any]]) -> list[Drawing]:
    """Draw the pipeline in one row and, for narrow screens, in one column (tag "narrow").

    `summaries` maps the stages in order to their summaries, which name the algorithm and, as an empty list of
    "trained_layers", a stage that trained a head alone. No layers known: no drawing.
    """
    model = provenance.get("model")
    total, trained = trained_layers(model if isinstance(model, dict) else {})
    stages = [
        (name, summary.get("algorithm"), frozenset() if summary.get("trained_layers") == [] else trained)
        for name, summary in summaries.items()
        if name not in HELPERS
    ]
    if not total or not stages:
        return []
    which = trained_words({"layers": total, "trained_layers": sorted(trained)}) or "unknown layers"
    said = [f"{stage_title(name, what)} training {which if lit else 'a head alone'}" for name, what, lit in stages]
    alt = f"The base model has {total} layers. {', then '.join(said)}."
    everywhere = all(lit for *_, lit in stages)
    caption = f"Each stage trains {which}" if everywhere else f"Lit layers are trained: {which}, or a head alone"
    drawings = []
    for name, tag, down in (("pipeline", "wide", False), ("pipeline-column", "narrow", True)):
        shapes, width, height = _layout(stages, total, down)
        svg, pdf = as_svg(shapes, width, height, alt), as_pdf(shapes, width, height)
        drawings.append(Drawing(name, svg, pdf, alt, caption, frozenset({tag})))
    return drawings


def _layout(stages: list[tuple[str, Any, frozenset[int]]], total: int, down: bool) -> tuple[list[Shape], float, float]:
    """Place the cards in a row or a column, with arrows between them."""
    shapes: list[Shape] = []
    cards = len(stages) + 1
    for place in range(cards):
        x = MARGIN + (0 if down else place * (CARD_WIDTH + GAP))
        y = MARGIN + (place * (CARD_HEIGHT + GAP) if down else 0)
        if place == 0:
            shapes += _base_card(x, y, total)
        else:
            shapes += _stage_card(x, y, *stages[place - 1], total)
        if place < cards - 1:
            centre_x, centre_y = x + CARD_WIDTH / 2, y + CARD_HEIGHT / 2
            if down:
                shapes.append(Arrow(centre_x, y + CARD_HEIGHT + 5, centre_x, y + CARD_HEIGHT + GAP - 5))
            else:
                shapes.append(Arrow(x + CARD_WIDTH + 5, centre_y, x + CARD_WIDTH + GAP - 5, centre_y))
    along = 2 * MARGIN + cards * (CARD_HEIGHT if down else CARD_WIDTH) + (cards - 1) * GAP
    if down:
        return shapes, CARD_WIDTH + 2 * MARGIN, along
    return shapes, along, CARD_HEIGHT + 2 * MARGIN


def _card(x: float, y: float, title: str, caption: tuple[str, str]) -> list[Shape]:
    title = one_line(title)
    title = title if len(title) <= 18 else title[:17] + "…"
    return [
        Bar(x, y, CARD_WIDTH, CARD_HEIGHT, "card", 10),
        Label(x + 18, y + 34, title, 19, bold=True),
        Label(x + 18, y + CARD_HEIGHT - 38, caption[0], 16),
        Label(x + 18, y + CARD_HEIGHT - 17, caption[1], 16),
    ]


def _stack(x: float, y: float, total: int, lit: frozenset[int]) -> list[Shape]:
    """Draw the layers from the bottom up; very deep models share bars."""
    bars = min(total, MOST_BARS)
    pitch = STACK_HEIGHT / bars
    gap = min(4.0, pitch * 0.3)
    shapes: list[Shape] = []
    for bar in range(bars):
        members = range(bar * total // bars, max((bar + 1) * total // bars, bar * total // bars + 1))
        tone = "lit" if any(layer in lit for layer in members) else "frozen"
        top = y + STACK_HEIGHT - (bar + 1) * pitch
        shapes.append(Bar(x, top + gap / 2, STACK_WIDTH, pitch - gap, tone, min(4.0, (pitch - gap) / 3)))
    return shapes


def _base_card(x: float, y: float, total: int) -> list[Shape]:
    side = x + 18 + STACK_WIDTH + 16
    layers = "1 layer" if total == 1 else f"{total} layers"
    return [
        *_card(x, y, "Base model", ("the whole stack,", "nothing trained yet")),
        *_stack(x + 18, y + STACK_TOP, total, frozenset()),
        Label(side, y + STACK_TOP + 14, "output", 16),
        Label(side, y + STACK_TOP + STACK_HEIGHT / 2 + 5, layers, 16),
        Label(side, y + STACK_TOP + STACK_HEIGHT - 3, "input", 16),
    ]


def _stage_card(x: float, y: float, name: str, algorithm: Any, lit: frozenset[int], total: int) -> list[Shape]:
    role = ROLES.get(name) or ROLES.get(str(algorithm)) or Role(name, ("", ""), ())
    side = x + 18 + STACK_WIDTH + 16
    shapes = [*_card(x, y, role.title, role.caption), *_stack(x + 18, y + STACK_TOP, total, lit)]
    width = CARD_WIDTH - (side - x) - 18
    pitch = min(42.0, STACK_HEIGHT / max(len(role.heads), 1))
    for place, head in enumerate(role.heads):
        top = y + STACK_TOP + place * pitch
        learns = head in ("policy", "value") or name in ("reward", "reward_model")
        tone = "head" if learns else "fixed"
        shapes.append(Bar(side, top, width, pitch - 10, tone, 6))
        middle = side + width / 2
        tint = "onhead" if learns else "ink"
        shapes.append(Label(middle, top + (pitch - 10) / 2 + 5.5, head, 16, middle=True, tone=tint))
    return shapes
