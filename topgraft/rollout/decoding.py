"""Decode rows side by side with a key/value cache, keeping the state that crosses the split for every token.

The unsplit decoder runs (left-padded prompts, explicit positions); a pre-hook on the first upper block keeps its input.
The last sampled token is fed once more, so that every token of the response has a state; where no row goes on, that
pass stops at the split. Rows that have ended are taken out of the batch.
"""

from dataclasses import dataclass

import torch

from topgraft.data.template import Template
from topgraft.model.crossing import Crossing
from topgraft.model.passes import real
from topgraft.model.split import positions
from topgraft.model.split_model import SplitModel
from topgraft.rollout.captured import CapturedSteps, can_capture
from topgraft.rollout.choosing import SamplingSettings, choose
from topgraft.rollout.guiding import Guide
from topgraft.rollout.kv_cache import make_cache, spread
from topgraft.rollout.steps import GrowingSteps, run_decoder
from topgraft.rollout.stopping import completes, reach, special_ids


@dataclass(frozen=True)
class Row:
    """What is kept of one decoded row of L response tokens; `ended`: by itself, not at the limit."""

    response: list[int]
    ended: bool
    sampled_logprobs_L: torch.Tensor
    drawn_logprobs_L: torch.Tensor
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
        self.seen_BT = torch.where(self.real_BT, ids_BT, ids_BT[:, -1:])  # padding, on the left, was not in the prompt
        self.positions_BT = positions(self.real_BT)
        self.cache = make_cache(model.parts.decoder.config)
        self.final_BH = run_decoder(model, ids_BT, self.real_BT, self.positions_BT, self.cache, fed_BT=self.real_BT)
        self.crossing = [row[-length:].clone() for row, length in zip(crossing.hidden_BTH, lengths, strict=True)]


class Decoding:
    """Rows decoded side by side; `places` are their prompts. Buffers are [rows, L, ...], allocated once."""

    def __init__(
        self,
        prefill: Prefill,
        places: list[int],
        uniform_BL: torch.Tensor,
        settings: SamplingSettings,
        guide: Guide | None = None,
    ) -> None:
        self.model, self.template, self.prefill, self.settings = prefill.model, prefill.template, prefill, settings
        self.limit = uniform_BL.shape[1]
        self.guided = guide.begin(len(places)) if guide is not None else None
        device, shape = self.model.device, (len(places), self.limit)
        self.places_B = torch.tensor(places, device=device)
        self.uniform_BL = uniform_BL if device.type == "mps" else uniform_BL.to(device)
        self.ids_BL = torch.full(shape, self.template.pad_id, device=device)
        self.sampled_logprobs_BL = torch.zeros(shape, dtype=self.model.precision, device=device)
        self.drawn_logprobs_BL = torch.zeros_like(self.sampled_logprobs_BL)
        self.length_B = torch.zeros(len(places), dtype=torch.long, device=device)
        self.final_BLH = torch.zeros(*shape, self.model.hidden_size, dtype=self.model.model.dtype, device=device)
        self.crossing_BLH = torch.zeros_like(self.final_BLH)
        ends = [*self.template.end_ids, *special_ids(self.template.tokenizer, settings.stop)]
        self.ends = torch.tensor(ends, device=device)
        self.ended_B = torch.zeros(len(places), dtype=torch.bool, device=device)

    def run(self) -> list[Row]:
        """Sample until every row has ended or is full."""
        prefill, crossing = self.prefill, self.prefill.hook
        cache = spread(prefill.cache, self.places_B, self.limit)
        real_BT, positions_B1 = prefill.real_BT[self.places_B], prefill.positions_BT[self.places_B, -1:]
        growing = GrowingSteps(self.model, crossing, cache, real_BT, positions_B1)
        steps = CapturedSteps(growing) if can_capture(cache) else growing
        final_BH = prefill.final_BH[self.places_B]
        live_B = torch.arange(len(self.places_B), device=self.model.device)
        open_B = torch.ones_like(live_B, dtype=torch.bool)
        for step in range(self.limit):
            ids_B = self._choose(final_BH, live_B, open_B, step)
            fed_B, open_B = open_B, open_B & ~self._over(ids_B, live_B, open_B, step)
            still = int(open_B.sum())
            last = self.model.together.most(still) == 0 or step + 1 == self.limit
            if last:
                steps.cross(ids_B, fed_B)
            else:
                final_BH = steps.feed(ids_B, fed_B)
            self.crossing_BLH[live_B[fed_B], step] = crossing.hidden_BTH[fed_B, -1]
            if last:
                break
            if 0 < still <= steps.retire_at * len(live_B):
                stay = open_B.nonzero().squeeze(1)
                steps.keep(stay)
                live_B, open_B, final_BH = live_B[stay], open_B[stay], final_BH[stay]
        return [self._row(place) for place in range(len(self.places_B))]

    def _choose(self, final_BH: torch.Tensor, live_B: torch.Tensor, open_B: torch.Tensor, step: int) -> torch.Tensor:
        """Pick the next token of every live row; of open rows, keep it with its log-probabilities and the state that
        predicted it."""
        uniform_B = self.uniform_BL[live_B.to(self.uniform_BL.device), step]
        seen_BT = None
        if self.settings.repetition_penalty != 1:
            seen_BT = torch.cat([self.prefill.seen_BT[self.places_B[live_B]], self.ids_BL[live_B, :step]], dim=1)
        logits_BV = self.model.logits(final_BH)
        if self.guided is not None:
            chances_BV = self.guided.log_chances(live_B, self.limit - step).to(logits_BV)
            logits_BV = logits_BV + (self.settings.temperature or 1.0) * chances_BV  # the temperature is the model's
        choice = choose(logits_BV, uniform_B, self.settings, seen_BT)
        rows = live_B[open_B]
        if self.guided is not None:
            self.guided.follow(rows, choice.ids_B[open_B])
        self.ids_BL[rows, step] = choice.ids_B[open_B]
        self.sampled_logprobs_BL[rows, step] = choice.sampled_logprobs_B[open_B]
        self.drawn_logprobs_BL[rows, step] = choice.drawn_logprobs_B[open_B]
        self.final_BLH[rows, step] = final_BH[open_B]
        self.length_B[rows] = step + 1
        return choice.ids_B

    def _over(self, ids_B: torch.Tensor, live_B: torch.Tensor, open_B: torch.Tensor, step: int) -> torch.Tensor:
        """Which live rows end with their newest token: an end token, or one that completes a stop string."""
        over_B, strings = torch.isin(ids_B, self.ends), self.settings.stop
        if strings:
            looked_B = open_B & ~over_B
            tails = self.ids_BL[live_B[looked_B], max(0, step + 1 - reach(strings)) : step + 1].tolist()
            hits = [completes(self.template.tokenizer, tail, strings) for tail in tails]
            over_B[looked_B] = torch.tensor(hits, dtype=torch.bool, device=over_B.device)
        self.ended_B[live_B[open_B]] = over_B[open_B]
        return over_B

    def _row(self, place: int) -> Row:
        length = int(self.length_B[place])
        return Row(
            response=self.ids_BL[place, :length].tolist(),
            ended=bool(self.ended_B[place]),
            sampled_logprobs_L=self.sampled_logprobs_BL[place, :length],
            drawn_logprobs_L=self.drawn_logprobs_BL[place, :length],
            crossing_LH=self.crossing_BLH[place, :length],
            final_LH=self.final_BLH[place, :length],
        )
