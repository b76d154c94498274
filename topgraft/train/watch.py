"""The watch over a stage: what its samples add to the log, and a warning when a sign of reward hacking shows.

It reads what the loop logs and keeps; no algorithm knows of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import copysign
from statistics import correlation, fmean, pstdev

from topgraft.records import Sample
from topgraft.rewards.wording import distinct, repeated
from topgraft.runs import StageFolder
from topgraft.train.progress import Screen
from topgraft.train.series import Series, WatchSettings
from topgraft.train.signs import SIGNS, Warned

SHOWN = 3
"""Responses kept with a warning."""


class Watch:
    """Sees every step of a stage and raises each sign once: on the screen and in the stage's warnings.jsonl."""

    def __init__(
        self, settings: WatchSettings, weights: Mapping[str, float], stage: StageFolder, screen: Screen
    ) -> None:
        self.settings, self.weights, self.stage, self.screen = settings, weights, stage, screen
        self.raised: set[str] = set()
        """Signs raised so far: each is once."""
        self._steps: list[dict[str, float]] = []
        self._off = {name for name in SIGNS if not getattr(settings, name)}

    @property
    def ends(self) -> bool:
        """Whether a sign was raised at which the stage ends."""
        return not self.raised.isdisjoint(self.settings.stop)

    @property
    def share_of_rate(self) -> float:
        """What signs have left of the rate."""
        return 0.5 ** len(self.raised.intersection(self.settings.lower))

    def state(self) -> None:
        """Nothing: all that it has seen stands in the stage's files."""

    def restore(self, state: None) -> None:
        """See it again."""
        self._steps = self.stage.metrics()
        self.raised = {warning["sign"] for warning in self.stage.warnings()}

    def see(self, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> dict[str, float]:
        """Look for signs after a step; returns what the samples add to its metrics, nothing where it had none."""
        if not samples:
            return {}
        added = describe(samples, self.weights)
        self._steps.append({**metrics, **added})
        series = Series(self._steps, self.settings, self.weights)
        for name in SIGNS:
            if name not in self._off | self.raised and (found := SIGNS[name](series)):
                self.raised.add(name)
                self._warn(step, name, found, samples)
        return added

    def _warn(self, step: int, name: str, found: Warned, samples: Sequence[Sample]) -> None:
        badness = found.badness(samples)
        order = sorted(range(len(samples)), key=lambda place: -badness[place])
        chosen = [asdict(samples[place]) for place in order[:SHOWN]]
        self.stage.warn({"step": step, "sign": name, "message": found.message, "samples": chosen})
        done = "; the stage ends here" * (name in self.settings.stop) or "; the rate is halved" * (
            name in self.settings.lower
        )
        self.screen.say(f"  warning, step {step}, {name}: {found.message}{done}")


def describe(samples: Sequence[Sample], weights: Mapping[str, float]) -> dict[str, float]:
    """Step metrics of a rollout's texts and scores (docs/metrics.md). The agreement of a part is its correlation with
    the rest of the score, taken so that more of it is better: the value itself, or its negative where the weight is."""
    texts = [sample.response for sample in samples]
    found = {
        "rollout/repetition": fmean(repeated(text, 3) for text in texts),
        "rollout/distinct_2": distinct(texts, 2),
        "reward/std": pstdev(sample.score for sample in samples),
    }
    names = samples[0].parts
    for name in names if len(names) > 1 else ():
        known = [sample.parts for sample in samples if sample.parts[name] is not None]
        better = [copysign(1, weights[name]) * (parts[name] or 0.0) for parts in known]
        rest = [sum(weights[other] * (parts[other] or 0.0) for other in names if other != name) for parts in known]
        if known:
            found[f"reward/std/{name}"] = pstdev(better)
        if len(known) > 2 and pstdev(better) > 0 and pstdev(rest) > 0:
            found[f"reward/agreement/{name}"] = correlation(better, rest)
    return found
