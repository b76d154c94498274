"""How the next token is chosen: the settings, and pure functions on logits and probabilities."""

from typing import Annotated, NamedTuple

import torch
from pydantic import Field

from topgraft.recipe import Settings

HEAD = 1024
"""Likeliest tokens that are searched first for the cut of top_p: sorting 64 rows of 32,000 takes 143 ms on one CPU
core, finding their 1,024 likeliest 21 ms."""
STRETCH = 128
"""Neighbouring tokens that a draw takes as one at first. Most vocabularies have a multiple of it."""
AT_ONCE = 2**18
"""Probabilities turned into float64 at a time, few enough for a CPU's cache."""


class SamplingSettings(Settings):
    """[sampling]: how responses are drawn in training, by `generate`, and where evaluate.decoding is "sampled"."""

    temperature: float = Field(1.0, ge=0)
    """Logits are divided by it everywhere (sampling, old, new and reference log-probabilities). 0 = greedy."""
    top_k: int = Field(0, ge=0)
    """Draw from the k likeliest tokens only; 0 = all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw from the likeliest tokens that reach this probability together; 1 = all."""
    min_p: float = Field(0.0, ge=0, le=1)
    """Draw from tokens with at least this share of the likeliest one's probability; 0 = all."""
    repetition_penalty: float = Field(1.0, gt=0)
    """Logits of tokens that are in the prompt or the response already are divided by it where positive, multiplied
    where negative; 1 = none. Greedy decoding, and so evaluation, does this too."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings (or names of special tokens) at which a response ends, in evaluation too. Its tokens go up to the one
    that completes the string, its text ends before the string."""
    rows_at_once: int = Field(64, ge=1)
    """Responses decoded side by side."""

    @property
    def truncates(self) -> bool:
        """Whether some tokens may be left out of a draw."""
        return self.top_k > 0 or self.top_p < 1 or self.min_p > 0


class Choice(NamedTuple):
    """Chosen tokens, their log-probability under the model, and under the distribution that they were drawn from."""

    ids_B: torch.Tensor
    sampled_logprobs_B: torch.Tensor
    drawn_logprobs_B: torch.Tensor


