"""What tests of sampling share: prompts, a template, and draws from a tiny model."""

import tiny
import torch

from topgraft.data.template import LengthSettings, Template
from topgraft.model.split_model import SplitModel
from topgraft.records import Rollouts
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

LIMIT = 12
PLAIN = SamplingSettings()
NEAR = {"atol": 1e-4, "rtol": 0.0}


def template(tokenizer, end_ids: tuple[int, ...] = (tiny.END,), limit: int = LIMIT) -> Template:
    return Template(tokenizer, end_ids, tiny.VOCABULARY, LengthSettings(max_response_tokens=limit))


def prompts(count: int = 5) -> list[list[int]]:
    generator = torch.Generator().manual_seed(4)
    return [
        torch.randint(tiny.FIRST, tiny.VOCABULARY, (length,), generator=generator).tolist()
        for length in [3, 9, 1, 6, 9, 2, 12, 4, 5, 7][:count]
    ]


def draws(
    made: SplitModel,
    tokenizer,
    settings: SamplingSettings = PLAIN,
    *,
    slot: str | None = None,
    end_ids: tuple[int, ...] = (tiny.END, *range(20, 40)),
    limit: int = LIMIT,
    rows: int = 5,
) -> Rollouts:
    generator = torch.Generator().manual_seed(0)
    with made.slots.use(slot):
        return sample(made, template(tokenizer, end_ids, limit), prompts(rows), settings, generator)


def responses(rollouts: Rollouts) -> list[list[int]]:
    tokens = rollouts.tokens
    return [ids[counted].tolist() for ids, counted in zip(tokens.ids_BT, tokens.counted_BT, strict=True)]
