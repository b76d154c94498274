"""What came of what: the steps of a run, where each one starts, and the arms that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from topgraft.report.words.numbers import MISSING, count, duration, number
from topgraft.report.words.results import mapping
from topgraft.report.words.roles import OTHERS, ROLES, title_of, trained_layers, trained_words

REWARDS = ("reward", "reward_model")


@dataclass(frozen=True)
class Step:
    """One stage that trains: its kind, the step that it starts from (None: the base model), the steps that bring its
    pairs and its reward model, and stage.json as far as it is there."""

    name: str
    kind: str
    start: str | None
    pairs: str | None
    reward: str | None
    summary: dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """A policy that is measured: the steps that it went through, and what sets it apart."""

    name: str
    path: tuple[str, ...]
    kinds: tuple[str, ...]
    layers: Any
    best_of: int
    changes: dict[str, Any]
    filter: int = 1
    constrained: bool = False

    @property
    def choice(self) -> str:
        """How an answer is chosen among the policy's own, "" where it is the first that the policy gives."""
        if self.constrained:
            return "constrained decoding"
        return f"best of {self.best_of}" if self.best_of > 1 else f"filter {self.filter}" if self.filter > 1 else ""

    @property
    def words(self) -> str:
        """What it went through: "SFT → DPO", "best of 8 of SFT"."""
        way = " → ".join(title_of(kind) for kind in self.kinds) or "the base model"
        return f"{self.choice} of {way}" if self.choice else way


def read_arms(provenance: dict[str, Any]) -> dict[str, Arm]:
    """Return the arms that the provenance records, Base among them."""
    found = {}
    for name, content in mapping(provenance.get("arms")).items():
        about = mapping(content)
        path, kinds = (about.get(key) for key in ("path", "kinds"))
        steps = tuple(str(step) for step in path) if isinstance(path, list) else ()
        known = tuple(str(kind) for kind in kinds) if isinstance(kinds, list) and len(kinds) == len(steps) else steps
        best_of, filtered = (int(number(about.get(key)) or 1) for key in ("best_of", "filter"))
        changes, constrained = mapping(about.get("changes")), bool(about.get("constrained"))
        found[name] = Arm(name, steps, known, about.get("layers"), best_of, changes, filtered, constrained)
    return found


def read_steps(provenance: dict[str, Any], summaries: Mapping[str, dict[str, Any]]) -> dict[str, Step]:
    """Return the steps that leave a policy or a reward model, in order; `summaries` maps every stage to its stage.json.

    A run from before arms were recorded starts every policy from its SFT.
    """
    kinds: dict[str, str] = {}
    starts: dict[str, str | None] = {}
    for arm in read_arms(provenance).values():
        kinds |= dict(zip(arm.path, arm.kinds, strict=True))
        starts |= {after: before for before, after in pairwise((None, *arm.path)) if after is not None}
    scorers = [name for name, about in summaries.items() if _kind(name, about, kinds) in REWARDS]
    steps = {}
    for name, about in summaries.items():
        kind = _kind(name, about, kinds)
        if kind in OTHERS:
            continue
        learns = kind not in (*REWARDS, "sft")
        start = starts.get(name, about.get("start", "sft" if learns and "sft" in summaries else None))
        draws = kind in ROLES and "reward" in ROLES[kind].heads and kind not in REWARDS
        reward = about.get("reward", scorers[0] if draws and len(scorers) == 1 else None)
        steps[name] = Step(name, kind, start if start in summaries else None, about.get("pairs"), reward, about)
    return steps


def _kind(name: str, summary: dict[str, Any], kinds: dict[str, str]) -> str:
    """What a stage does; reward-check and its like are known by their names."""
    if name in kinds or name in ROLES or name in OTHERS:
        return kinds.get(name, name)
    return str(summary.get("algorithm") or name)


def is_chain(arms: Mapping[str, Arm]) -> bool:
    """True when every arm is one step further than the one before: the run as one line says all."""
    longest: tuple[str, ...] = max((arm.path for arm in arms.values()), key=len, default=())
    return all(arm.path == longest[: len(arm.path)] and not (arm.choice or arm.changes) for arm in arms.values())


def arms_table(provenance: dict[str, Any], summaries: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """Return the table of the arms, a header and a row an arm; nothing where they are one chain."""
    arms = read_arms(provenance)
    if is_chain(arms):
        return []
    total = mapping(provenance.get("model")).get("layers")
    rows = [["Arm", "Goes through", "Trains", "Trainable", "Time of its stage", "Time of its way", "Differs in"]]
    for arm in arms.values():
        done = [mapping(summaries.get(step)) for step in arm.path]
        last = done[-1] if done else {}
        own = {} if arm.choice else last
        times = [time for step in done if (time := number(step.get("seconds"))) is not None]
        rows.append(
            [
                arm.name,
                arm.words,
                blocks(arm, last, total) if done else MISSING,
                count(last.get("trainable_parameters")),
                duration(own.get("seconds")),
                duration(sum(times)) if done and len(times) == len(done) else MISSING,
                ", ".join(_changes(arm.changes)),
            ]
        )
    return rows


def blocks(arm: Arm, summary: dict[str, Any], total: Any) -> str:
    """Say which blocks an arm trains: "the last 4 of 28 layers", "every weight"."""
    if arm.layers == "full":
        return "every weight"
    model = {"layers": total, "trained_layers": summary.get("trained_layers")}
    return trained_words(model) or str(arm.layers or MISSING)


def lit_layers(step: Step, model: dict[str, Any]) -> frozenset[int]:
    """Return the layers that a step trains; those of the run's model while the step has not said."""
    own = step.summary.get("trained_layers")
    return trained_layers({**model, "trained_layers": own} if isinstance(own, list) else model)[1]


def _changes(changes: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for key, value in changes.items():
        name = f"{path}.{key}" if path else str(key)
        found += _changes(value, name) if isinstance(value, dict) else [f"{name} = {value}"]
    return found


def listing(words: Sequence[str]) -> str:
    """List different things in a sentence: `listing(["SFT", "SFT", "DPO", "PPO"])` -> "SFT, DPO and PPO"."""
    *most, last = dict.fromkeys(words) or ("",)
    return f"{', '.join(most)} and {last}" if most else last