def greedy(settings: SamplingSettings) -> SamplingSettings:
    """The same, but always the likeliest token. Penalty and stop strings stay: they are part of how a model is used,
    and change what is likeliest and where a response ends."""
    return settings.model_copy(update={"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0})


def choose(
    logits_BV: torch.Tensor, uniform_B: torch.Tensor, settings: SamplingSettings, seen_BT: torch.Tensor | None = None
) -> Choice:
    """Choose a token for each row: penalty, temperature, top_k, top_p, min_p, in the order of the library's `generate`.

    `uniform_B` in [0, 1) decides the draws; `seen_BT` are the ids in each row so far, which only a penalty needs.
    Greedy choices are made at temperature 1 and drawn with probability 1.
    """
    scaled_BV = logits_BV if settings.temperature in (0, 1) else logits_BV / settings.temperature
    logprobs_BV = torch.log_softmax(scaled_BV, dim=-1)
    penalised = settings.repetition_penalty != 1
    if penalised:  # after the temperature: a factor above 0 changes no sign
        assert seen_BT is not None
        scaled_BV = penalise(scaled_BV, seen_BT, settings.repetition_penalty)
    if settings.temperature == 0:
        ids_B = scaled_BV.argmax(-1)
        sampled_B = _at(logprobs_BV, ids_B)
        return Choice(ids_B, sampled_B, torch.zeros_like(sampled_B))
    probabilities_BV = torch.softmax(scaled_BV, dim=-1) if penalised else logprobs_BV.exp()
    if settings.truncates:
        probabilities_BV = truncate(probabilities_BV, settings)
    ids_B = draw(probabilities_BV, uniform_B)
    sampled_B = _at(logprobs_BV, ids_B)
    pure = not (penalised or settings.truncates)
    return Choice(ids_B, sampled_B, sampled_B if pure else _at(probabilities_BV, ids_B).log())


def penalise(logits_BV: torch.Tensor, seen_BT: torch.Tensor, penalty: float) -> torch.Tensor:
    """Divide the logits of the ids in `seen_BT` by the penalty where positive, multiply where negative, once however
    often an id is there (Keskar et al. 2019, arXiv 1909.05858)."""
    found_BT = logits_BV.gather(1, seen_BT)
    return logits_BV.scatter(1, seen_BT, torch.where(found_BT < 0, found_BT * penalty, found_BT / penalty))


def truncate(probabilities_BV: torch.Tensor, settings: SamplingSettings) -> torch.Tensor:
    """Zero what top_k, then top_p, then min_p leave out, and scale the rest to sum to 1; the likeliest token always
    stays. Tokens exactly as likely as the last one that top_k or top_p keeps stay with it."""
    if settings.top_k:
        kept_BK = probabilities_BV.topk(min(settings.top_k, probabilities_BV.shape[1])).values
        probabilities_BV = _from(probabilities_BV, kept_BK[:, -1:])
    if settings.top_p < 1:
        mass_B1 = settings.top_p * probabilities_BV.sum(-1, keepdim=True)
        probabilities_BV = _from(probabilities_BV, _lowest_needed(probabilities_BV, mass_B1))
    if settings.min_p:
        probabilities_BV = _from(probabilities_BV, settings.min_p * probabilities_BV.amax(-1, keepdim=True))
    return probabilities_BV / probabilities_BV.sum(-1, keepdim=True)


def draw(probabilities_BV: torch.Tensor, uniform_B: torch.Tensor) -> torch.Tensor:
    """Inverse-transform sampling: the token in whose part of the cumulative distribution `uniform_B` falls.

    First the stretch of tokens is found, then the token in it; summing up every token of the vocabulary one by one
    would take longer than all else here. The sums are float64 throughout: with float32 sums of stretches, about one in
    6,500 draws from 32,000 tokens would be another.
    """
    place, size = probabilities_BV.device, probabilities_BV.shape[1]
    if place.type == "mps":  # has no float64
        probabilities_BV, uniform_B = probabilities_BV.cpu(), uniform_B.cpu()
    if size % STRETCH:
        probabilities_BV = torch.nn.functional.pad(probabilities_BV, (0, -size % STRETCH))
    stretches_BNW = probabilities_BV.unflatten(1, (-1, STRETCH))
    parts = stretches_BNW.split(max(1, AT_ONCE // size))
    mass_BN = torch.cat([part.sum(-1, dtype=torch.float64) for part in parts])
    upto_BN = mass_BN.cumsum(-1)
    target_B1 = uniform_B[:, None] * upto_BN[:, -1:]
    number_B1 = _find(upto_BN, target_B1)
    before_B1 = upto_BN.gather(1, number_B1) - mass_BN.gather(1, number_B1)
    within_BW = stretches_BNW.take_along_dim(number_B1[:, :, None], 1).squeeze(1).double().cumsum(-1)
    ids_B1 = number_B1 * STRETCH + _find(within_BW, (target_B1 - before_B1).clamp(min=0))
    return ids_B1.squeeze(1).to(place)


def _find(cumulative_BN: torch.Tensor, target_B1: torch.Tensor) -> torch.Tensor:
    """The first entry [B, 1] above the target; where rounding has put the target at the end, the last that adds to
    the sum. Neither has probability 0."""
    last_B1 = torch.searchsorted(cumulative_BN, cumulative_BN[:, -1:].contiguous())
    return torch.minimum(torch.searchsorted(cumulative_BN, target_B1, right=True), last_B1)


def _at(table_BV: torch.Tensor, ids_B: torch.Tensor) -> torch.Tensor:
    return table_BV.gather(1, ids_B[:, None]).squeeze(1)


def _from(probabilities_BV: torch.Tensor, lowest_B1: torch.Tensor) -> torch.Tensor:
    """Those of at least `lowest_B1`; the others become 0."""
    return probabilities_BV.masked_fill(probabilities_BV < lowest_B1, 0)


def _lowest_needed(probabilities_BV: torch.Tensor, mass_B1: torch.Tensor, head: int = HEAD) -> torch.Tensor:
    """The smallest probability [B, 1] among the fewest tokens that reach `mass_B1` together."""
    size = probabilities_BV.shape[1]
    likeliest_BK = probabilities_BV.topk(min(head, size)).values
    upto_BK = likeliest_BK.cumsum(-1)
    last_B1 = (upto_BK < mass_B1).sum(-1, keepdim=True).clamp(max=likeliest_BK.shape[1] - 1)
    lowest_B1 = likeliest_BK.gather(1, last_B1)
    short_B = upto_BK[:, -1] < mass_B1[:, 0]
    if head < size and bool(short_B.any()):
        lowest_B1[short_B] = _lowest_needed(probabilities_BV[short_B], mass_B1[short_B], 8 * head)
    return lowest_B1
