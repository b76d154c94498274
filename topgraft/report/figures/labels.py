"""Names beside points, placed so that no two cover each other."""

from collections.abc import Sequence
from itertools import product
from math import cos, radians, sin
from typing import Any

from matplotlib.transforms import Bbox

from topgraft.report.figures.palette import INK, MUTED

Line = tuple[tuple[float, float], tuple[float, float]]
"""Two points (x, y) on a line along an axis."""

DISTANCES = (7, 12, 18, 26, 36, 48, 62, 78, 96, 116)  # points
ANGLES = (0, 40, -40, 75, -75, 20, -20, 105, -105, 140, -140, 180)
AT_HAND = 12


def label_points(
    figure: Any, axis: Any, points: Sequence[tuple[float, float, str]], lines: Sequence[Line] = (), size: float = 8
) -> list[Bbox]:
    """Write each point's name beside it: the nearest free place within the axes, with a thin line where it is not at
    hand, on none of the `lines`. The points are (x, y, name); returns the names' boxes in pixels. A name without a free
    place stands at the last one tried.
    """
    figure.draw_without_rendering()
    scale, inside = figure.dpi / 72, axis.get_window_extent()
    dots = [axis.transData.transform((x, y)) for x, y, _ in points]
    taken = [Bbox.from_bounds(x - 4 * scale, y - 4 * scale, 8 * scale, 8 * scale) for x, y in dots]
    taken += [Bbox(axis.transData.transform(line)).padded(scale) for line in lines]
    boxes: list[Bbox] = []
    for (x, y, name), dot in zip(points, dots, strict=True):
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size, color=INK)
        text.set_in_layout(False)
        own = text.get_window_extent()
        for distance, angle in product(DISTANCES, ANGLES):
            right, up = distance * cos(radians(angle)), distance * sin(radians(angle))
            left = right - (0 if right > 2 else own.width / scale if right < -2 else own.width / scale / 2)
            low = up - own.height / scale / 2
            box = Bbox.from_bounds(dot[0] + left * scale, dot[1] + low * scale, own.width, own.height)
            within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            if within and not any(box.overlaps(other) for other in taken):
                break
        text.set_position((left, low + 0.22 * own.height / scale))
        taken.append(box)
        boxes.append(box)
        if distance > AT_HAND:
            line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
            axis.annotate("", (x, y), xytext=(right, up), textcoords="offset points", arrowprops=line).set_in_layout(
                False
            )
    return boxes
