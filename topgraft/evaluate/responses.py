"""Generate once: every arm answers the held-out prompts, and the rewards score the answers once."""

from collections.abc import Callable, Sequence
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
from topgraft.rollout.guiding import Guide
from topgraft.rollout.sampling import sample

AT_ONCE = 32
"""Pairs whose states are held together."""


@torch.no_grad()
def answer(
    model: SplitModel,
    template: Template,
    rows: Sequence[Demonstration],
    settings: SamplingSettings,
    own: Sequence[int] | None = None,
    *,
    arm: str,
    slot: str | None,
    start: str | None,
    generator: torch.Generator,
    guide: Guide | None = None,
) -> list[Response]:
    """One response per row under `slot` (None: the base model), drawn as the settings say, not scored yet; `start` is
    the slot that its training started from. A row may come several times in succession, for as many responses. With
    `own` only these rows are answered, as they would be among all. With a `guide` the responses are no policy's own,
    and have no KL."""
    prompts = [template.encode_prompt(row.prompt) for row in rows]
    with model.slots.use(slot):
        rollouts = sample(model, template, prompts, settings, generator, guide, rows=own)
    rows = rows if own is None else [rows[place] for place in own]
    found = _responses(arm, rows, rollouts, [range(place, place + 1) for place in range(len(rows))])
    for place, value in _preferences(model, template, rows, slot).items():
        found[place] = replace(found[place], preference=value)
    if slot is None or guide is not None:
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
        drawn = [range(place * count, (place + 1) * count) for place in range(len(part))]
        found += _responses(arm, part, rollouts, drawn, best_P.tolist())
    return found


@torch.no_grad()
def filtered(
    model: SplitModel,
    template: Template,
    rows: Sequence[Demonstration],
    settings: SamplingSettings,
    *,
    arm: str,
    slot: str | None,
    tries: int,
    keeps: Callable[[Sequence[Response]], Sequence[float]],
    generator: torch.Generator,
) -> list[Response]:
    """Per row the first of at most `tries` sampled responses that `keeps` gives above 0, or else the last one, not
    scored yet."""
    found: dict[int, Response] = {}
    left = list(range(len(rows)))
    for _ in range(tries):
        asked = [rows[place] for place in left]
        with model.slots.use(slot):
            rollouts = sample(
                model, template, [template.encode_prompt(row.prompt) for row in asked], settings, generator
            )
        drawn = _responses(arm, asked, rollouts, [range(place, place + 1) for place in range(len(asked))])
        for place, row in zip(left, drawn, strict=True):
            before = found.get(place)
            if before is not None:
                row = replace(row, generated=row.generated + before.generated, draws=before.draws + 1)
            found[place] = row
        left = [place for place, kept in zip(left, keeps(drawn), strict=True) if not kept]
        if not left:
            break
    return [found[place] for place in range(len(rows))]


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


def _responses(
    arm: str,
    rows: Sequence[Demonstration],
    rollouts: Rollouts,
    drawn: Sequence[range],
    best: Sequence[int] | None = None,
) -> list[Response]:
    """The arm's answers to `rows`: of the rollouts `drawn` for each the one that is numbered in `best`, else the
    first."""
    tokens, ended, lengths = rollouts.tokens, rollouts.ended_B.tolist(), rollouts.tokens.counted_BT.sum(1).tolist()
    chosen = [places[number] for places, number in zip(drawn, best or [0] * len(rows), strict=True)]
    return [
        Response(
            arm=arm,
            key=row.key,
            group=row.group,
            prompt=row.prompt,
            response=rollouts.texts[place],
            reference=row.response,
            correct=row.correct,
            tokens=lengths[place],
            generated=sum(lengths[other] for other in places),
            ended=ended[place],
            draws=len(places),
            ids=tuple(tokens.ids_BT[place][tokens.counted_BT[place]].tolist()),
            category=row.category,
        )
        for row, place, places in zip(rows, chosen, drawn, strict=True)
    ]


def _preferences(
    model: SplitModel, template: Template, rows: Sequence[Demonstration], slot: str | None
) -> dict[int, float]:
    """log p(response) - log p(rejected) under `slot`, by the number of the row, for rows that prefer one of two; of a
    row that comes several times by its first number."""
    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        first.setdefault(row.key, place)
    clear = [place for place in first.values() if rows[place].rejected is not None and rows[place].strength > 0]
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
