"""The cards of the pipeline diagram: the whole stack, a stage with the layers lit that it trained, a step in a line."""

from topgraft.report.figures.shapes import Bar, Label, Shape
from topgraft.report.words.roles import ROLES, Role, stage_title
from topgraft.report.words.text import one_line

CARD_WIDTH, CARD_HEIGHT = 236.0, 292.0
STACK_TOP, STACK_HEIGHT, STACK_WIDTH = 58.0, 164.0, 84.0
ROW_WIDTH, ROW_HEIGHT = 260.0, 34.0
MOST_BARS, MOST_ROW_BARS = 40, 12
LONGEST_TITLE = 18


def _card(x: float, y: float, title: str, caption: tuple[str, str]) -> list[Shape]:
    title = one_line(title)
    title = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    return [
        Bar(x, y, CARD_WIDTH, CARD_HEIGHT, "card", 10),
        Label(x + 18, y + 34, title, 19, bold=True),
        Label(x + 18, y + CARD_HEIGHT - 38, caption[0], 16),
        Label(x + 18, y + CARD_HEIGHT - 17, caption[1], 16),
    ]


def _stack(x: float, y: float, total: int, lit: frozenset[int]) -> list[Shape]:
    """Draw the layers from the bottom up; very deep models share bars."""
    shapes: list[Shape] = []
    bars = _tones(total, lit, MOST_BARS)
    pitch = STACK_HEIGHT / len(bars)
    gap = min(4.0, pitch * 0.3)
    for place, tone in enumerate(bars):
        top = y + STACK_HEIGHT - (place + 1) * pitch
        shapes.append(Bar(x, top + gap / 2, STACK_WIDTH, pitch - gap, tone, min(4.0, (pitch - gap) / 3)))
    return shapes


def _tones(total: int, lit: frozenset[int], most: int) -> list[str]:
    """Return the tone of each bar of a stack; a bar that stands for several layers is lit when one of them is."""
    bars = min(total, most)
    members = [
        range(bar * total // bars, max((bar + 1) * total // bars, bar * total // bars + 1)) for bar in range(bars)
    ]
    return ["lit" if lit.intersection(layers) else "frozen" for layers in members]


def base_card(x: float, y: float, total: int) -> list[Shape]:
    """Draw the base model: all of its layers."""
    side = x + 18 + STACK_WIDTH + 16
    layers = "1 layer" if total == 1 else f"{total} layers"
    return [
        *_card(x, y, "Base model", ("the whole stack,", "nothing trained yet")),
        *_stack(x + 18, y + STACK_TOP, total, frozenset()),
        Label(side, y + STACK_TOP + 14, "output", 16),
        Label(side, y + STACK_TOP + STACK_HEIGHT / 2 + 5, layers, 16),
        Label(side, y + STACK_TOP + STACK_HEIGHT - 3, "input", 16),
    ]


def stage_card(x: float, y: float, name: str, kind: str, lit: frozenset[int], total: int) -> list[Shape]:
    """Draw a stage: its name, the layers that it trains, its heads, what it is about."""
    role = ROLES.get(kind) or Role(name, ("", ""), ())
    side = x + 18 + STACK_WIDTH + 16
    shapes = [*_card(x, y, stage_title(name, kind), role.caption), *_stack(x + 18, y + STACK_TOP, total, lit)]
    width = CARD_WIDTH - (side - x) - 18
    pitch = min(42.0, STACK_HEIGHT / max(len(role.heads), 1))
    for place, head in enumerate(role.heads):
        top = y + STACK_TOP + place * pitch
        learns = head in ("policy", "value") or kind in ("reward", "reward_model")
        tone = "head" if learns else "fixed"
        shapes.append(Bar(side, top, width, pitch - 10, tone, 6))
        middle = side + width / 2
        tint = "onhead" if learns else "ink"
        shapes.append(Label(middle, top + (pitch - 10) / 2 + 5.5, head, 16, anchor="middle", tone=tint))
    return shapes


def row(x: float, y: float, title: str, name: str, lit: frozenset[int], total: int) -> list[Shape]:
    """Draw a step as one line: its layers in small, what it is, what it is called."""
    bars = _tones(total, lit, MOST_ROW_BARS)
    pitch = (ROW_HEIGHT - 10) / len(bars)
    shapes: list[Shape] = [Bar(x, y, ROW_WIDTH, ROW_HEIGHT, "card", 6)]
    for place, tone in enumerate(bars):
        top = y + ROW_HEIGHT - 5 - (place + 1) * pitch
        shapes.append(Bar(x + 7, top + pitch * 0.12, 24, pitch * 0.76, tone, min(1.5, pitch / 4)))
    title, name = one_line(title)[:LONGEST_TITLE], one_line(name)
    room = int((ROW_WIDTH - 53 - 10.5 * len(title)) / 7.2)
    shapes.append(Label(x + 41, y + ROW_HEIGHT / 2 + 5, title, 15, bold=True))
    if name and room > 3:
        short = name if len(name) <= room else name[: room - 1] + "…"
        shapes.append(Label(x + ROW_WIDTH - 8, y + ROW_HEIGHT / 2 + 5, short, 12.5, anchor="end", tone="muted"))
    return shapes
