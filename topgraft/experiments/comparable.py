"""What may be compared between runs: the same test rows, measured by the same instrument."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from topgraft.runs import RunFolder, StageFolder

LEARNED = {"reward": ("reward", "win_rate"), "reward-check": ("reward_check",)}
"""Stage of a reward model -> the metrics that it measures; the first stage's parts `reward/NAME` too."""


@dataclass
class Own:
    """Metrics whose instrument is another one in each run: `metrics`, of which `per_run_units` have no common unit."""

    metrics: set[str] = field(default_factory=set)
    per_run_units: set[str] = field(default_factory=set)
    cautions: list[str] = field(default_factory=list)


def own_instruments(
    runs: dict[str, RunFolder], results: dict[str, dict[str, Any]], settings: dict[str, dict[str, Any]]
) -> Own:
    """Find what is measured by reward models or a style classifier that the runs do not share."""
    found = Own()
    names = {
        metric
        for result in results.values()
        for arm in result.get("arms", {}).values()
        for metric in arm.get("metrics", {})
    }
    mixes = [{key: value for key, value in table.items() if key.startswith("rewards.")} for table in settings.values()]
    if any(mix != mixes[0] for mix in mixes):
        found.per_run_units |= {name for name in names if name.split("/")[0] in ("reward", "reward_check")}
        found.metrics |= found.per_run_units | ({"win_rate"} & names)
        found.cautions.append(
            "The runs have different rewards ([rewards]): reward, its parts and win rate are not comparable between "
            "them."
        )
    own = set()
    for stage, measured in LEARNED.items() if _learns(mixes) else ():
        there = [run.stage(stage) for run in runs.values() if run.stage(stage).path.is_dir()]
        if there and not _all_equal([_digest(one) for one in there]):
            own |= {name for name in names if name.split("/")[0] in measured}
    if own - found.metrics:
        found.cautions.append(
            f"Each run has reward models of its own, as far as their files say: {', '.join(sorted(own))} are not "
            "comparable between runs, only what a run's arms gain on each other. To compare by one reward model, give "
            'all runs the same reward.load = "RUN/stages/reward".'
        )
    found.metrics |= own
    found.per_run_units |= own - {"win_rate"}
    facts = [result.get("instruments", {}).get("sac") for result in results.values() if result]
    if "sac" in names and any(fact != facts[0] for fact in facts):
        found.metrics.add("sac")
        found.cautions.append(
            "SAC is read by a style classifier that each run fitted itself: its means over seeds hold that too, and "
            "it is not paired between runs."
        )
    return found


def _learns(mixes: list[dict[str, Any]]) -> bool:
    """Whether some run's reward has a learned part; without parts the reward model is all of it."""
    return any(not mix or "learned" in [mix[key] for key in mix if key.endswith(".use")] for mix in mixes)


def _digest(stage: StageFolder) -> str | None:
    """What a reward model is, by its files; None where they are gone."""
    files = sorted(path for path in stage.checkpoints.rglob("*.safetensors"))
    found = hashlib.sha256()
    for path in files:
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest() if files else None


def _all_equal(digests: list[str | None]) -> bool:
    return None not in digests and len(set(digests)) == 1


def asked(run: RunFolder) -> dict[str, tuple[Any, Any]]:
    """The test rows of a run: id -> prompt and reference."""
    return {str(row.get("id")): (row.get("prompt"), row.get("reference")) for row in run.responses()}


def rows_differ(runs: dict[str, RunFolder]) -> list[str]:
    """Say where the runs were tested on different rows; nothing where on the same."""
    rows = {name: found for name, run in runs.items() if (found := asked(run))}
    first = next(iter(rows.values()), {})
    if all(found == first for found in rows.values()):
        return []
    common = set.intersection(*(set(found.items()) for found in rows.values()))
    sizes = ", ".join(f"{name} {len(found)}" for name, found in rows.items())
    return [
        f"The test rows differ ({sizes}; {len(common)} in common): values stand beside each other, but a difference "
        "between two runs may be one of the rows, and nothing is paired."
    ]
