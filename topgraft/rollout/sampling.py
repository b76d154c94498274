"""Sample responses with a key/value cache, keeping the state that crosses the split for every token.

The unsplit decoder runs (left-padded prompts, explicit positions); a pre-hook on the first upper block keeps its input.
The last sampled token is fed once more, so that every token of the response has a state. Rows that have ended are
taken out of the batch. Each row draws from its own row of uniform numbers, so what it samples does not depend on its
neighbours, on the batch size or on when they end.
"""

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import nn
from transformers import DynamicCache

from topgraft.data.template import Template, pack
from topgraft.model.split import positions
from topgraft.model.split_model import SplitModel, block_input
from topgraft.recipe import Settings
from topgraft.records import Rollouts
from topgraft.rollout.kv_cache import make_cache


class SamplingSettings(Settings):
    """[sampling]: how responses are drawn in training and by `generate`; evaluation is always greedy."""

    temperature: float = Field(1.0, ge=0)
    """Logits are divided by it everywhere (sampling, old, new and reference log-probabilities). 0 = greedy."""
    top_k: int = Field(0, ge=0)
    """Draw from the k likeliest tokens only; 0 = all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that reach this probability together; 1 = all."""
    rows_at_once: int = Field(64, ge=1)
    """Responses decoded side by side."""


RETIRE_AT = 0.75
"""Ended rows leave the batch when at most this share of it is still open: each departure copies the cache."""


def greedy(settings: SamplingSettings) -> SamplingSettings:
    """The same, but always the likeliest token."""
    return settings.model_copy(update={"temperature": 0.0, "top_k": 0, "top_p": 1.0})


@torch.no_grad()
def sample(
    model: SplitModel,
    template: Template,
    prompts: list[list[int]],
    settings: SamplingSettings,
    generator: torch.Generator,
) -> Rollouts:
    """Sample one response for each row of prompt ids, under the adapter slot in use.

    Log-probabilities are log-softmax(logits / temperature) over the whole vocabulary, whatever top_k and top_p do;
    greedy decoding records them at temperature 1. `generator` lives on the CPU.
    """
    limit = template.settings.max_response_tokens
    uniform_BL = torch.rand(len(prompts), limit, generator=generator, dtype=torch.float64)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    kept: dict[int, _Row] = {}
    for start in range(0, len(order), settings.rows_at_once):
        places = order[start : start + settings.rows_at_once]
        decoding = _Decoding(model, template, [prompts[row] for row in places], uniform_BL[places], settings)
        kept.update(zip(places, decoding.run(), strict=True))
    rows = [kept[row] for row in range(len(prompts))]
    pairs = [(prompt, row.response) for prompt, row in zip(prompts, rows, strict=True)]
    tokens = pack(pairs, template.pad_id, model.device)
    sampled_logprobs_BT = torch.zeros(tokens.ids_BT.shape, device=model.device)
    sampled_logprobs_BT[tokens.counted_BT] = torch.cat([row.logprobs_L for row in rows])
    return Rollouts(
        tokens=tokens,
        texts=[template.decode(row.response) for row in rows],
        sampled_logprobs_BT=sampled_logprobs_BT,
        ended_B=torch.tensor([row.response[-1] in template.end_ids for row in rows], device=model.device),
        trunk=model.state(torch.cat([row.crossing_TH for row in rows]), tokens.lengths_B),
        final_RH=torch.cat([row.final_LH for row in rows]),
    )


@dataclass(frozen=True)
class _Row:
    """What is kept of one decoded row: T prompt and response tokens, L response tokens."""

    response: list[int]
    logprobs_L: torch.Tensor
    crossing_TH: torch.Tensor
    final_LH: torch.Tensor


