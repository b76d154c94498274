"""The cost model beside what was measured here, and what it says of clusters: python -m benchmarks.scaling

Two rates are fitted to one process on `small`; all else is predicted and set beside what benchmarks.processes read.
Writes benchmarks/results/scaling.json and docs/figures/scale-*.svg.
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
from benchmarks.workload import WORKLOADS
from topgraft.report.figures.palette import ACCENT, GREYS, INK, STYLE

HERE = Path(__file__).resolve().parent
RESULTS, FIGURES = HERE / "results", HERE.parent / "docs" / "figures"
GLOO = {"link": 1e9, "latency": 3e-4}
"""Of two processes on one machine, bytes a second and seconds: orders of magnitude, for adapters neither matters."""
H100 = Device(flops=4e14, reads=2.5e12, link=3e11, latency=3e-5, holds=80e9, hour=2.5)
"""Assumed, from data sheets: 40 % of the dense bfloat16 rate, 75 % of the memory's, NVLink within a machine."""
ACROSS = replace(H100, link=4e10)
"""The same across machines, 400 Gbit/s each device."""
BASES = {
    "0.5 B": Base(24, 896, 4864, 128, 151_936, True, 2),
    "3 B": Base(28, 3072, 8192, 1024, 128_256, True, 2),
    "8 B": Base(32, 4096, 14_336, 1024, 128_256, False, 2),
    "70 B": Base(80, 8192, 28_672, 1024, 128_256, False, 2),
}
"""Geometries of Qwen2.5-0.5B and Llama 3."""
ITERATION = Work(sequences=512, prompt=512, response=256, inner_epochs=4, trained=4)
DEVICES = (1, 2, 4, 8, 16, 32, 64)


def readings(workload: str) -> dict[str, dict[str, float]]:
    """Medians of what benchmarks.processes measured, by way; empty where it was not run."""
    path = RESULTS / f"processes-{workload}.json"
    runs = json.loads(path.read_text())["runs"] if path.exists() else {}
    return {way: {name: median(one[name] for one in found) for name in found[0]} for way, found in runs.items()}


def fitted() -> Device:
    """This machine with one thread: the rates at which one process on `small` takes the seconds that it took."""
    base, work = of(WORKLOADS["small"])
    took = readings("small")["one"]
    device = Device(flops=1e11, reads=1e10, holds=24e9, hour=0.0, **GLOO)
    for _ in range(100):  # each rate in turn, until both fit
        found = cost(base, work, device, 1, sharded=False)
        rest = took["seconds_per_iteration"] - took["generation_seconds"]
        device = replace(
            device,
            flops=device.flops * (found.read + found.update) / rest,
            reads=device.reads * (found.decode / took["generation_seconds"]) ** 0.5,
        )
    return device


def checked(device: Device) -> list[dict[str, Any]]:
    """Predictions beside readings."""
    rows = []
    for workload in WORKLOADS:
        for way, took in readings(workload).items():
            said = cost(*of(WORKLOADS[workload]), device, 1 if way == "one" else 2, sharded=way == "in shares")
            rows.append(
                {
                    "workload": workload,
                    "way": way,
                    "seconds": took["seconds_per_iteration"],
                    "predicted": round(said.seconds, 2),
                    "decoding": took["generation_seconds"],
                    "decoding predicted": round(said.decode, 2),
                }
            )
    return rows


def device_of(devices: int) -> Device:
    """Eight to a machine."""
    return H100 if devices <= 8 else ACROSS


def possible(base: Base, devices: int, *, sharded: bool) -> Cost | None:
    """The cost of an iteration; None where it does not fit."""
    found = cost(base, ITERATION, device_of(devices), devices, sharded=sharded)
    return found if found.memory < 0.9 * H100.holds else None


def draw() -> None:
    """Iterations an hour, and the price of a thousand, by the number of devices: whole bases and bases in shares."""
    plt.rcParams.update(STYLE)
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    colours = (GREYS[5], GREYS[3], INK, ACCENT)
    for colour, (name, base) in zip(colours, BASES.items(), strict=True):
        for sharded in (False, True):
            found = [(count, possible(base, count, sharded=sharded)) for count in DEVICES if count > sharded]
            points = [(count, one.seconds) for count, one in found if one is not None]
            if not points:
                continue
            counts, seconds = zip(*points, strict=True)
            style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 3, "linewidth": 1}
            style |= {"linestyle": "--" if sharded else "-", "label": f"{name}, in shares" if sharded else name}
            panels[0].plot(counts, [3600 / value for value in seconds], **style)
            prices = [1000 * value / 3600 * count * H100.hour for count, value in points]
            panels[1].plot(counts, prices, **style)
    for panel, title in zip(panels, ("Iterations an hour", "Dollars for 1,000 iterations"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel="devices", title=title, xticks=DEVICES)
        panel.set_xticklabels(map(str, DEVICES))
        panel.minorticks_off()
    panels[0].legend(fontsize=7, frameon=False)
    figure.savefig(FIGURES / "scale-devices.svg")


def main() -> None:
    device = fitted()
    rows = checked(device)
    table = {
        name: {
            f"{count}{' in shares' if sharded else ''}": round(found.seconds, 2)
            for sharded in (False, True)
            for count in DEVICES
            if (found := possible(base, count, sharded=sharded)) is not None and count > sharded
        }
        for name, base in BASES.items()
    }
    fit = {"operations a second": device.flops, "bytes a second while decoding": device.reads}
    (RESULTS / "scaling.json").write_text(
        json.dumps({"fitted": fit, "checked": rows, "seconds": table}, indent=2) + "\n"
    )
    draw()
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
