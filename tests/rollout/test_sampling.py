"""Law: what is kept while sampling is what a full pass of the unsplit model gives, and rows do not see each other."""

from pathlib import Path

import pytest
import tiny
import torch
from architectures import LISTED, OTHERS
from sampling_case import LIMIT, NEAR, draws, prompts, responses, template
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from topgraft.data.template import LengthSettings, Template
from topgraft.model.load import ModelSettings, load
from topgraft.model.states import predicting
from topgraft.rollout.choosing import SamplingSettings, greedy
from topgraft.rollout.sampling import sample

GREEDY = greedy(SamplingSettings())

CASES = [(*pair, adapter, degree) for pair in tiny.ATTENTIONS for adapter in (False, True) for degree in (1.0, 0.7)]
CASES += [(*pair, True, 0.7) for pair in tiny.LISTED_ATTENTIONS if pair not in tiny.ATTENTIONS]
CASES += [(architecture, "eager", True, 0.7) for architecture in OTHERS]


@pytest.mark.parametrize(("architecture", "attention", "adapter", "temperature"), CASES)
@torch.no_grad()
def test_sampled_logprobs_equal_a_full_pass_of_the_branch_and_of_the_unsplit_model(
    architecture, attention, adapter, temperature, tokenizer, tmp_path: Path
):
    made = tiny.split(architecture, (1, 2, 3), attention=attention)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    slot = "sft" if adapter else None
    rollouts = draws(made, tokenizer, SamplingSettings(temperature=temperature, rows_at_once=3), slot=slot)
    with made.slots.use(slot):
        again, _ = made.logprobs(made.branch(made.trunk(rollouts.tokens)), rollouts.tokens, temperature=temperature)
    assert_close(rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT], again, **NEAR)
    whole = tiny.unsplit(made, slot, tmp_path, architecture, attention=attention)
    rows = tiny.whole_logits(whole, rollouts.tokens)
    for row, (logits, prompt) in enumerate(zip(rows, prompts(), strict=True)):
        length = len(logits)
        chosen = rollouts.tokens.ids_BT[row, len(prompt) : length]
        full = torch.log_softmax(logits[len(prompt) - 1 : length - 1] / temperature, -1)
        expected = full.gather(1, chosen[:, None]).squeeze(1)
        assert_close(rollouts.sampled_logprobs_BT[row, len(prompt) : length], expected, **NEAR)
    assert len({len(response) for response in responses(rollouts)}) > 1, "rows should end at different steps"


@pytest.mark.parametrize("layers", [(3,), (1, 3), (0, 3)], ids=["split3", "split1", "split0"])
@pytest.mark.parametrize(("architecture", "attention"), tiny.ATTENTIONS)
@torch.no_grad()
def test_kept_states_equal_a_fresh_pass(architecture, attention, layers, tokenizer):
    made = tiny.split(architecture, layers, attention=attention)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    rollouts = draws(made, tokenizer, slot="sft")
    fresh = made.trunk(rollouts.tokens)
    for kept, new in zip(tiny.rows_of(rollouts.trunk), tiny.rows_of(fresh), strict=True):
        assert_close(kept, new, **NEAR)
    with made.slots.use("sft"):
        final = made.branch(fresh)
    assert_close(rollouts.final_RH, predicting(final, rollouts.tokens), **NEAR)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_every_token_passes_the_trunk_exactly_once(architecture, tokenizer):
    made = tiny.split(architecture)
    rollouts = draws(made, tokenizer, SamplingSettings(rows_at_once=3))
    assert made.meter.tokens_in == rollouts.trunk.distinct_tokens == int(rollouts.tokens.lengths_B.sum())


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_rows_do_not_depend_on_the_batch_size(architecture, tokenizer):
    made = tiny.split(architecture)
    found = [responses(draws(made, tokenizer, SamplingSettings(rows_at_once=n), rows=10)) for n in (1, 3, 64)]
    assert found[0] == found[1] == found[2]


