"""`topgraft check`: try each part of a recipe on a few rows before the machine is busy."""

import math
import tempfile
import time
from pathlib import Path

import torch

from topgraft.errors import UserError
from topgraft.objectives.kl import k1
from topgraft.records import Demonstration
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.train.cost import free_bytes
from topgraft.train.forecast import forecast
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings
from topgraft.train.workplace import Workplace, describe, prepare

KL_LIMIT = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Largest |log pi - log pi_ref| of a sampled token before any training, by precision."""


def check(settings: RunSettings, screen: Screen) -> None:
    """Load everything and print what a run would meet. Raises UserError where it would fail."""
    with tempfile.TemporaryDirectory() as folder:
        place = prepare(settings, RunFolder(Path(folder)), screen)
    for line in describe(place):
        screen.say(line)
    model, template = place.model, place.template
    screen.say(f"identity  trunk and branch differ from the whole model by {model.identity_gap:.1e} (largest logit)")
    _lengths(place)
    example = template.render(place.splits.train[0].prompt)
    screen.say(f"prompt    {example[:60]!r} ... {example[-40:]!r}")
    if template.pad_id in template.end_ids:
        raise UserError(f"The pad id {template.pad_id} is an end id: the model would never learn to end.")
    memory = forecast(place, free=free_bytes())
    for slot in ("sft", "ppo"):
        if slot not in model.slots.names:
            model.slots.add(slot, copy_of=place.start_slot)
    trained = sum(weight.numel() for weight in model.slots.weights("ppo"))
    kind = "no adapters: every weight learns" if model.whole else f"rank {settings.model.lora.rank}"
    screen.say(f"trained   {trained:,} weights a slot, {kind}")
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
    minutes = max(1, round(_minutes(place, seconds)))
    screen.say(f"time      about {minutes} min on this machine, if every response runs to its limit")


def _lengths(place: Workplace) -> None:
    """Say how many tokens the rows have, and whether the end token is among those that are learned."""
    rows = [*place.splits.train, *place.splits.test, *place.splits.validation]
    prompts = sorted(len(place.template.encode_prompt(row.prompt)) for row in rows)
    responses = sorted(len(place.template.encode_response(row.response)) for row in rows)
    for name, lengths in (("prompts", prompts), ("responses", responses)):
        middle, high = lengths[len(lengths) // 2], lengths[int(0.99 * (len(lengths) - 1))]
        place.screen.say(f"tokens    {name}: median {middle}, 99 % {high}, longest {lengths[-1]}")
    ids = place.template.encode_response(place.splits.train[0].response)
    ends = "ends with the end token, which is learned" if ids[-1] in place.template.end_ids else "is cut before its end"
    place.screen.say(f"end       the first response {ends}")


def _step_zero(place: Workplace, rows: list[Demonstration]) -> tuple[float, float]:
    """(largest log-probability gap between the sampled policy and the reference, seconds a decoding step took)."""
    model, template = place.model, place.template
    prompts = [template.encode_prompt(row.prompt) for row in rows]
    begun = time.perf_counter()
    with model.slots.use("ppo"):
        rollouts = sample(model, template, prompts, place.settings.sampling, torch.Generator().manual_seed(0))
    steps = int(rollouts.tokens.counted_BT.sum(1).max())
    seconds = (time.perf_counter() - begun) / steps
    with model.slots.use("sft"), torch.no_grad():
        final_BLH = model.branch(rollouts.trunk)
        temperature = place.settings.sampling.temperature or 1.0
        reference_R, _ = model.logprobs(final_BLH, rollouts.tokens, temperature=temperature)
    sampled_R = rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT]
    return k1(sampled_R, reference_R).abs().max().item(), seconds


def _minutes(place: Workplace, seconds: float) -> float:
    """Decoding steps times their measured time, and as much again for everything else."""
    settings = place.settings
    rows = len(place.splits.train) + len(place.splits.validation)
    at_once = settings.sampling.rows_at_once
    rounds = settings.ppo.steps * math.ceil(settings.ppo.batch_size / at_once) if "ppo" in settings.stages else 0
    rounds += math.ceil(rows * settings.pairs.samples_per_prompt / at_once) if "pairs" in settings.stages else 0
    rounds += 3 * math.ceil(len(place.splits.test) / at_once)
    return 2 * rounds * settings.data.max_response_tokens * seconds / 60
