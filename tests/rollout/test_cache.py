"""Law: a cached trunk state is the state of a fresh pass, and the trunk ran once for each distinct row."""

import pytest
import tiny
import torch
from torch.testing import assert_close

PAIRS = [("one", "uno"), ("two plus two", "four"), ("x", "a longer answer")]


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_cached_states_equal_a_fresh_pass(architecture, tokenizer):
    made = tiny.split(architecture)
    cache = tiny.actors(made, tokenizer, response=20).cache
    cache.get(PAIRS[:1])
    tokens, state = cache.get([PAIRS[2], PAIRS[0], PAIRS[1]])
    fresh = made.trunk(tokens)
    for kept, new in zip(tiny.rows_of(state), tiny.rows_of(fresh), strict=True):
        assert_close(kept, new, atol=1e-5, rtol=1e-5)


def test_the_trunk_runs_once_for_each_row_whatever_the_number_of_epochs(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    first_tokens, first = cache.get(PAIRS)
    for order in ([0, 1, 2], [2, 1], [1]):
        cache.get([PAIRS[place] for place in order])
    tokens, again = cache.get(PAIRS)
    assert all(map(torch.equal, tiny.rows_of(again), tiny.rows_of(first)))
    assert torch.equal(tokens.ids_BT, first_tokens.ids_BT)
    assert made.meter.tokens_in == cache.distinct_tokens == int(tokens.lengths_B.sum())


def test_a_row_asked_for_twice_at_once_passes_the_trunk_once(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    tokens, state = cache.get([PAIRS[0], PAIRS[1], PAIRS[0]])
    assert made.meter.tokens_in == cache.distinct_tokens == int(tokens.lengths_B[:2].sum())
    rows = tiny.rows_of(state)
    assert torch.equal(rows[0], rows[2])


def test_the_same_response_to_another_prompt_is_another_row(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    _, state = cache.get([("one", "uno"), ("two", "uno")])
    first, second = tiny.rows_of(state)
    assert not torch.equal(first, second)
