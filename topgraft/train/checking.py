"""`topgraft check`: try each part of a recipe on a few rows before the machine is busy."""

import math
import tempfile
import time
from pathlib import Path

import torch

from topgraft.algorithms.protocol import OnPolicySettings
from topgraft.errors import UserError
from topgraft.evaluate.metrics.perplexity import refuse_unreadable
from topgraft.model.quantizing import count
from topgraft.objectives.kl import k1
from topgraft.recipe import build
from topgraft.records import Demonstration
from topgraft.rewards.classifier import Classifier
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.train.cost import free_bytes
from topgraft.train.describing import describe, trained
from topgraft.train.fitting import gigabytes
from topgraft.train.forecast import forecast
from topgraft.train.plan import Plan, Step
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings
from topgraft.train.stages import home
from topgraft.train.workplace import Workplace, prepare

KL_LIMIT = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Largest |log pi - log pi_ref| of a sampled token before any training, by precision."""


PROBE = "probe"
"""The slot that is tried: an adapter as it begins, without effect."""


def check(settings: RunSettings, screen: Screen) -> None:
    """Load everything and print what a run would meet. Raises UserError where it would fail."""
    plan, minutes, tried = Plan(settings), 0.0, set[str]()
    screen.say(f"arms      {', '.join(plan.arms)}")
    if "perplexity" in settings.evaluate.metrics:
        refuse_unreadable(settings.evaluate.perplexity_model)
    for number, group in enumerate(plan.groups()):
        with tempfile.TemporaryDirectory() as folder:
            place = prepare(group.settings, RunFolder(Path(folder)), screen)
        lines = describe(place)
        for line in lines if number == 0 else lines[:1]:
            screen.say(line)
        if number == 0:
            _texts(place)
        steps = plan.needed(group.names)
        minutes += _model(place, steps, tried, len(group.arms))
        tried |= {step.name for step in steps}
        del place
    screen.say(f"time      about {max(1, round(minutes))} min on this machine, if every response runs to its limit")


def _texts(place: Workplace) -> None:
    """Say what prompts and responses look like to the model."""
    template = place.template
    _lengths(place)
    example = template.render(place.splits.train[0].prompt)
    place.screen.say(f"prompt    {example[:60]!r} ... {example[-40:]!r}")
    if template.pad_id in template.end_ids:
        raise UserError(f"The pad id {template.pad_id} is an end id: the model would never learn to end.")


def _model(place: Workplace, steps: list[Step], tried: set[str], arms: int) -> float:
    """Try the model that a group of steps needs; the minutes that they may take."""
    model, screen = place.model, place.screen
    screen.say(f"identity  trunk and branch differ from the whole model by {model.identity_gap:.1e} (largest logit)")
    memory = forecast(place, steps, free=free_bytes(), before=tried)
    model.slots.add(PROBE)
    size = sum(weight.numel() for weight in model.slots.weights(PROBE))
    adapting = [step.name for step in steps if _adapts(step)]
    slots = f" ({', '.join(adapting)})" if adapting else ""
    screen.say(f"trained   {size:,} weights a slot{slots}: {trained(place, PROBE)}")
    for name, part in place.settings.mix.items():
        if part.use == "classifier":
            screen.say(f"external  reward '{name}' by {build(Classifier, part.options).describe()}")
    for step in steps:
        if step.kind != "pairs" and (here := home(place.under(step.settings), step)).model is not model:
            weights, blocks = count(here.model.model), len(here.model.parts.blocks)
            size = sum(weight.nbytes for weight in here.model.model.parameters())
            screen.say(
                f"external  {step.name} stands on {here.settings.options(step.kind).base(place.settings.model).name}: "
                f"{weights / 1e6:.1f} M weights more in memory ({gigabytes(size)}), and every scored response passes "
                f"all its {blocks} blocks once more"
            )
    gap, seconds = _step_zero(place, place.splits.train[:8])
    limit = KL_LIMIT.get(model.model.dtype, 5e-2)
    if not gap <= limit:
        raise UserError(
            f"Before any training the policy differs from the reference by {gap:.2g} in a token's log-probability "
            f"(limit {limit:.0e}): sampling and scoring disagree. Use model.dtype=float32 or model.attention=eager."
        )
    screen.say(f"step 0    largest |log pi - log pi_ref| of a sampled token {gap:.1e} (limit {limit:.0e})")
    for line in memory:
        screen.say(line)
    return _minutes(place, [step for step in steps if step.name not in tried], arms, seconds)


def _adapts(step: Step) -> bool:
    """Whether the step trains a slot of the run's own model."""
    options, own = None if step.kind == "pairs" else step.settings.options(step.kind), step.settings.model
    return options is not None and options.adapts and options.base(own) == own


def _lengths(place: Workplace) -> None:
    """Say how many tokens the rows have, and whether the end token is among those that are learned."""
    rows = [*place.splits.train, *place.splits.test, *place.splits.validation]
    prompts = sorted(len(place.template.encode_prompt(row.prompt)) for row in rows)
    responses = sorted(len(place.template.encode_response(row.response)) for row in rows if row.response)
    for name, lengths in (("prompts", prompts), ("responses", responses)):
        if not lengths:
            place.screen.say(f"tokens    {name}: the data have none")
            continue
        middle, high = lengths[len(lengths) // 2], lengths[int(0.99 * (len(lengths) - 1))]
        place.screen.say(f"tokens    {name}: median {middle}, 99 % {high}, longest {lengths[-1]}")
    if not place.splits.train[0].response:
        return
    ids = place.template.encode_response(place.splits.train[0].response)
    ends = "ends with the end token, which is learned" if ids[-1] in place.template.end_ids else "is cut before its end"
    place.screen.say(f"end       the first response {ends}")


def _step_zero(place: Workplace, rows: list[Demonstration]) -> tuple[float, float]:
    """(largest log-probability gap between the sampled policy and the reference, seconds a decoding step took)."""
    model, template = place.model, place.template
    prompts = [template.encode_prompt(row.prompt) for row in rows]
    begun = time.perf_counter()
    with model.slots.use(PROBE):
        rollouts = sample(model, template, prompts, place.settings.sampling, torch.Generator().manual_seed(0))
    steps = int(rollouts.tokens.counted_BT.sum(1).max())
    seconds = (time.perf_counter() - begun) / steps
    with model.slots.use(None), torch.no_grad():
        final_BLH = model.branch(rollouts.trunk)
        temperature = place.settings.sampling.temperature or 1.0
        reference_R, _ = model.logprobs(final_BLH, rollouts.tokens, temperature=temperature)
    sampled_R = rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT]
    return k1(sampled_R, reference_R).abs().max().item(), seconds


def _minutes(place: Workplace, steps: list[Step], arms: int, seconds: float) -> float:
    """Decoding steps times their measured time, and as much again for everything else."""
    rows, at_once = len(place.splits.train) + len(place.splits.validation), place.settings.sampling.rows_at_once
    rounds = arms * math.ceil(len(place.splits.test) * place.settings.evaluate.samples / at_once)
    for step in steps:
        if step.kind == "pairs":
            rounds += math.ceil(rows * step.settings.pairs.samples_per_prompt / at_once)
        elif isinstance(options := step.settings.options(step.kind), OnPolicySettings):
            rounds += options.steps * math.ceil(options.batch_size * options.samples / at_once)
    return 2 * rounds * place.settings.data.max_response_tokens * seconds / 60
