"""What was run, in words: the opening sentence, the state of each stage, cost, provenance and citation."""

import shlex
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from topgraft.report.figures.drawing import Drawing
from topgraft.report.words.lineage import blocks, is_chain, listing, read_arms
from topgraft.report.words.numbers import MISSING, count, duration, gigabytes, number, plain
from topgraft.report.words.results import mapping
from topgraft.report.words.roles import trained_words
from topgraft.report.words.warned import Warned

SAMPLES_SHOWN = 4


@dataclass
class Stage:
    """One stage as the page shows it."""

    name: str
    title: str
    state: str
    summary: dict[str, Any]
    metrics: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    warnings: list[Warned]
    anchor: str
    """Its id on the page."""
    drawings: list[Drawing] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The stage in one line of facts."""
        parts = [self.state]
        if number(self.summary.get("steps")) is not None:
            parts.append(f"{plain(self.summary['steps'])} steps")
        elif self.metrics:
            parts.append(f"{len(self.metrics):,} steps logged")
        if number(self.summary.get("best_step")) is not None:
            parts.append(f"weights of step {plain(self.summary['best_step'])} kept")
        if number(self.summary.get("trainable_parameters")) is not None:
            parts.append(f"{count(self.summary['trainable_parameters'])} trainable parameters")
        return ", ".join(parts)

    @property
    def last_samples(self) -> list[dict[str, Any]]:
        """The newest few samples, newest first."""
        return self.samples[: -SAMPLES_SHOWN - 1 : -1]

    @property
    def final_metrics(self) -> list[tuple[str, str]]:
        """The metrics of the stage's summary, formatted."""
        found = mapping(self.summary.get("metrics"))
        return [(name, plain(value) if number(value) is not None else str(value)) for name, value in found.items()]


def state(finished: bool, begun: bool, run_finished: bool) -> str:
    """Say where a stage stands."""
    if finished:
        return "finished"
    if begun:
        return "not finished"
    return "no record" if run_finished else "not begun"


def opening(recipe: str, provenance: dict[str, Any], stages: list[Stage]) -> str:
    """Say what was run in one sentence, from whatever the provenance holds."""
    model, data = mapping(provenance.get("model")), mapping(provenance.get("data"))
    arms, summaries = read_arms(provenance), {stage.name: stage.summary for stage in stages}
    layers, chain = trained_words(model), is_chain(arms)
    if not chain:
        asked = [arm for arm in arms.values() if arm.path]
        found = (blocks(arm, mapping(summaries.get(arm.path[-1])), model.get("layers")) for arm in asked)
        layers = " or ".join(dict.fromkeys(found))
    text = f"Recipe {recipe} " if recipe else "This run "
    text += f"trains {layers} of {model['name']}" if layers and model.get("name") else ""
    if not layers:
        text += f"trains {model['name']}" if model.get("name") else "has not recorded its model yet"
    elif not model.get("name"):
        text += f"trains {layers} of its model"
    if number(model.get("parameters")) is not None:
        text += f" ({count(model['parameters'])} parameters)"
    train = mapping(data.get("rows")).get("train")
    if number(train) is not None:
        text += f" on {plain(train)} rows"
    if data.get("source"):
        text += f" from {data['source']}" if number(train) is not None else f" on {data['source']}"
    if not chain:
        others = [arm for arm in arms.values() if arm.path or arm.choice]
        return (
            f"{text}, in {len(others)} arm{'s' if len(others) > 1 else ''}: {listing([arm.words for arm in others])}."
        )
    names = [stage.title for stage in stages if stage.summary.get("trainable_parameters") or stage.metrics]
    longest = max(arms.values(), key=lambda arm: len(arm.path), default=None)
    if longest and longest.path:
        beside = [stage.title for stage in stages if stage.title in names and stage.name not in longest.path]
        return f"{text}: {longest.words}{', with ' if beside else ''}{listing(beside)}."
    return text + (": " + " → ".join(names) if names else "") + "."