def test_a_row_does_not_depend_on_its_neighbours(tokenizer):
    made, settings = tiny.split(), SamplingSettings()
    few, many = (responses(draws(made, tokenizer, settings, rows=rows)) for rows in (2, 10))
    assert few == many[:2]


def test_another_seed_gives_other_responses_and_the_same_seed_the_same(tokenizer):
    made = tiny.split()
    found = [
        responses(sample(made, template(tokenizer), prompts(), SamplingSettings(), torch.Generator().manual_seed(seed)))
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] != found[2]


def test_the_tokens_handed_on_are_the_prompts_and_the_sampled_ids(tokenizer):
    rollouts = draws(tiny.split(), tokenizer)
    for row, prompt in enumerate(prompts()):
        length = int(rollouts.tokens.lengths_B[row])
        assert rollouts.tokens.ids_BT[row, : len(prompt)].tolist() == prompt
        assert rollouts.tokens.counted_BT[row].nonzero().flatten().tolist() == list(range(len(prompt), length))
    assert (rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT] < 0).all()
    assert (rollouts.sampled_logprobs_BT[~rollouts.tokens.counted_BT] == 0).all()


def test_any_end_id_stops_a_row_and_is_counted_and_only_the_last_token_is_one(tokenizer):
    ends = tuple(range(20, 60))
    rollouts = draws(tiny.split(), tokenizer, end_ids=ends, rows=10)
    found = responses(rollouts)
    ended = [response[-1] in ends for response in found]
    assert rollouts.ended_B.tolist() == ended
    assert sum(ended) > 5
    assert len({response[-1] for response, over in zip(found, ended, strict=True) if over}) > 1
    assert not any(number in ends for response in found for number in response[:-1])
    assert all(over or len(response) == LIMIT for response, over in zip(found, ended, strict=True))


@pytest.mark.parametrize("limit", [1, 5])
def test_a_row_that_never_ends_is_cut_at_the_limit_and_not_called_ended(limit: int, tokenizer):
    unlikely = tiny.split()
    with torch.no_grad():
        unlikely.model.lm_head.weight[tiny.END] = 0
        settings = SamplingSettings(temperature=0.2)
        rollouts = draws(unlikely, tokenizer, settings, end_ids=(tiny.END,), limit=limit)
    assert [len(response) for response in responses(rollouts)] == [limit] * 5
    assert not rollouts.ended_B.any()


def test_an_end_token_at_the_very_limit_counts_as_ended(tokenizer):
    made = tiny.split()
    free = responses(draws(made, tokenizer, GREEDY, end_ids=(tiny.END,), limit=3, rows=1))[0]
    assert len(free) == 3
    assert free[2] not in free[:2]
    rollouts = draws(made, tokenizer, GREEDY, end_ids=(free[2],), limit=3, rows=1)
    assert responses(rollouts) == [free]
    assert rollouts.ended_B.tolist() == [True]


@pytest.mark.parametrize("architecture", [*LISTED, *OTHERS])
def test_greedy_equals_the_librarys_generate_on_a_random_model(architecture, tokenizer):
    made, whole = tiny.split(architecture), tiny.model(architecture)
    found = responses(draws(made, tokenizer, GREEDY, end_ids=(tiny.END, 20)))
    for prompt, response in zip(prompts(), found, strict=True):
        ids = torch.tensor([prompt])
        out = whole.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=LIMIT,
            eos_token_id=[tiny.END, 20],
            pad_token_id=tiny.PAD,
        )
        assert response == out[0, len(prompt) :].tolist()


def test_greedy_equals_the_librarys_generate_on_a_real_model(stories: Path):
    loaded = load(ModelSettings(name=str(stories), layers="last-2"))
    whole = AutoModelForCausalLM.from_pretrained(stories)
    texts = ["Once upon a time", "Lily and Ben went to the park. They", "The dog"]
    form = Template(loaded.tokenizer, loaded.end_ids, 512, LengthSettings(max_response_tokens=40, template="{prompt}"))
    ids = [form.encode_prompt(text) for text in texts]
    rollouts = sample(loaded.split, form, ids, GREEDY, torch.Generator())
    for row, prompt in enumerate(ids):
        inputs = torch.tensor([prompt])
        out = whole.generate(inputs, attention_mask=torch.ones_like(inputs), do_sample=False, max_new_tokens=40)
        assert responses(rollouts)[row] == out[0, len(prompt) :].tolist()
        assert rollouts.texts[row] == loaded.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True).strip()


