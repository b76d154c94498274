"""Generate once: every arm answers the held-out prompts, and the rewards score the answers once."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from topgraft.data.batching import buckets
from topgraft.data.template import Template, pack
from topgraft.evaluate.records import Response
from topgraft.model.split_model import TOKENS_AT_ONCE, SplitModel
from topgraft.model.states import predicting
from topgraft.objectives.masked import spread
from topgraft.records import Demonstration, Rollouts
from topgraft.rewards.combination import Reward
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

AT_ONCE = 32
"""Pairs whose states are held together."""


@torch.no_grad()
def answer(
    model: SplitModel,
    template: Template,
    rows: Sequence[Demonstration],
    settings: SamplingSettings,
    *,
    arm: str,
    slot: str | None,
    start: str | None,
    generator: torch.Generator,
) -> list[Response]:
    """One response per row under `slot` (None: the base model), drawn as the settings say, not scored yet; `start` is
    the slot that its training started from."""
    prompts = [template.encode_prompt(row.prompt) for row in rows]
    with model.slots.use(slot):
        rollouts = sample(model, template, prompts, settings, generator)
    found = _responses(arm, rows, rollouts, range(len(rows)))
    for place, value in _preferences(model, template, rows, slot).items():
        found[place] = replace(found[place], preference=value)
    if slot is None:
        return found
    kl = _kl_per_response(model, rollouts, slot, start).tolist()
    return [replace(response, kl_response=value) for response, value in zip(found, kl, strict=True)]


@torch.no_grad()
def best_of(
    model: SplitModel,
    template: Template,
    rows: Sequence[Demonstration],
    settings: SamplingSettings,
    *,
    arm: str,
    slot: str | None,
    count: int,
    score: Reward,
    generator: torch.Generator,
) -> list[Response]:
    """The best of `count` sampled responses per row by `score`, not scored by the evaluation yet; the first of equals.

    The KL of what this draws to `slot` is at most log(count) - (count - 1) / count nats a response (Beirami et al.
    2024, arXiv 2401.01879, theorem 1).
    """
    found: list[Response] = []
    at_once = max(1, settings.rows_at_once // count)
    for part in (rows[place : place + at_once] for place in range(0, len(rows), at_once)):
        asked = [row for row in part for _ in range(count)]
        prompts = [template.encode_prompt(row.prompt) for row in asked]
        with model.slots.use(slot):
            rollouts = sample(model, template, prompts, settings, generator)
        scores = score([row.prompt for row in asked], rollouts.texts, rollouts.tokens, rollouts.trunk)
        best_P = scores.total_B.view(-1, count).argmax(1)
        chosen = [prompt * count + place for prompt, place in enumerate(best_P.tolist())]
        found += _responses(arm, part, rollouts, chosen)
    return found


@torch.no_grad()
def scored(
    model: SplitModel, template: Template, responses: Sequence[Response], rewards: dict[str, Reward]
) -> list[Response]:
    """The responses with the scores of "reward" (its parts too) and "reward_check", where there are such."""
    prompts = [template.encode_prompt(row.prompt) for row in responses]
    texts = [row.prompt for row in responses], [row.response for row in responses]
    pairs = [(prompt, list(row.ids)) for prompt, row in zip(prompts, responses, strict=True)]
    tokens = pack(pairs, template.pad_id, model.device)
    trunk = model.trunk(tokens)
    scores = {name: reward(*texts, tokens, trunk) for name, reward in rewards.items()}
    totals = {name: found.total_B.tolist() for name, found in scores.items()}
    parts = {name: value_B.tolist() for name, value_B in scores["reward"].parts.items()} if "reward" in scores else {}
    return [
        replace(
            row,
            **{name: values[place] for name, values in totals.items()},
            parts={name: values[place] if values[place] == values[place] else None for name, values in parts.items()},
        )
        for place, row in enumerate(responses)
    ]


def _responses(arm: str, rows: Sequence[Demonstration], rollouts: Rollouts, chosen: Sequence[int]) -> list[Response]:
    """Row `chosen[place]` of the rollouts as the arm's answer to `rows[place]`."""
    tokens, ended = rollouts.tokens, rollouts.ended_B.tolist()
    return [
        Response(
            arm=arm,
            key=row.key,
            group=row.group,
            prompt=row.prompt,
            response=rollouts.texts[place],
            reference=row.response,
            correct=row.correct,
            ids=tuple(tokens.ids_BT[place][tokens.counted_BT[place]].tolist()),
            ended=ended[place],
        )
        for row, place in zip(rows, chosen, strict=True)
    ]


def _preferences(
    model: SplitModel, template: Template, rows: Sequence[Demonstration], slot: str | None
) -> dict[int, float]:
    """log p(response) - log p(rejected) under `slot`, by the number of the row, for rows that prefer one of two."""
    clear = [place for place, row in enumerate(rows) if row.rejected is not None and row.strength > 0]
    found: dict[int, float] = {}
    for part in (clear[start : start + AT_ONCE] for start in range(0, len(clear), AT_ONCE)):
        pairs = [
            (template.encode_prompt(rows[place].prompt), template.encode_response(text))
            for place in part
            for text in (rows[place].response, rows[place].rejected or "")
        ]
        tokens = pack(pairs, template.pad_id, model.device)
        with model.slots.use(slot):
            logprobs = [row_L.sum().item() for row_L in model.row_logprobs(model.trunk(tokens), tokens)]
        found |= {place: logprobs[2 * row] - logprobs[2 * row + 1] for row, place in enumerate(part)}
    return found


def _kl_per_response(model: SplitModel, rollouts: Rollouts, slot: str, start: str | None) -> torch.Tensor:
    """KL(slot || start) summed over response positions [B], from the full distributions on the kept states."""
    kl_B = torch.zeros(len(rollouts.tokens), device=model.device)
    for part in buckets(rollouts.tokens.lengths_B.tolist(), TOKENS_AT_ONCE):
        index = torch.tensor(part, device=model.device)
        tokens, state = rollouts.tokens.rows(index), rollouts.trunk.rows(index)
        logs = []
        for used in (slot, start):
            with model.slots.use(used):
                logs.append(torch.log_softmax(model.logits(predicting(model.branch(state), tokens)), dim=-1))
        kl_R = (logs[0].exp() * (logs[0] - logs[1])).sum(-1)
        kl_B[index] = spread(kl_R, tokens.counted_BT).sum(1)
    return kl_B
