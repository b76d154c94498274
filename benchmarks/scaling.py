"""The cost model beside what was measured here, and what it says of clusters: python -m benchmarks.scaling

Two rates are fitted to one process on `small`, and two to what benchmarks.link read; all else is predicted and set
beside what benchmarks.processes read. Writes benchmarks/results/scaling.json and docs/figures/scale-*.svg.
"""

import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.cost import Base, Cost, Device, Work, cost, of
from benchmarks.processes import APART
from benchmarks.workload import WORKLOADS
from topgraft.report.figures.palette import ACCENT, GREYS, INK, STYLE

HERE = Path(__file__).resolve().parent
RESULTS, FIGURES = HERE / "results", HERE.parent / "docs" / "figures"
H100 = Device(flops=4e14, reads=2.5e12, link=3e11, latency=3e-5, holds=80e9, hour=2.5)
"""Assumed, from data sheets: 40 % of the dense bfloat16 rate, 75 % of the memory's, NVLink within a machine."""
ACROSS = replace(H100, link=4e10)
"""The same across machines, 400 Gbit/s each device."""
BASES = {
    "0.1 B": Base(30, 576, 1536, 192, 49_152, True, 2),
    "0.5 B": Base(24, 896, 4864, 128, 151_936, True, 2),
    "3 B": Base(28, 3072, 8192, 1024, 128_256, True, 2),
    "8 B": Base(32, 4096, 14_336, 1024, 128_256, False, 2),
    "70 B": Base(80, 8192, 28_672, 1024, 128_256, False, 2),
}
"""Geometries of SmolLM-135M, Qwen2.5-0.5B and Llama 3."""
ITERATION = Work(sequences=512, prompt=512, response=256, inner_epochs=4, trained=4)
DEVICES = (1, 2, 4, 8, 16, 32, 64)
SHOWN = "8 B"
"""Whose parts are drawn."""


def read() -> list[dict[str, Any]]:
    """What benchmarks.processes has written, its runs as medians."""
    found = []
    for path in sorted(RESULTS.glob("processes-*.json")):
        told = json.loads(path.read_text())
        runs = {
            way: {name: median(one[name] for one in runs) for name in runs[0]} for way, runs in told["runs"].items()
        }
        found.append({**told, "runs": runs})
    return found


def fitted(read: list[dict[str, Any]]) -> Device:
    """This machine with one thread: the rates at which one process on `small` takes the seconds that it took."""
    told = next(one for one in read if one["workload"] == "small" and one["sequences"] == WORKLOADS["small"].sequences)
    base, work = of(WORKLOADS["small"])
    took = told["runs"]["one"]
    rest = took["seconds_per_iteration"] - took["generation_seconds"]
    link = json.loads((RESULTS / "link.json").read_text())
    wire = {"link": link["bytes_a_second"], "latency": link["seconds_of_a_gathering"]}
    device = Device(flops=1e11, reads=1e10, holds=24e9, hour=0.0, **wire)
    for _ in range(100):  # each rate in turn, until both fit
        found = cost(base, work, device, 1, sharded=False)
        device = replace(
            device,
            flops=device.flops * (found.read + found.update) / rest,
            reads=device.reads * (found.decode / took["generation_seconds"]) ** 0.5,
        )
    return device


def checked(read: list[dict[str, Any]], device: Device) -> list[dict[str, Any]]:
    """Predictions beside readings."""
    rows = []
    for told in read:
        work = replace(WORKLOADS[told["workload"]], sequences=told["sequences"])
        for way, took in told["runs"].items():
            if way == APART:
                continue
            said = cost(*of(work), device, 1 if way == "one" else 2, sharded=way == "in shares")
            rows.append(
                {
                    "workload": told["workload"],
                    "sequences": told["sequences"],
                    "way": way,
                    "seconds": [round(took["seconds_per_iteration"], 2), round(said.seconds, 2)],
                    "decoding": [round(took["generation_seconds"], 2), round(said.decode, 2)],
                    "base GB": [round(took["base_gb"], 3), round(said.base / 1e9, 3)],
                    "sent GB": [round(took["sent_gb"], 3), round(said.traffic / 1e9, 3)],
                }
            )
    return rows