class _Decoding:
    """Some rows decoded side by side. Buffers are [rows, L response tokens, ...], allocated once."""

    def __init__(
        self,
        model: SplitModel,
        template: Template,
        prompts: list[list[int]],
        uniform_BL: torch.Tensor,
        settings: SamplingSettings,
    ) -> None:
        self.model, self.template, self.prompts, self.settings = model, template, prompts, settings
        self.limit = uniform_BL.shape[1]
        device, shape = model.device, (len(prompts), self.limit)
        self.uniform_BL = uniform_BL if device.type == "mps" else uniform_BL.to(device)
        self.ids_BL = torch.full(shape, template.pad_id, device=device)
        self.logprobs_BL = torch.zeros(shape, device=device)
        self.length_B = torch.zeros(len(prompts), dtype=torch.long, device=device)
        self.final_BLH = torch.zeros(*shape, model.hidden_size, dtype=model.model.dtype, device=device)
        self.crossing_BLH = torch.zeros_like(self.final_BLH)
        self.ends = torch.tensor(template.end_ids, device=device)

    def run(self) -> list[_Row]:
        """Prefill the prompts, then sample until every row has ended or is full."""
        ids_BT, real_BT = self._prompts()
        positions_BT = positions(real_BT)
        cache = make_cache(self.model.parts.decoder.config, room=self.limit)
        live_B = torch.arange(len(self.prompts), device=self.model.device)
        open_B = torch.ones_like(live_B, dtype=torch.bool)
        with _Crossing(self.model) as crossing:
            final_BH = self._pass(ids_BT, real_BT, positions_BT, cache, fed_BT=real_BT)
            prompt_BTH, prompt_real_BT = crossing.hidden_BTH, real_BT
            positions_BT = positions_BT[:, -1:]
            for step in range(self.limit):
                ids_B = self._choose(final_BH, live_B, open_B, step)
                over_B = torch.isin(ids_B, self.ends)
                real_BT = torch.cat([real_BT, real_BT.new_ones(len(live_B), 1)], dim=1)
                positions_BT = positions_BT + 1
                final_BH = self._pass(ids_B[:, None], real_BT, positions_BT, cache, fed_BT=open_B[:, None])
                self.crossing_BLH[live_B[open_B], step] = crossing.hidden_BTH[open_B, -1]
                open_B = open_B & ~over_B
                still = int(open_B.sum())
                if still == 0:
                    break
                if still <= RETIRE_AT * len(live_B):
                    stay = open_B.nonzero().squeeze(1)
                    cache.batch_select_indices(stay)
                    live_B, open_B, final_BH = live_B[stay], open_B[stay], final_BH[stay]
                    real_BT, positions_BT = real_BT[stay], positions_BT[stay]
        return [self._row(place, prompt_BTH[place][prompt_real_BT[place]]) for place in range(len(self.prompts))]

    def _prompts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Left-padded prompt ids and their mask."""
        width = max(len(prompt) for prompt in self.prompts)
        ids_BT = torch.full((len(self.prompts), width), self.template.pad_id)
        real_BT = torch.zeros(len(self.prompts), width, dtype=torch.bool)
        for place, prompt in enumerate(self.prompts):
            ids_BT[place, width - len(prompt) :] = torch.tensor(prompt)
            real_BT[place, width - len(prompt) :] = True
        return ids_BT.to(self.model.device), real_BT.to(self.model.device)

    def _pass(
        self,
        ids_BT: torch.Tensor,
        real_BT: torch.Tensor,
        positions_BT: torch.Tensor,
        cache: DynamicCache,
        *,
        fed_BT: torch.Tensor,
    ) -> torch.Tensor:
        """Feed tokens through the whole decoder; the final hidden state [B, H] at the last position."""
        with self.model.meter.counting(fed_BT):
            return self.model.parts.decoder(
                input_ids=ids_BT,
                attention_mask=real_BT.long(),
                position_ids=positions_BT,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]

    def _choose(self, final_BH: torch.Tensor, live_B: torch.Tensor, open_B: torch.Tensor, step: int) -> torch.Tensor:
        """Pick the next token of every live row; of open rows, keep it with its log-probability and the state that
        predicted it."""
        temperature = self.settings.temperature
        logprobs_BV = torch.log_softmax(self.model.logits(final_BH) / (temperature or 1.0), dim=-1)
        if temperature == 0:
            ids_B = logprobs_BV.argmax(-1)
        else:
            uniform_B = self.uniform_BL[live_B.to(self.uniform_BL.device), step]
            ids_B = draw(truncate(logprobs_BV.exp(), self.settings), uniform_B)
        rows = live_B[open_B]
        self.ids_BL[rows, step] = ids_B[open_B]
        self.logprobs_BL[rows, step] = logprobs_BV.gather(1, ids_B[:, None]).squeeze(1)[open_B]
        self.final_BLH[rows, step] = final_BH[open_B]
        self.length_B[rows] = step + 1
        return ids_B

    def _row(self, place: int, prompt_TH: torch.Tensor) -> _Row:
        length = int(self.length_B[place])
        return _Row(
            response=self.ids_BL[place, :length].tolist(),
            logprobs_L=self.logprobs_BL[place, :length],
            crossing_TH=torch.cat([prompt_TH, self.crossing_BLH[place, :length]]),
            final_LH=self.final_BLH[place, :length],
        )


def truncate(probabilities_BV: torch.Tensor, settings: SamplingSettings) -> torch.Tensor:
    """Zero what top_k and top_p leave out and scale the rest to sum to 1; the likeliest token always stays."""
    if settings.top_k:
        kth = probabilities_BV.topk(min(settings.top_k, probabilities_BV.shape[1])).values[:, -1:]
        probabilities_BV = torch.where(probabilities_BV >= kth, probabilities_BV, 0)
    if settings.top_p < 1:
        sorted_BV, order_BV = probabilities_BV.sort(descending=True)
        above_BV = sorted_BV.cumsum(-1) - sorted_BV
        sorted_BV = torch.where(above_BV < settings.top_p * sorted_BV.sum(-1, keepdim=True), sorted_BV, 0)
        probabilities_BV = torch.zeros_like(probabilities_BV).scatter(1, order_BV, sorted_BV)
    return probabilities_BV / probabilities_BV.sum(-1, keepdim=True)


def draw(probabilities_BV: torch.Tensor, uniform_B: torch.Tensor) -> torch.Tensor:
    """Inverse-transform sampling: the token in whose stretch of the cumulative distribution `uniform_B` falls."""
    place = probabilities_BV.device
    if place.type == "mps":  # has no float64
        probabilities_BV, uniform_B = probabilities_BV.cpu(), uniform_B.cpu()
    cumulative_BV = probabilities_BV.double().cumsum(-1)
    target_B1 = (uniform_B * cumulative_BV[:, -1])[:, None]
    ids_B = torch.searchsorted(cumulative_BV, target_B1, right=True).squeeze(1)
    return ids_B.clamp(max=probabilities_BV.shape[1] - 1).to(place)


class _Crossing:
    """Keeps the input of block `split_layer` of the latest pass."""

    def __init__(self, model: SplitModel) -> None:
        self.hidden_BTH = torch.empty(0)
        block = model.parts.blocks[model.split_layer]
        self._handle = block.register_forward_pre_hook(self._hook, with_kwargs=True)

    def _hook(self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.hidden_BTH = block_input(inputs, named)

    def __enter__(self) -> "_Crossing":
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()
