"""Law: with penalty, truncation and stop strings on, rows still see themselves only, and what is kept stays exact."""

import pytest
import tiny
import torch
from architectures import DEPTH, LISTED, OTHERS
from sampling_case import LIMIT, NEAR, draws, prompts, responses
from test_choosing import library
from torch.testing import assert_close

from topgraft.rollout.choosing import SamplingSettings, greedy

EVERYTHING = {
    "temperature": 1.4,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.01,
    "repetition_penalty": 1.3,
    "stop": ("e", "7", "<s>"),
}
OPTIONS = [
    {"top_k": 3},
    {"top_p": 0.5},
    {"min_p": 0.2},
    {"repetition_penalty": 2.0},
    {"repetition_penalty": 0.6, "temperature": 0.7},
    {"top_k": 20, "top_p": 0.8},
    EVERYTHING,
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@torch.no_grad()
def test_the_sampled_log_probability_is_that_of_the_whole_vocabulary_without_penalty(options: dict, tokenizer):
    made, settings = tiny.split(), SamplingSettings(**{"temperature": 0.8, **options})
    rollouts = draws(made, tokenizer, settings)
    found, _ = made.logprobs(made.branch(rollouts.trunk), rollouts.tokens, temperature=settings.temperature)
    assert_close(rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT], found, **NEAR)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@torch.no_grad()
def test_the_drawn_log_probability_is_that_of_the_librarys_processors_on_each_rows_own_tokens(options: dict, tokenizer):
    made, settings = tiny.split(), SamplingSettings(**options)
    rollouts = draws(made, tokenizer, settings)
    states = rollouts.final_RH.split([len(response) for response in responses(rollouts)])
    for row, (prompt, response, final_LH) in enumerate(zip(prompts(), responses(rollouts), states, strict=True)):
        for step, (token, logits) in enumerate(zip(response, made.logits(final_LH), strict=True)):
            scores = library(settings)(torch.tensor([prompt + response[:step]]), logits[None])
            place = len(prompt) + step
            expected = torch.log_softmax(scores[0], -1)[token]
            assert_close(rollouts.drawn_logprobs_BT[row, place], expected, **NEAR)
    assert (rollouts.drawn_logprobs_BT[~rollouts.tokens.counted_BT] == 0).all()
    assert not torch.equal(rollouts.drawn_logprobs_BT, rollouts.sampled_logprobs_BT)


@torch.no_grad()
def test_what_is_drawn_from_the_model_itself_has_one_log_probability_and_greedy_tokens_are_certain(tokenizer):
    made = tiny.split()
    plain = draws(made, tokenizer, SamplingSettings(temperature=0.7))
    assert torch.equal(plain.drawn_logprobs_BT, plain.sampled_logprobs_BT)
    assert (draws(made, tokenizer, greedy(SamplingSettings())).drawn_logprobs_BT == 0).all()


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_rows_do_not_depend_on_the_batch_size_with_every_option_on(architecture, tokenizer):
    made = tiny.split(architecture)
    found = [draws(made, tokenizer, SamplingSettings(**EVERYTHING, rows_at_once=n), rows=10) for n in (1, 3, 64)]
    assert responses(found[0]) == responses(found[1]) == responses(found[2])
    assert found[0].texts == found[1].texts == found[2].texts
    assert_close(found[0].drawn_logprobs_BT, found[2].drawn_logprobs_BT, **NEAR)
    assert len({len(response) for response in responses(found[0])}) > 2, "rows should end at different steps"


@pytest.mark.parametrize("penalty", [0.5, 1.3, 3.0])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_greedy_with_a_penalty_equals_the_librarys_generate(architecture, penalty, tokenizer):
    made, whole = tiny.split(architecture), tiny.model(architecture)
    settings = greedy(SamplingSettings(repetition_penalty=penalty, top_k=2))
    found = responses(draws(made, tokenizer, settings, end_ids=(tiny.END,)))
    for prompt, response in zip(prompts(), found, strict=True):
        ids = torch.tensor([prompt])
        out = whole.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            repetition_penalty=penalty,
            max_new_tokens=LIMIT,
            eos_token_id=tiny.END,
            pad_token_id=tiny.PAD,
        )
        assert response == out[0, len(prompt) :].tolist()
    assert found != responses(draws(made, tokenizer, greedy(SamplingSettings()), end_ids=(tiny.END,)))


@pytest.mark.parametrize("ends", [(tiny.END,), tuple(range(4, 100, 2))], ids=["at the limit", "at end tokens"])
@pytest.mark.parametrize(
    ("architecture", "layers"),
    [(name, (1, 3)) for name in (*LISTED, *OTHERS)]
    + [(name, (0, 3)) for name in tiny.ARCHITECTURES]
    + [("gpt2", (3,))],
    ids=str,
)
def test_the_last_token_of_a_batch_passes_the_trunk_only(architecture, layers, ends, tokenizer):
    made = tiny.split(architecture, layers)
    finished: list[int] = []
    for number, block in enumerate(made.parts.blocks):
        block.register_forward_hook(lambda *_, number=number: finished.append(number))
    rollouts = draws(made, tokenizer, end_ids=ends)
    steps = int(rollouts.tokens.counted_BT.sum(1).max())
    assert (steps == LIMIT) != rollouts.ended_B.all()
    trunk = 1 + steps  # the prompts, and every token
    expected = [trunk] * layers[0] + [trunk - 1] * (DEPTH - layers[0])
    assert [finished.count(number) for number in range(DEPTH)] == expected
    assert made.meter.tokens_in == (rollouts.trunk.distinct_tokens if layers[0] else 0)
    again = draws(made, tokenizer, end_ids=ends)
    assert responses(again) == responses(rollouts), "the model is whole again afterwards"
