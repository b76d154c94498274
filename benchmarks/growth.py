"""How a PPO iteration grows with the model and the work: python -m benchmarks.growth

One thing at a time is changed around a model of 8 blocks, 2 of them trained, width 256 and 8,000 words, with 8
responses of 48 tokens to prompts of 48. Writes benchmarks/results/growth.json and the figure docs/figures/growth.svg.
"""

import gc
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.measuring import machine
from benchmarks.ours import timed
from benchmarks.ppo import MICRO, learn, learner
from benchmarks.workload import Workload
from topgraft.report.figures.palette import ACCENT, GREYS, INK, STYLE

HERE = Path(__file__).resolve().parent
FIGURE = HERE.parent / "docs" / "figures" / "growth.svg"
BASE = Workload(8, 256, 8000, 8, 48, 48, 2, 2, feed_forward=704)
CHANGED = {
    "layers": ("blocks", (4, 8, 16, 24)),
    "trained_layers": ("trained blocks", (1, 2, 4, 8)),
    "sequences": ("responses in a batch", (4, 8, 16, 32)),
    "response": ("tokens of a response", (24, 48, 96, 192)),
    "prompt": ("tokens of a prompt", (24, 48, 96, 192)),
    "vocabulary": ("words of the vocabulary", (4000, 8000, 16000, 32000)),
}
PARTS = {"decode": "decoding", "head": "head", "rest": "branches and the rest"}
COLOURS = (ACCENT, GREYS[1], GREYS[5])


def measure(work: Workload, iterations: int) -> dict[str, Any]:
    """Medians over the iterations after the first: seconds in all; decoding and head by their share of all of them."""
    algorithm, options, rows = learner(work, iterations=iterations, micro=MICRO)
    with timed(algorithm.actors.model) as spent:
        stage = learn(algorithm, options, rows)
    seconds = [row["cost/seconds"] for row in stage.metrics()]
    middle, whole = statistics.median(seconds[1:]), sum(seconds)
    parts = {name: middle * spent[name] / whole for name in ("decode", "head")}
    return {"seconds": middle, **parts, "rest": middle - sum(parts.values()), "readings": seconds[1:]}


def draw(points: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """A panel for each thing that was changed: seconds, stacked by what they were spent on."""
    plt.rcParams.update(STYLE)
    figure, panels = plt.subplots(2, 3, figsize=(9, 5), constrained_layout=True)
    for panel, (name, found) in zip(panels.flat, points.items(), strict=True):
        places = [point["value"] for point in found]
        layers = [[point[part] for point in found] for part in PARTS]
        panel.stackplot(places, layers, labels=list(PARTS.values()), colors=COLOURS, linewidth=0)
        panel.plot(places, [point["seconds"] for point in found], "o-", color=INK, markersize=3, linewidth=1)
        panel.set_xlabel(CHANGED[name][0])
        panel.set_xticks(places, [f"{place // 1000}k" if place >= 1000 else str(place) for place in places])
        panel.set_xlim(0, places[-1] * 1.04)
        panel.set_ylim(0, None)
    for panel in panels[:, 0]:
        panel.set_ylabel("seconds an iteration")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    points: dict[str, list[dict[str, Any]]] = {}
    measure(BASE, 2)  # the first pass of a process is slower
    for name, (_, values) in CHANGED.items():
        points[name] = []
        for value in values:
            gc.collect()
            points[name].append({"value": value, **measure(replace(BASE, **{name: value}), 4)})
            print(name, value, round(points[name][-1]["seconds"], 3), flush=True)
    result = {"machine": machine(), "base": asdict(BASE), "points": points}
    (HERE / "results" / "growth.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(points, FIGURE)


if __name__ == "__main__":
    main()
