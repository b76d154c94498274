"""Fit a stage to the memory that there is: smaller micro-batches where it would need too much."""

from collections.abc import Sequence
from typing import Any

from topgraft.algorithms.protocol import Actors, Algorithm, StepSettings
from topgraft.algorithms.slot import pairs_of
from topgraft.train.memory import Work, needs
from topgraft.train.progress import Screen

FILLED = 0.9
"""Share of the free memory that may be filled by prediction, which can be a tenth too low (docs/performance.md)."""


def work_of(
    actors: Actors, settings: StepSettings, minibatch_size: int, rows: Sequence[Any], held_out: Sequence[Any]
) -> Work:
    """What a stage on these rows does at once; `minibatch_size` in items."""
    pairs = pairs_of([*rows, *held_out])
    prompt = max(len(actors.template.encode_prompt(text)) for text in {text for text, _ in pairs})
    if settings.samples:
        return Work(
            prompt=prompt,
            response=actors.template.settings.max_response_tokens,
            minibatch=min(minibatch_size, len(rows)) * settings.samples,
            siblings=settings.samples,
            sampled=max(min(settings.batch_size, len(rows)) * settings.samples, len(held_out)),
        )
    siblings = len(pairs_of(rows[:1]))
    return Work(
        prompt=prompt,
        response=max(len(actors.cache.ids(pair)[1]) for pair in pairs),
        minibatch=min(minibatch_size, len(rows)) * siblings,
        siblings=siblings,
        kept_tokens=actors.cache.new_tokens(pairs),
    )


def lowered(
    algorithm: Algorithm,
    settings: StepSettings,
    rows: Sequence[Any],
    held_out: Sequence[Any],
    *,
    free: int,
    screen: Screen,
) -> StepSettings:
    """The settings, with `micro_batch_tokens` as low as it must be for the stage to fit into `free` bytes.

    The gradient does not depend on it. Where nothing fits the settings stay as they are, and the screen says so.
    """
    actors = algorithm.actors
    tried = needs(algorithm, settings, work_of(actors, settings, algorithm.minibatch_size, rows, held_out))
    micro, at_once, room = settings.micro_batch_tokens, actors.sampling.rows_at_once, round(FILLED * free)
    found = tried.fitting(micro, at_once, room)
    if found == (micro, at_once):
        return settings
    wanted = f"it may need {gigabytes(tried.total(micro, at_once))} more, and {gigabytes(free)} are free"
    if found is None:
        screen.say(f"  memory may run out: {wanted}")
        return settings
    if found[1] < at_once:
        screen.say(f"  memory may run out while decoding: {wanted}; sampling.rows_at_once={found[1]} would fit")
    if found[0] < micro:
        screen.say(f"  micro_batch_tokens is lowered from {micro} to {found[0]}: {wanted}; the gradient is the same")
    return settings.model_copy(update={"micro_batch_tokens": found[0]})


def gigabytes(size: float) -> str:
    """A size for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
