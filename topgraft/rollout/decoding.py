"""Decode rows side by side with a key/value cache, keeping the state that crosses the split for every token.

The unsplit decoder runs (left-padded prompts, explicit positions); a pre-hook on the first upper block keeps its input.
The last sampled token is fed once more, so that every token of the response has a state. Rows that have ended are
taken out of the batch.
"""

from dataclasses import dataclass

import torch
from transformers import DynamicCache

from topgraft.data.template import Template
from topgraft.model.crossing import Crossing
from topgraft.model.passes import real
from topgraft.model.split import positions
from topgraft.model.split_model import SplitModel
from topgraft.rollout.choosing import SamplingSettings, draw, truncate
from topgraft.rollout.kv_cache import make_cache, spread

RETIRE_AT = 0.75
"""Ended rows leave the batch when at most this share of it is still open: each departure copies the cache."""


@dataclass(frozen=True)
class Row:
    """What is kept of one decoded row of L response tokens."""

    response: list[int]
    logprobs_L: torch.Tensor
    crossing_LH: torch.Tensor
    final_LH: torch.Tensor


class Prefill:
    """Some prompts, passed once: keys and values, crossing states, and the final state at each one's last token."""

    def __init__(self, model: SplitModel, template: Template, prompts: list[list[int]], crossing: Crossing) -> None:
        self.model, self.template, self.hook = model, template, crossing
        lengths = [len(prompt) for prompt in prompts]
        self.real_BT = real(lengths, model.device, left=True)
        ids_BT = torch.full(self.real_BT.shape, template.pad_id, device=model.device)
        ids_BT[self.real_BT] = torch.tensor([token for prompt in prompts for token in prompt], device=model.device)
        self.positions_BT = positions(self.real_BT)
        self.cache = make_cache(model.parts.decoder.config)
        self.final_BH = _pass(model, ids_BT, self.real_BT, self.positions_BT, self.cache, fed_BT=self.real_BT)
        self.crossing = [row[-length:].clone() for row, length in zip(crossing.hidden_BTH, lengths, strict=True)]


def _pass(
    model: SplitModel,
    ids_BT: torch.Tensor,
    real_BT: torch.Tensor,
    positions_BT: torch.Tensor,
    cache: DynamicCache,
    *,
    fed_BT: torch.Tensor,
) -> torch.Tensor:
    """Feed tokens through the whole decoder; the final hidden state [B, H] at the last position."""
    with model.meter.counting(fed_BT):
        return model.parts.decoder(
            input_ids=ids_BT,
            attention_mask=real_BT.long(),
            position_ids=positions_BT,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]


class Decoding:
    """Rows decoded side by side; `places` are their prompts. Buffers are [rows, L, ...], allocated once."""

    def __init__(
        self, prefill: Prefill, places: list[int], uniform_BL: torch.Tensor, settings: SamplingSettings
    ) -> None:
        self.model, self.template, self.prefill, self.settings = prefill.model, prefill.template, prefill, settings
        self.limit = uniform_BL.shape[1]
        device, shape = self.model.device, (len(places), self.limit)
        self.places_B = torch.tensor(places, device=device)
        self.uniform_BL = uniform_BL if device.type == "mps" else uniform_BL.to(device)
        self.ids_BL = torch.full(shape, self.template.pad_id, device=device)
        self.logprobs_BL = torch.zeros(shape, device=device)
        self.length_B = torch.zeros(len(places), dtype=torch.long, device=device)
        self.final_BLH = torch.zeros(*shape, self.model.hidden_size, dtype=self.model.model.dtype, device=device)
        self.crossing_BLH = torch.zeros_like(self.final_BLH)
        self.ends = torch.tensor(self.template.end_ids, device=device)

    def run(self) -> list[Row]:
        """Sample until every row has ended or is full."""
        prefill, crossing = self.prefill, self.prefill.hook
        cache = spread(prefill.cache, self.places_B, self.limit)
        real_BT, positions_BT = prefill.real_BT[self.places_B], prefill.positions_BT[self.places_B, -1:]
        final_BH = prefill.final_BH[self.places_B]
        live_B = torch.arange(len(self.places_B), device=self.model.device)
        open_B = torch.ones_like(live_B, dtype=torch.bool)
        for step in range(self.limit):
            ids_B = self._choose(final_BH, live_B, open_B, step)
            over_B = torch.isin(ids_B, self.ends)
            real_BT = torch.cat([real_BT, real_BT.new_ones(len(live_B), 1)], dim=1)
            positions_BT = positions_BT + 1
            final_BH = _pass(self.model, ids_B[:, None], real_BT, positions_BT, cache, fed_BT=open_B[:, None])
            self.crossing_BLH[live_B[open_B], step] = crossing.hidden_BTH[open_B, -1]
            open_B = open_B & ~over_B
            still = int(open_B.sum())
            if still == 0:
                break
            if still <= RETIRE_AT * len(live_B):
                stay = open_B.nonzero().squeeze(1)
                cache.reorder_cache(stay)
                live_B, open_B, final_BH = live_B[stay], open_B[stay], final_BH[stay]
                real_BT, positions_BT = real_BT[stay], positions_BT[stay]
        return [self._row(place) for place in range(len(self.places_B))]

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

    def _row(self, place: int) -> Row:
        length = int(self.length_B[place])
        return Row(
            response=self.ids_BL[place, :length].tolist(),
            logprobs_L=self.logprobs_BL[place, :length],
            crossing_LH=self.crossing_BLH[place, :length],
            final_LH=self.final_BLH[place, :length],
        )
