"""Law: penalty and truncation are the library's, in its order, and the model's own log-probability stays what it is."""

import itertools

import pytest
import tiny
import torch
from torch.testing import assert_close
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from topgraft.rollout.choosing import HEAD, SamplingSettings, choose, greedy, penalise, truncate

CUTS = [
    {name: value for name, value in zip(("top_k", "top_p", "min_p"), values, strict=True) if value is not None}
    for values in itertools.product((None, 1, 7, 500), (None, 0.3, 0.9), (None, 0.02, 0.4, 1.0))
]


def library(settings: SamplingSettings) -> LogitsProcessorList:
    found = LogitsProcessorList()
    if settings.repetition_penalty != 1:
        found.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.temperature:
        found.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        found.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        found.append(TopPLogitsWarper(settings.top_p))
    if settings.min_p:
        found.append(MinPLogitsWarper(settings.min_p))
    return found


def random_logits(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    """Rows from nearly flat to steep."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linspace(0.2, 4, rows)[:, None] * torch.randn(rows, size, generator=generator)


def assert_drawn_from(
    scores_V: torch.Tensor, logits_V: torch.Tensor, seen_T: torch.Tensor, settings: SamplingSettings
) -> None:
    """At 400 uniform numbers, `choose` gives the tokens and log-probabilities of the distribution softmax(scores)."""
    numbers = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    choice = choose(logits_V.expand(400, -1), numbers, settings, seen_T.expand(400, -1))
    log_V = torch.log_softmax(scores_V, -1)
    expected = torch.searchsorted(log_V.double().exp().cumsum(0), numbers, right=True)
    assert choice.ids_B.tolist() == expected.tolist()
    assert_close(choice.drawn_logprobs_B, log_V[expected], atol=1e-5, rtol=1e-5)
    own_V = torch.log_softmax(logits_V / settings.temperature, -1)
    assert_close(choice.sampled_logprobs_B, own_V[expected], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("penalty", [0.5, 1.3, 4.0])
def test_the_penalty_is_the_librarys_on_every_logit(penalty: float):
    logits = random_logits(6, 100)
    logits[0, 5] = 0.0
    seen = torch.randint(0, 100, (6, 30), generator=torch.Generator().manual_seed(1))
    seen[0, 0] = 5
    assert any(len(set(row.tolist())) < 30 for row in seen), "ids that are there twice count once"
    assert torch.equal(penalise(logits, seen, penalty), RepetitionPenaltyLogitsProcessor(penalty)(seen, logits.clone()))


def test_a_penalty_by_hand():
    found = penalise(torch.tensor([[2.0, -2.0, 3.0, -3.0, 0.0]]), torch.tensor([[0, 1, 4, 0]]), 2.0)
    assert found.tolist() == [[1.0, -4.0, 3.0, -3.0, 0.0]]


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("size", [100, 20 * HEAD], ids=["small", "large"])
def test_truncation_keeps_what_the_librarys_warpers_keep_and_scales_alike(cut: dict, size: int):
    logits, settings = random_logits(5, size), SamplingSettings(**cut)
    expected = torch.softmax(library(settings)(torch.zeros(5, 1, dtype=torch.long), logits), -1)
    found = truncate(torch.softmax(logits, -1), settings)
    assert torch.equal(found > 0, expected > 0)
    assert_close(found, expected, atol=1e-9, rtol=1e-5)


def test_top_p_looks_beyond_the_likeliest_thousand_where_it_must():
    found = truncate(torch.softmax(random_logits(5, 20 * HEAD), -1), SamplingSettings(top_p=0.9))
    kept = (found > 0).sum(1).tolist()
    assert kept[0] > 8 * HEAD > kept[2] > HEAD > kept[4]


@pytest.mark.parametrize(("min_p", "kept"), [(0.24, [0, 1, 2, 3]), (0.26, [1, 2, 3]), (0.6, [1, 3]), (1.0, [1])])
def test_min_p_keeps_tokens_by_their_share_of_the_likeliest(min_p: float, kept: list[int]):
    probabilities = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    found = truncate(probabilities, SamplingSettings(min_p=min_p))
    assert found[0].nonzero().flatten().tolist() == kept
    assert_close(found[0, kept], probabilities[0, kept] / probabilities[0, kept].sum())


def test_equally_likely_tokens_at_the_cut_stay_together():
    tied = torch.tensor([[0.2, 0.4, 0.2, 0.2]])
    for settings in (SamplingSettings(top_k=2), SamplingSettings(top_p=0.5)):
        assert_close(truncate(tied, settings), tied)


@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 1.5},
        {"temperature": 0.6, "min_p": 0.1},
        {"temperature": 1.7, "top_p": 0.6, "repetition_penalty": 0.7},
        {"temperature": 1.4, "top_k": 30, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_choices_come_from_the_distribution_that_the_librarys_generate_draws_from(options: dict):
    whole, prompt = tiny.model("llama"), torch.tensor([[30, 31, 32, 30]])
    torch.manual_seed(0)
    out = whole.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=8,
        eos_token_id=None,
        pad_token_id=tiny.PAD,
        do_sample=True,
        output_logits=True,
        output_scores=True,
        return_dict_in_generate=True,
        **{"top_k": 0, **options},
    )
    assert len(out.scores) == 8
    for step, (logits, scores) in enumerate(zip(out.logits, out.scores, strict=True)):
        seen = out.sequences[0, : prompt.shape[1] + step]
        assert_drawn_from(scores[0], logits[0], seen, SamplingSettings(**options))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_without_penalty_and_truncation_tokens_are_drawn_from_the_model_itself(temperature: float):
    settings, logits = SamplingSettings(temperature=temperature), random_logits(3, 1000)[1]
    assert_drawn_from(logits / temperature, logits, torch.tensor([1, 2]), settings)
    choice = choose(logits[None], torch.tensor([0.3], dtype=torch.float64), settings)
    assert torch.equal(choice.drawn_logprobs_B, choice.sampled_logprobs_B)


def test_greedy_choices_take_the_penalty_and_are_certain():
    logits = torch.tensor([[2.0, 3.0, -1.0], [-2.0, -1.0, -4.0]])
    settings = greedy(SamplingSettings(repetition_penalty=2.5))
    choice = choose(logits, torch.zeros(2, dtype=torch.float64), settings, torch.tensor([[1, 1], [2, 1]]))
    assert choice.ids_B.tolist() == [0, 0]
    assert_close(choice.sampled_logprobs_B, torch.log_softmax(logits, -1)[:, 0])
    assert choice.drawn_logprobs_B.tolist() == [0.0, 0.0]


def test_greedy_decoding_keeps_penalty_and_stop_strings_and_drops_truncation():
    settings = SamplingSettings(
        temperature=0.7, top_k=3, top_p=0.5, min_p=0.1, repetition_penalty=1.2, stop=("x",), rows_at_once=9
    )
    assert greedy(settings) == SamplingSettings(temperature=0, repetition_penalty=1.2, stop=("x",), rows_at_once=9)


@pytest.mark.parametrize(
    "settings", [{"min_p": -0.1}, {"min_p": 1.1}, {"repetition_penalty": 0}, {"stop": [""]}, {"stop": "word"}], ids=str
)
def test_options_that_mean_nothing_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        SamplingSettings(**settings)
