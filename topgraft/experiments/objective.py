"""By what a sweep chooses: a metric on validation rows. The test rows are for the figures that stand beside it."""

import json
import math
from dataclasses import dataclass

from topgraft.algorithms.protocol import OfflineSettings
from topgraft.errors import Diverged, UserError, nearest
from topgraft.runs import RunFolder
from topgraft.train.plan import Plan, Step
from topgraft.train.settings import RunSettings

MEASURED = {
    "demonstrations": ("eval/loss",),
    "pairs": ("eval/loss", "eval/accuracy"),
    "samples": ("eval/reward",),
}
"""What a stage learns from -> the metrics that it logs on validation rows."""


@dataclass(frozen=True)
class Objective:
    """The metric that a step logs on validation rows, and the arm (or stage) whose step it is."""

    arm: str
    metric: str

    @property
    def lower(self) -> bool:
        """Whether less is better."""
        return self.metric.endswith("loss")

    def step(self, plan: Plan) -> Step:
        """The step of a trial's plan; it may be called otherwise in another trial. Raises UserError where none is."""
        arm = plan.arms.get(self.arm)
        name = arm.policy if arm is not None and arm.policy is not None else self.arm
        if name not in plan.steps:
            raise UserError(f"its stages, {list(plan.settings.stages)}, make no '{self.arm}' to be compared.")
        return plan.steps[name]

    def value(self, run: RunFolder, plan: Plan) -> float:
        """What a finished trial came to. Raises Diverged where that is no number."""
        stage = run.stage(self.step(plan).name)
        metrics = stage.summary()["metrics"]
        if self.metric not in metrics:
            raise UserError(f"{stage.path} logged no '{self.metric}'. {nearest(self.metric, metrics)}")
        if not math.isfinite(metrics[self.metric]):
            raise Diverged(f"{self.metric} is {metrics[self.metric]}.")
        return float(metrics[self.metric])


def choose(plan: Plan, arm: str | None, metric: str | None) -> Objective:
    """The objective asked for: of the last arm, by the first metric of its kind, unless named.

    Raises UserError for an arm or a metric that the recipe does not have.
    """
    known = [name for name, found in plan.arms.items() if found.policy is not None]
    known += [name for name, step in plan.steps.items() if step.kind != "pairs" and name not in known]
    if not known:
        raise UserError(f"Recipe '{plan.settings.name}' trains nothing (stages = {list(plan.settings.stages)}).")
    arms = [name for name in known if name in plan.arms]
    arm = arm or (arms or known)[-1]
    if arm not in known:
        raise UserError(f"Recipe '{plan.settings.name}' has no arm '{arm}'. {nearest(arm, known)}")
    step = Objective(arm, "").step(plan)
    metrics = MEASURED[step.settings.learns_from(step.kind)]
    own = step.kind in step.settings.learners and metric is not None and metric.startswith("eval/")
    if metric is not None and metric not in metrics and not own:
        why = "" if "/" in metric else " Test metrics stand beside it; choosing by them would spoil them."
        raise UserError(f"'{arm}' logs no '{metric}' on validation rows.{why} {nearest(metric, metrics)}")
    return Objective(arm, metric or metrics[0])


def yardstick(plan: Plan, objective: Objective) -> str:
    """What the metric depends on besides the policy: trials in which it differs are measured in different units."""
    step = objective.step(plan)
    settings = step.settings
    found: dict[str, object] = {"data": settings.data.model_dump(mode="json")}
    for what, needed in (("pairs", step.pairs), ("reward", step.reward)):
        found[what] = plan.steps[needed].made_of if needed is not None else None
    if settings.learns_from(step.kind) == "samples":
        found["rewards"] = {name: part.model_dump(mode="json") for name, part in settings.mix.items()}
    elif objective.lower:
        found["loss"] = _loss(settings, step.kind)
    return json.dumps(found, sort_keys=True)


def _loss(settings: RunSettings, kind: str) -> dict[str, object]:
    """What the loss is, not how it is made small: all that is a policy's own, and what a reward model's is named by."""
    options = settings.options(kind)
    own = options.model_dump(mode="json", exclude=set(OfflineSettings.model_fields))
    return own if kind in settings.policies else {name: own[name] for name in ("loss", "margin") if name in own}
