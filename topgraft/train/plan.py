"""What a run does: its steps, each a stage with the settings of an arm, and the arms that are measured.

Two arms that would carry out a stage alike, down to the stages that it builds on, share it: it is one step.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from topgraft.errors import UserError
from topgraft.train.settings import NOT_POLICIES, ArmSettings, RunSettings, settings_of_arm


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage of the run. `name` is its folder's and its slot's; `kind` says what is done."""

    name: str
    kind: str
    settings: RunSettings
    start: str | None = None
    """The step whose policy this one starts from and is held near to; None: the base model."""
    pairs: str | None = None
    reward: str | None = None
    """The steps that bring its pairs and its reward model, where it needs them."""
    made_of: str
    """All that its outcome depends on; equal for steps that would come to the same."""

    @property
    def needs(self) -> list[str]:
        """The steps that come before it."""
        return [name for name in (self.start, self.pairs, self.reward) if name is not None]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A policy that is measured: that of step `policy` (None: the base model)."""

    name: str
    settings: RunSettings
    policy: str | None = None
    reward: str | None = None
    """The step whose reward model chooses the best of its responses, where it needs one."""
    best_of: int = 1
    filter: int = 1
    constrained: bool = False

    @property
    def plain(self) -> bool:
        """Whether its answers are its policy's own, one draw each."""
        return self.best_of == self.filter == 1 and not self.constrained


@dataclass(frozen=True)
class Group:
    """Steps and arms that one model, cut at one layer, can carry out."""

    settings: RunSettings
    steps: list[Step] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)

    @property
    def names(self) -> list[str | None]:
        """The steps themselves, and those that the arms need."""
        return [name for item in self.arms for name in (item.policy, item.reward)] + [step.name for step in self.steps]


class Plan:
    """The steps in an order in which each comes after those that it needs, and the arms."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self.steps: dict[str, Step] = {}
        self.arms: dict[str, Arm] = {"base": Arm(name="base", settings=settings)}
        self._named: dict[str, str] = {}  # what a step is made of -> its name
        start = ("sft",) if "sft" in settings.stages else ()
        first = ("sft", *NOT_POLICIES)
        for kind in (*first, *(kind for kind in settings.policies if kind not in first)):
            if kind not in settings.stages:
                continue
            path = (kind,) if kind in first else (*start, kind)
            self._named[_made_of(settings, path)] = kind
            if kind in settings.policies:
                self._add(kind, settings, path, ArmSettings())
            else:
                self._step(settings, path, arm=kind)
        for name, asked in settings.arms.items():
            made_of = _made_of(settings_of_arm(settings, name), asked.train)
            before = self.arms.get(name)
            if before and (_ways(asked) != {} or self._named.get(made_of) != name):
                raise UserError(
                    f"[arms.{name}] is another policy than the arm '{name}' that the recipe has by its stages. Give it "
                    f"another name."
                )
            if asked.train and not _ways(asked):
                self._named.setdefault(made_of, name)
        for name, asked in settings.arms.items():
            self._add(name, settings_of_arm(settings, name), asked.train, asked)

    def groups(self) -> list[Group]:
        """Steps and arms by the model that they need: the recipe's own first."""
        found: dict[str, Group] = {}

        def group(settings: RunSettings) -> Group:
            return found.setdefault(settings.model.model_dump_json(), Group(settings))

        group(self.settings)
        for step in self.steps.values():
            group(step.settings).steps.append(step)
        for arm in self.arms.values():
            group(arm.settings).arms.append(arm)
        return list(found.values())

    def needed(self, names: Iterable[str | None]) -> list[Step]:
        """The steps called `names` and all that they build on, in order."""
        wanted = {name for name in names if name is not None}
        for step in reversed(self.steps.values()):
            wanted |= set(step.needs) if step.name in wanted else set()
        return [step for step in self.steps.values() if step.name in wanted]

    def start_of(self, arm: Arm) -> str | None:
        """The step that the arm's policy started from; None: the base model."""
        return self.steps[arm.policy].start if arm.policy is not None else None

    def starts(self) -> dict[str, str]:
        """Arm -> the arm that it comes from: that of the step its policy started from, and for a policy whose
        answers are chosen or constrained that of its plain ones. Arms whose start is not measured are left out."""
        plain: dict[str | None, str] = {}
        for arm in self.arms.values():
            if arm.plain:
                plain.setdefault(arm.policy, arm.name)
        found: dict[str, str] = {}
        for arm in self.arms.values():
            before = self.start_of(arm) if arm.plain else arm.policy
            if before in plain and plain[before] != arm.name:
                found[arm.name] = plain[before]
        return found

    def _add(self, name: str, settings: RunSettings, path: tuple[str, ...], asked: ArmSettings) -> None:
        policy = self._step(settings, path, arm=name) if path else None
        reward = self._step(settings, ("reward",), arm=name) if asked.best_of > 1 and settings.learns_reward else None
        self.arms[name] = Arm(name=name, settings=settings, policy=policy, reward=reward, **_ways(asked))

    def _step(self, settings: RunSettings, path: tuple[str, ...], *, arm: str) -> str:
        """The name of the step at the end of `path`, made where it is not there yet, after those that it needs."""
        kind = path[-1]
        start = self._step(settings, path[:-1], arm=arm) if path[:-1] else None
        pairs, reward = (
            self._step(settings, (needed,), arm=arm) if needed in settings.needs(kind) else None
            for needed in ("pairs", "reward")
        )
        made_of = _made_of(settings, path)
        name = self._named.get(made_of)
        if name is None:
            taken = {*self._named.values(), *self.settings.arms, *self.steps}
            own = made_of == _made_of(self.settings, path) and kind not in taken
            name = self._named[made_of] = kind if own else f"{kind}-of-{arm}"
        if name not in self.steps:
            self.steps[name] = Step(
                name=name, kind=kind, settings=settings, start=start, pairs=pairs, reward=reward, made_of=made_of
            )
        return name


def _ways(asked: ArmSettings) -> dict[str, Any]:
    """How an arm's answers are chosen, where they are not its policy's own: the keys that differ from the defaults."""
    return asked.model_dump(include={"best_of", "filter", "constrained"}, exclude_defaults=True)


def _made_of(settings: RunSettings, path: tuple[str, ...]) -> str:
    """Everything that the outcome of the last stage of `path` depends on, as text; data and base are the run's."""
    return json.dumps(dict(_reads(settings, path)), sort_keys=True)


def _reads(settings: RunSettings, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    if not path:
        return
    kind = path[-1]
    yield from (("kind", kind), ("seed", settings.seed))
    samples = kind != "pairs" and settings.learns_from(kind) == "samples"
    if kind == "pairs" or samples:
        yield "sampling", settings.sampling.model_dump(mode="json")
    if kind == "pairs":
        yield "pairs", settings.pairs.model_dump(mode="json")
        return
    options = settings.options(kind)
    yield from (("learner", settings.learner(kind).__qualname__), ("options", options.model_dump(mode="json")))
    if options.adapts:
        yield "model", options.base(settings.model).model_dump(mode="json")
    if samples:
        yield "rewards", {name: part.model_dump(mode="json") for name, part in settings.mix.items()}
    for needed in settings.needs(kind):
        yield needed, _made_of(settings, (needed,))
    if path[:-1]:
        yield "start", _made_of(settings, path[:-1])