def possible(base: Base, devices: int, *, sharded: bool) -> Cost | None:
    """The cost of an iteration, eight devices to a machine; None where it does not fit."""
    found = cost(base, ITERATION, H100 if devices <= 8 else ACROSS, devices, sharded=sharded)
    return found if found.memory < 0.9 * H100.holds else None


def points(base: Base, *, sharded: bool) -> list[tuple[int, Cost]]:
    """Numbers of devices on which an iteration is possible, and its cost."""
    found = [(count, possible(base, count, sharded=sharded)) for count in DEVICES if count > sharded]
    return [(count, one) for count, one in found if one is not None]


def price(count: int, one: Cost) -> float:
    """Dollars of 1,000 iterations."""
    return 1000 * one.seconds / 3600 * count * H100.hour


def draw_devices() -> None:
    """Iterations an hour, and the price of a thousand, by the number of devices: whole bases and bases in shares."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), constrained_layout=True)
    for colour, (name, base) in zip((GREYS[5], GREYS[4], GREYS[2], INK, ACCENT), BASES.items(), strict=True):
        for sharded in (False, True):
            found = points(base, sharded=sharded)
            if not found or (sharded and name not in (SHOWN, "70 B")):
                continue
            counts = [count for count, _ in found]
            style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 3, "linewidth": 1}
            style |= {"linestyle": "--" if sharded else "-", "label": f"{name}, in shares" if sharded else name}
            panels[0].plot(counts, [3600 / one.seconds for _, one in found], **style)
            panels[1].plot(counts, [price(count, one) for count, one in found], **style)
    for panel, title in zip(panels, ("Iterations an hour", "Dollars for 1,000 iterations"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel="devices", title=title, xticks=DEVICES)
        panel.set_xticklabels(map(str, DEVICES))
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        panel.minorticks_off()
    panels[0].legend(fontsize=7, frameon=False)
    figure.savefig(FIGURES / "scale-devices.svg")


def draw_parts() -> None:
    """What an iteration is made of, by the number of devices, whole and in shares."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), constrained_layout=True)
    for panel, sharded in zip(panels, (False, True), strict=True):
        found = points(BASES[SHOWN], sharded=sharded)
        below = [0.0] * len(found)
        for colour, part in zip((INK, GREYS[0], ACCENT), ("decode", "read", "update"), strict=True):
            heights = [getattr(one, part) for _, one in found]
            panel.bar([str(count) for count, _ in found], heights, bottom=below, color=colour, label=part, width=0.6)
            below = [height + under for height, under in zip(heights, below, strict=True)]
        panel.set(xlabel="devices", title=f"{SHOWN}, {'in shares' if sharded else 'whole on each device'}")
    panels[0].set_ylabel("seconds an iteration")
    panels[0].legend(fontsize=7, frameon=False)
    figure.savefig(FIGURES / "scale-parts.svg")


def main() -> None:
    found = read()
    device = fitted(found)
    rows = checked(found, device)
    table = {
        name: {
            ("in shares" if sharded else "whole"): {
                str(count): {"seconds": round(one.seconds, 2), "dollars": round(price(count, one))}
                for count, one in points(base, sharded=sharded)
            }
            for sharded in (False, True)
        }
        for name, base in BASES.items()
    }
    fit = {"operations a second": device.flops, "bytes a second while decoding": device.reads}
    written = {"fitted": fit, "checked: measured, predicted": rows, "clusters": table}
    (RESULTS / "scaling.json").write_text(json.dumps(written, indent=2) + "\n")
    plt.rcParams.update(STYLE)
    draw_devices()
    draw_parts()
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
