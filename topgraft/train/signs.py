"""Signs that a policy exploits its reward: each a pure function of what a stage has logged so far.

A sign compares the last `window` steps with the mean of the first `baseline`, and shows only where each of the last
steps does. docs/hacking.md says what every sign is good for.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from topgraft.train import worst
from topgraft.train.series import Series


@dataclass(frozen=True)
class Warned:
    """What a sign says: the figures and what to do, and how to find the responses that show it best."""

    message: str
    badness: worst.Badness


Sign = Callable[[Series], Warned | None]


def length(series: Series) -> Warned | None:
    """Responses have grown or shrunk by more than a factor."""
    first, last, factor = series.first("rollout/length"), series.last("rollout/length"), series.settings.length
    what = f"from {first:.3g} to {fmean(last):.3g} tokens, beyond the factor {factor:g}"
    if min(last) > first * factor:
        return Warned(
            f"responses have grown {what}. If they say no more than before, add a part `length` to the reward, raise "
            f"beta or lower the rate.",
            worst.longest,
        )
    if max(last) < first / factor:
        return Warned(
            f"responses have shrunk {what}. If they lack something, reward it, add a part `length`, raise beta or "
            f"lower the rate.",
            worst.shortest,
        )
    return None


def repetition(series: Series) -> Warned | None:
    """Responses repeat themselves more than at first."""
    first, last = series.first("rollout/repetition"), series.last("rollout/repetition")
    if not min(last) > first + series.settings.repetition:
        return None
    return Warned(
        f"the share of repeated 3-grams has risen from {first:.2f} to {fmean(last):.2f}. Add a part `repetition` to "
        f"the reward, raise beta or lower the rate.",
        worst.repeating,
    )


def diversity(series: Series) -> Warned | None:
    """Responses have become alike."""
    first, last = series.first("rollout/distinct_2"), series.last("rollout/distinct_2")
    if not max(last) < first * series.settings.diversity:
        return None
    return Warned(
        f"distinct-2 of a rollout has fallen from {first:.2f} to {fmean(last):.2f}: responses are alike. Raise beta or "
        f"entropy_weight, or lower the rate.",
        worst.alike,
    )


def entropy(series: Series) -> Warned | None:
    """The policy has become nearly deterministic."""
    first, last = series.first("policy/entropy"), series.last("policy/entropy")
    if not max(last) < first * series.settings.entropy:
        return None
    return Warned(
        f"the policy's entropy has fallen from {first:.3g} to {fmean(last):.3g} nats a token: it hardly tries anything "
        f"new. Raise entropy_weight or beta, or lower the rate.",
        worst.alike,
    )


def kl(series: Series) -> Warned | None:
    """The policy is far from its reference."""
    last = series.values("kl/token")[-series.settings.window :]
    if len(last) < series.settings.window or not min(last) > series.settings.kl:
        return None
    return Warned(
        f"the KL to the reference is {fmean(last):.2g} nats a token, above {series.settings.kl:g}: a learned reward "
        f"may never have seen such text. Raise beta, set kl.target, or lower the rate.",
        worst.farthest,
    )


def knee(series: Series) -> Warned | None:
    """Further KL buys hardly any score.

    Under the square-root law that Bai et al. 2022 (arXiv 2204.05862, section 4.3) found, score = a sqrt(KL), the
    second half of the KL gains sqrt(2) - 1 = 0.41 of what the first half did, however far the policy has gone.
    """
    found = [_rates(series, ago) for ago in range(series.settings.window)]
    if not all(rates is not None and rates[1] < series.settings.knee * rates[0] for rates in found):
        return None
    before, after = found[0] or (math.nan, math.nan)
    return Warned(
        f"the score gained {before:.2g} per nat in the first half of the KL and {after:.2g} in the second. Take an "
        f"earlier step (fewer steps), raise beta, or look for what else the score pays for.",
        worst.farthest,
    )


def _rates(series: Series, ago: int) -> tuple[float, float] | None:
    """Score gained per nat in the first and in the second half of the KL, as it was some steps ago.

    The half is where the mean KL of a window first came half-way from that of the first steps to that of the last. None
    where it is not near the middle, or the score had not risen by half a standard deviation there.
    """
    size, window = series.settings.baseline, series.settings.window
    points = [
        (step.get("kl/response", math.nan), step.get("reward/score", math.nan))
        for step in series.steps[: len(series.steps) - ago]
    ]
    if len(points) < size + 2 * window:
        return None
    start, end = _mean(points[:size]), _mean(points[-window:])
    between = (_mean(points[at - window : at]) for at in range(size + window, len(points) - window + 1))
    half = next((point for point in between if point[0] >= (start[0] + end[0]) / 2), end)
    nats, more = half[0] - start[0], end[0] - half[0]
    if not (more >= (end[0] - start[0]) / 4 > 0 and half[1] - start[1] >= series.first("reward/std") / 2):
        return None
    return (half[1] - start[1]) / nats, (end[1] - half[1]) / more


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(x for x, _ in points), fmean(y for _, y in points)


def agreement(series: Series) -> Warned | None:
    """A part of the reward now stands against the rest of it."""
    if not _risen(series, 0.0):
        return None
    for name, weight in series.weights.items():
        first, last = series.first(f"reward/agreement/{name}"), series.last(f"reward/agreement/{name}")
        if first >= 0 and max(last) < -series.settings.agreement:
            return Warned(
                f"while the score rises, the part `{name}` has come to stand against the rest of the reward "
                f"(correlation {first:.2f} at first, {fmean(last):.2f} now). Read which of them is fooled, and lower "
                f"its weight or clip it.",
                worst.sacrificing(name, weight),
            )
    return None


def parts(series: Series) -> Warned | None:
    """A part of the reward is given up for the others."""
    if not _risen(series, series.settings.parts):
        return None
    for name, weight in series.weights.items():
        first, last = series.first(f"reward/part/{name}"), series.last(f"reward/part/{name}")
        fall = series.settings.parts * series.first(f"reward/std/{name}")
        if max(math.copysign(1, weight) * (value - first) for value in last) < -fall:
            return Warned(
                f"while the score rises from {series.first('reward/score'):.2f} to "
                f"{fmean(series.last('reward/score')):.2f}, the part `{name}` goes from {first:.2f} to "
                f"{fmean(last):.2f}, for the worse. Raise its weight, or clip the parts that pay for it.",
                worst.sacrificing(name, weight),
            )
    return None


def _risen(series: Series, spreads: float) -> bool:
    """Whether the score of each of the last steps is above that of the first, by more than so many standard deviations
    of the responses' scores."""
    rise = spreads * series.first("reward/std") if spreads else 0.0
    return min(series.last("reward/score")) > series.first("reward/score") + rise


