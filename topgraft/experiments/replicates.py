"""Means over runs that differ in the seed alone, with intervals over seeds."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any

from scipy import stats


def seed_interval(values: Sequence[float]) -> dict[str, float | int]:
    """The mean of one value a seed, with its 95 % interval by Student's t and the standard deviation "sd"; n seeds.

    It speaks of other seeds on the same test rows; the intervals of single runs speak of other problems. Two seeds have
    one degree of freedom: the interval is then 12.7 standard errors to each side, which is what two seeds are worth.
    """
    mean, spread, n = fmean(values), stdev(values), len(values)
    half = float(stats.t.ppf(0.975, n - 1)) * spread / math.sqrt(n)
    return {"value": mean, "low": mean - half, "high": mean + half, "n": n, "sd": spread}


def over_seeds(results: dict[str, dict[str, Any]], per_run_units: set[str]) -> dict[str, Any]:
    """Means over seeds of each metric of each arm that all runs have ("arms"), and of what arms gain on each other
    within a run ("gains", with the number of runs in which the gain is above 0, "above").

    Metrics in `per_run_units` have no mean, since their unit is another one in each run; of their gains the sign alone
    counts.
    """
    found = [result for result in results.values() if result]
    if len(found) < 2:
        return {"arms": {}, "gains": []}
    arms: dict[str, Any] = {}
    for arm in found[0]["arms"]:
        tables = [result["arms"].get(arm, {}).get("metrics", {}) for result in found]
        metrics = {}
        for name in tables[0]:
            values = known(table.get(name, {}).get("value") for table in tables)
            if name not in per_run_units and len(values) == len(tables):
                metrics[name] = seed_interval(values)
        arms[arm] = {"metrics": metrics}
    return {"arms": arms, "gains": _gains(found, per_run_units)}


def _gains(results: list[dict[str, Any]], per_run_units: set[str]) -> list[dict[str, Any]]:
    tables = [
        {(one["name"], one["arm"], one["against"]): one["value"] for one in result.get("comparisons", [])}
        for result in results
    ]
    gains = []
    for name, arm, against in tables[0]:
        values = known(table.get((name, arm, against)) for table in tables)
        if len(values) < len(tables):
            continue
        above = sum(value > 0 for value in values)
        entry = {"name": name, "arm": arm, "against": against, "values": values, "above": above, "n": len(values)}
        gains.append(entry | ({} if name in per_run_units else seed_interval(values)))
    return gains


def known(values: Iterable[Any]) -> list[float]:
    """The numbers among `values`."""
    return [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