def key_facts(provenance: dict[str, Any], stages: list[Stage]) -> list[tuple[str, str]]:
    """Return the few facts that stand under the title."""
    spent = [found for stage in stages if (found := number(stage.summary.get("seconds"))) is not None]
    rows = mapping(mapping(provenance.get("data")).get("rows"))
    split = " / ".join(plain(rows[name]) for name in ("train", "test", "validation") if name in rows)
    facts = [
        ("Seed", provenance.get("seed")),
        ("Device", provenance.get("device")),
        ("Time", duration(sum(spent)) if spent else None),
        ("Train / test / validation", split or None),
        ("Finished", moment(provenance.get("finished"))),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def moment(stamp: Any) -> str | None:
    """Return an ISO time to the minute: `moment("2026-10-01T09:21:14+00:00")` -> "2026-10-01 09:21 UTC"."""
    if not stamp:
        return None
    try:
        return f"{datetime.fromisoformat(str(stamp)):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return str(stamp)


def cost_table(stages: list[Stage]) -> list[list[str]]:
    """Return the cost table: a header, one row a stage that has a summary, and the total."""
    done = [stage for stage in stages if stage.summary]
    if not done:
        return []
    rows = [
        [
            "Stage",
            "Time",
            "Steps",
            "Tokens",
            "Tokens/s",
            "Peak memory, GB",
            "Trunk passes per token",
            "Trainable",
        ]
    ]
    for stage in done:
        facts = stage.summary
        seconds, tokens = number(facts.get("seconds")), number(facts.get("tokens"))
        speed = plain(round(tokens / seconds)) if seconds and tokens else MISSING
        passes = number(facts.get("trunk_passes_per_token"))
        unknown = "n/a" if "trunk_passes_per_token" in facts else MISSING
        rows.append(
            [
                stage.title,
                duration(seconds),
                plain(facts.get("steps")),
                plain(tokens),
                speed,
                gigabytes(facts.get("peak_memory_bytes")),
                unknown if passes is None else f"{passes:.2f}",
                count(facts.get("trainable_parameters")),
            ]
        )
    times = [number(stage.summary.get("seconds")) for stage in done]
    peaks = [found for stage in done if (found := number(stage.summary.get("peak_memory_bytes"))) is not None]
    total = duration(sum(time or 0.0 for time in times)) if any(time is not None for time in times) else MISSING
    rows.append(["Total", total, "", "", "", gigabytes(max(peaks, default=None)), "", ""])
    return rows


def flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Flatten the provenance to (dotted name, text) pairs."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in flat(item, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        return [(path, ", ".join(item if isinstance(item, str) else str(item) for item in value) or MISSING)]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return [(path, MISSING if value in (None, "") else str(value))]
    return [(path, str(value))]


def command(provenance: dict[str, Any]) -> str:
    """Return the command that made the run, as one would type it."""
    given = provenance.get("command")
    return shlex.join(str(word) for word in given) if isinstance(given, list) else str(given or "")


def citation(recipe: str, provenance: dict[str, Any]) -> str:
    """Return one sentence that names everything a reader needs to find the same run."""
    model, data = mapping(provenance.get("model")), mapping(provenance.get("data"))
    parts = [f"topgraft {provenance.get('topgraft') or '(version not recorded)'}"]
    if provenance.get("commit"):
        parts.append(f"commit {provenance['commit']}")
    if recipe:
        parts.append(f"recipe {recipe}")
    if provenance.get("seed") is not None:
        parts.append(f"seed {provenance['seed']}")
    for kind, content in (("model", model), ("data", data)):
        name = content.get("name") or content.get("source")
        digest = f" ({content['digest']})" if content.get("digest") else ""
        if name or digest:
            parts.append(f"{kind} {name or ''}{digest}".replace("  ", " "))
    return ", ".join(parts) + "."