def held_out(series: Series) -> Warned | None:
    """Two evaluations in a row are worse than the best before them, while the score of the samples has risen."""
    at = [place for place, step in enumerate(series.steps) if math.isfinite(step.get("eval/reward", math.nan))]
    evaluated, window = series.values("eval/reward"), series.settings.window
    if len(at) < 3:
        return None
    best = max(range(len(at) - 2), key=lambda place: evaluated[place])
    allowed = evaluated[best] - series.settings.held_out * series.first("reward/std")
    then = [step.get("reward/score", math.nan) for step in series.steps[max(0, at[best] - window + 1) : at[best] + 1]]
    now = series.last("reward/score")
    if not (max(evaluated[-2:]) < allowed and fmean(now) > fmean(then)):
        return None
    return Warned(
        f"the score on validation prompts has fallen from {evaluated[best]:.2f} to {evaluated[-1]:.2f} while that of "
        f"the samples has risen from {fmean(then):.2f} to {fmean(now):.2f}. Take fewer steps, more prompts, or a "
        f"larger beta.",
        worst.scoring,
    )


SIGNS: dict[str, Sign] = {
    "length": length,
    "repetition": repetition,
    "diversity": diversity,
    "entropy": entropy,
    "kl": kl,
    "knee": knee,
    "agreement": agreement,
    "parts": parts,
    "held_out": held_out,
}
"""Name of a sign, which is that of its threshold in [watch] -> the sign."""
