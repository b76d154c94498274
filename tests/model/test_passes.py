"""Law: a prompt that rows share passes once, and states and gradients are those of rows that pass whole."""

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.data.template import pack
from topgraft.model import split_model
from topgraft.model.split_model import SplitModel
from topgraft.records import Tokens

EXACT = {"atol": 1e-5, "rtol": 1e-5}
PROMPTS = [[11, 12, 13, 14, 15, 16, 17, 18, 19], [21, 22, 23], [31]]
RESPONSES = [[41, 42], [43, 44, 45, 46, 47], [48], [49, 50, 51], [52, 53]]
OWNERS = [0, 1, 0, 2, 1]


def siblings() -> Tokens:
    """Five responses to three prompts of 9, 3 and 1 tokens."""
    pairs = [(PROMPTS[owner], response) for owner, response in zip(OWNERS, RESPONSES, strict=True)]
    return pack(pairs, tiny.PAD, tiny.CPU)


def unshared(made: SplitModel) -> SplitModel:
    made.shares_prompts = False
    return made


@pytest.mark.parametrize("layers", [(3,), (1, 2, 3), (0, 1, 2, 3)], ids=["split3", "split1", "split0"])
@pytest.mark.parametrize(("architecture", "attention"), tiny.LISTED_ATTENTIONS)
def test_states_and_gradients_equal_those_of_whole_rows(architecture, attention, layers):
    sides = []
    for change in (lambda made: made, unshared):
        made = change(tiny.split(architecture, layers, attention=attention))
        made.slots.add("sft")
        tiny.fill(made, "sft")
        weights = [weight.requires_grad_() for weight in made.slots.weights("sft")]
        tokens = siblings()
        state = made.trunk(tokens)
        with made.slots.use("sft"):
            logprobs_R, _ = made.logprobs(made.branch(state), tokens)
        (logprobs_R * torch.linspace(-1, 1, len(logprobs_R))).sum().backward()
        sides.append((made, state, logprobs_R, [weight.grad for weight in weights]))
    (shared, state, found, grads), (whole, whole_state, expected, whole_grads) = sides
    assert shared.shares_prompts
    for ours, theirs in zip(tiny.rows_of(state), tiny.rows_of(whole_state), strict=True):
        assert_close(ours, theirs, **EXACT)
    assert_close(found, expected, **EXACT)
    for ours, theirs in zip(grads, whole_grads, strict=True):  # they reach 16, and round accordingly
        assert_close(ours, theirs, atol=1e-5 * max(1.0, float(theirs.abs().max())), rtol=1e-5)
    assert max(grad.abs().max() for grad in grads) > 1e-2
    distinct = sum(map(len, PROMPTS)) + sum(map(len, RESPONSES))
    if layers != (0, 1, 2, 3):
        assert shared.meter.tokens_in == state.distinct_tokens == distinct
        assert whole.meter.tokens_in == sum(len(PROMPTS[owner]) for owner in OWNERS) + sum(map(len, RESPONSES))


def test_siblings_share_one_tensor_and_chosen_rows_keep_only_the_prompts_they_need():
    state = tiny.split().trunk(siblings())
    assert len(state.prompts) == 3
    few = state.rows(torch.tensor([4, 1]))
    assert (few.owners, len(few.prompts), len(few)) == ((0, 0), 1, 2)
    assert few.prompts[0] is state.prompts[state.owners[1]]
    assert few.responses[0] is state.responses[4]


@torch.no_grad()
def test_the_branch_computes_the_prompts_once_and_not_through_the_last_block():
    made = tiny.split(layers=(1, 2, 3))
    state = made.trunk(siblings())
    seen: dict[int, list[int]] = {1: [], 2: [], 3: []}
    for number, passes in seen.items():
        made.parts.blocks[number].mlp.register_forward_hook(
            lambda module, inputs, output, passes=passes: passes.append(output.shape[0] * output.shape[1])
        )
    made.branch(state)
    prompts, rests = 3 * 8, 5 * 6  # three prompts less their last token, five rows of that token and the response
    assert seen == {1: [prompts, rests], 2: [prompts, rests], 3: [rests]}


def test_prompts_of_one_token_leave_nothing_to_share_and_still_pass():
    made, tokens = tiny.split(), pack([([7], [8, 9]), ([7], [10])], tiny.PAD, tiny.CPU)
    ours, _ = made.logprobs(made.branch(made.trunk(tokens)), tokens)
    whole = tiny.split()
    theirs, _ = whole.logprobs(whole.branch(unshared(whole).trunk(tokens)), tokens)
    assert_close(ours, theirs, **EXACT)


def test_an_architecture_whose_sharing_fails_passes_whole_rows(monkeypatch):
    def wrong(part, prompts, owners, rests, *, stop_at=None):
        at_prompts, at_rests = split_model.whole_pass(part, prompts, owners, rests)
        return at_prompts, at_rests + 1e-2

    monkeypatch.setattr("topgraft.model.passes.shared_pass", wrong)
    made = tiny.split()
    assert not made.shares_prompts
    tokens = siblings()
    found, _ = made.logprobs(made.branch(made.trunk(tokens)), tokens)
    monkeypatch.undo()
    exact = tiny.split()
    expected, _ = exact.logprobs(exact.branch(exact.trunk(tokens)), tokens)
    assert_close(found, expected, **EXACT)