@torch.no_grad()
def test_top_k_draws_from_the_k_likeliest_tokens_only(tokenizer):
    made = tiny.split()
    rollouts = draws(made, tokenizer, SamplingSettings(temperature=3.0, top_k=3), rows=10)
    logits = made.logits(rollouts.final_RH)
    chosen = rollouts.tokens.ids_BT[rollouts.tokens.counted_BT]
    ranks = (logits > logits.gather(1, chosen[:, None])).sum(1)
    assert sorted(set(ranks.tolist())) == [0, 1, 2]


def test_greedy_records_log_probabilities_at_temperature_1(tokenizer):
    made = tiny.split()
    rollouts = draws(made, tokenizer, GREEDY)
    with torch.no_grad():
        found, _ = made.logprobs(made.branch(rollouts.trunk), rollouts.tokens)
    assert_close(rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT], found, **NEAR)


def test_sampling_leaves_no_hook_behind(tokenizer):
    made = tiny.split()
    block = made.parts.blocks[made.split_layer]
    draws(made, tokenizer)
    assert len(block._forward_pre_hooks) == 0


def test_texts_are_the_responses_without_their_end(tokenizer: PreTrainedTokenizerFast):
    rollouts = draws(tiny.split(), tokenizer, end_ids=(tiny.END,))
    for text, response in zip(rollouts.texts, responses(rollouts), strict=True):
        plain = [number for number in response if number >= tiny.FIRST]
        assert text == "".join(tiny.CHARACTERS[number - tiny.FIRST] for number in plain).strip()


@pytest.mark.parametrize("rows_at_once", [2, 64])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_a_prompt_that_rows_share_is_prefilled_once_and_they_sample_what_they_would_alone(
    architecture, rows_at_once, tokenizer
):
    first, second = prompts()[:2]
    asked = [first, second, first, first, second]
    made, settings = tiny.split(architecture), SamplingSettings(rows_at_once=rows_at_once)
    together = sample(made, template(tokenizer), asked, settings, torch.Generator().manual_seed(3))
    assert len(together.trunk.prompts) == 2
    new = int(together.tokens.counted_BT.sum())
    assert made.meter.tokens_in == together.trunk.distinct_tokens == len(first) + len(second) + new

    alone = SamplingSettings(rows_at_once=1)
    expected = sample(tiny.split(architecture), template(tokenizer), asked, alone, torch.Generator().manual_seed(3))
    assert responses(together) == responses(expected)
    assert len(set(map(tuple, responses(together)[2:4]))) == 2, "siblings must draw from numbers of their own"
    fresh = made.trunk(together.tokens)
    for kept, new_states in zip(tiny.rows_of(together.trunk), tiny.rows_of(fresh), strict=True):
        assert_close(kept, new_states, **NEAR)


def test_a_rollout_that_is_stopped_by_the_keyboard_leaves_no_trace(tokenizer):
    made = tiny.split("llama", (1, 3))
    made.slots.add("sft")
    tiny.fill(made, "sft")
    expected = draws(made, tokenizer, slot="sft")
    hooks = [len(block._forward_pre_hooks) for block in made.parts.blocks]
    passes = []

    def interrupt(*_: object) -> None:
        passes.append(1)
        if len(passes) == 4:
            raise KeyboardInterrupt

    handle = made.parts.blocks[2].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        draws(made, tokenizer, slot="sft")
    handle.remove()
    assert [len(block._forward_pre_hooks) for block in made.parts.blocks] == hooks
    assert made.slots.in_use == (None, False)
    again = draws(made, tokenizer, slot="sft")
    assert responses(again) == responses(expected)
    assert torch.equal(again.sampled_logprobs_BT, expected.sampled_logprobs_BT)
