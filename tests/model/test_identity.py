"""Law: trunk, then branch, then head is the unsplit model, elementwise, in its outputs and in its gradients.

The other side is always the library's whole model, built anew, with the adapter put on by peft from saved files.
"""

from pathlib import Path

import pytest
import tiny
import torch
from architectures import LISTED
from torch.testing import assert_close

from topgraft.errors import UserError
from topgraft.model.split import check_identity, cut
from topgraft.model.split_model import SplitModel
from topgraft.model.states import last_states, mean_states, predicting

LENGTHS = [(5, 4), (9, 6), (1, 3), (3, 1)]
LAYERS = [(3,), (1, 2, 3), (0, 1, 2, 3)]
GRADIENTS = [(name, "eager", layers) for name in LISTED for layers in LAYERS]
GRADIENTS += [(name, how, LAYERS[1]) for name, how in tiny.LISTED_ATTENTIONS if how != "eager"]
EXACT = {"atol": 1e-5, "rtol": 1e-5}


def branch_logits(made: SplitModel, slot: str | None, tokens) -> list[torch.Tensor]:
    state = made.trunk(tokens, tokens_at_once=30)
    with made.slots.use(slot):
        logits_BTV = made.logits(made.branch(state))
    return [row[: 1 + length] for row, length in zip(logits_BTV, tokens.counted_BT.sum(1).tolist(), strict=True)]


@pytest.mark.parametrize("layers", LAYERS, ids=["split3", "split1", "split0"])
@pytest.mark.parametrize(("architecture", "attention"), tiny.LISTED_ATTENTIONS)
@torch.no_grad()
def test_branch_on_trunk_equals_the_unsplit_model(architecture, attention, layers, tmp_path: Path):
    made = tiny.split(architecture, layers, attention=attention)
    tokens = tiny.random_tokens(LENGTHS)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    for slot in (None, "sft"):
        whole = tiny.unsplit(made, slot, tmp_path, architecture, attention=attention)
        found = branch_logits(made, slot, tokens)
        for left in (False, True):
            for ours, theirs in zip(found, tiny.read_logits(whole, tokens, left=left), strict=True):
                assert_close(ours, theirs, **EXACT)
        assert max(row.std().item() for row in found) > 0.1, "logits too flat to show a difference"


@pytest.mark.parametrize("architecture", LISTED)
@torch.no_grad()
def test_a_filled_slot_does_change_the_logits(architecture):
    made = tiny.split(architecture)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    tokens = tiny.random_tokens(LENGTHS)
    base, adapted = (torch.cat(branch_logits(made, slot, tokens)) for slot in (None, "sft"))
    assert (base - adapted).abs().max() > 1e-2


@pytest.mark.parametrize(("architecture", "attention", "layers"), GRADIENTS)
def test_adapter_gradients_equal_those_of_the_unsplit_model(architecture, attention, layers, tmp_path: Path):
    made = tiny.split(architecture, layers, attention=attention)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    whole = tiny.unsplit(made, "sft", tmp_path, architecture, attention=attention)
    tokens = tiny.random_tokens(LENGTHS)
    theirs = {name: weight.requires_grad_() for name, weight in whole.named_parameters() if "lora_" in name}
    ours = {name: weight.requires_grad_() for name, weight in made.slots.named_weights("sft")}
    target = torch.linspace(-1, 1, tiny.VOCABULARY)

    def loss(rows: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([torch.log_softmax(row, -1) @ target for row in rows]).mean()

    loss(branch_logits(made, "sft", tokens)).backward()
    found = [weight.grad for _, weight in sorted(ours.items())]
    for left in (False, True):
        whole.zero_grad()
        loss(tiny.read_logits(whole, tokens, left=left)).backward()
        expected = [weight.grad for _, weight in sorted(theirs.items())]
        assert len(found) == len(expected) > 0
        for mine, other in zip(found, expected, strict=True):
            assert_close(mine, other, **EXACT)
        assert max(grad.abs().max().item() for grad in expected) > 1e-2


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_a_mixed_length_batch_gives_the_same_logits_as_one_row_at_a_time(architecture):
    made = tiny.split(architecture)
    tokens = tiny.random_tokens(LENGTHS)
    together = branch_logits(made, None, tokens)
    for row, expected in enumerate(together):
        alone = branch_logits(made, None, tokens.rows(torch.tensor([row])))
        assert_close(alone[0], expected, **EXACT)


@torch.no_grad()
def test_the_order_of_rows_and_how_many_run_at_once_change_no_trunk_state():
    made = tiny.split()
    tokens = tiny.random_tokens(LENGTHS)
    state = made.trunk(tokens)
    order = torch.tensor([2, 0, 3, 1])
    for tokens_at_once in (1, 20, 100):
        shuffled = made.trunk(tokens.rows(order), tokens_at_once=tokens_at_once)
        for mine, other in zip(tiny.rows_of(shuffled), tiny.rows_of(state.rows(order)), strict=True):
            assert_close(mine, other, **EXACT)


@torch.no_grad()
def test_what_the_pad_id_is_changes_nothing():
    made = tiny.split()
    tokens = tiny.random_tokens(LENGTHS)
    other = type(tokens)(
        ids_BT=torch.where(tokens.real_BT, tokens.ids_BT, 77),
        real_BT=tokens.real_BT,
        counted_BT=tokens.counted_BT,
    )
    for mine, same in zip(tiny.rows_of(made.trunk(other)), tiny.rows_of(made.trunk(tokens)), strict=True):
        assert_close(mine, same, atol=0, rtol=0)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@torch.no_grad()
def test_logprobs_and_entropy_of_counted_tokens_agree_with_plain_loops(temperature: float):
    made, tokens = tiny.split(), tiny.random_tokens(LENGTHS)
    hidden = made.branch(made.trunk(tokens))
    found, entropy = made.logprobs(hidden, tokens, temperature=temperature, entropy=True)
    rows = tiny.whole_logits(tiny.model("llama"), tokens)
    logprobs, entropies = [], []
    for (prompt, response), ids, logits in zip(LENGTHS, tokens.ids_BT.tolist(), rows, strict=True):
        for place in range(prompt, prompt + response):
            scores = (logits[place - 1].double() / temperature).exp()
            probabilities = scores / scores.sum()
            logprobs.append(probabilities[ids[place]].log().item())
            entropies.append(-(probabilities * probabilities.log()).sum().item())
    assert_close(found, torch.tensor(logprobs), **EXACT)
    assert_close(entropy, torch.tensor(entropies), **EXACT)


def test_predicting_last_and_mean_states_read_the_position_before_the_last_real_one_and_the_responses_mean():
    tokens = tiny.random_tokens([(2, 2), (1, 1)])
    final = torch.tensor([[1.0, 2, 3], [4, 5, 99]]).view(2, 3, 1)  # from the last prompt token on; 99 is padding
    assert predicting(final, tokens).flatten().tolist() == [1, 2, 4]
    assert last_states(final, tokens).flatten().tolist() == [3, 5]
    assert mean_states(final, tokens).flatten().tolist() == [2.5, 5]


@pytest.mark.parametrize("architecture", LISTED)
def test_a_split_that_is_not_identical_is_refused_by_name(architecture):
    whole = tiny.model(architecture)
    parts = cut(whole, 2)
    name = {"gpt2": "ln_f", "gpt_neox": "final_layer_norm"}.get(architecture, "norm")
    parts.trunk._modules[name] = whole.get_submodule(f"{whole.base_model_prefix}.{name}")
    with pytest.raises(UserError, match=f"'{architecture}' cannot be split at layer 2"):
        check_identity(whole, parts, 2)


@pytest.mark.parametrize("wrong", [False, True], ids=["right masks", "wrong masks"])
def test_blocks_with_the_masks_of_others_are_refused_however_wide_the_windows_are(wrong: bool):
    whole = tiny.model("gemma2", sliding_window=100)
    parts = cut(whole, 2)
    if wrong:
        parts.branch.config.layer_types.reverse()
        with pytest.raises(UserError, match="'gemma2' cannot be split at layer 2"):
            check_identity(whole, parts, 2)
    else:
        assert check_identity(whole, parts, 2) < 1e-5
    assert {part.config.sliding_window for part in (parts.decoder, parts.trunk, parts.branch)} == {100}


def test_a_state_that_the_unsplit_model_does_not_hold_at_the_split_is_refused():
    whole = tiny.model("gpt2")
    parts = cut(whole, 0)
    silent, table = parts.branch._modules["wpe"], whole.transformer.wpe
    parts.trunk._modules["wpe"], parts.branch._modules["wpe"] = silent, table  # the same logits by another state
    with pytest.raises(UserError, match="'gpt2' cannot be split at layer 0"):
        check_identity(whole, parts, 0)


@pytest.mark.parametrize("architecture", [name for name, options in LISTED.items() if "sliding_window" in options])
@torch.no_grad()
def test_windows_are_narrower_than_the_sequences_here(architecture):
    tokens = tiny.random_tokens([(9, 6)])
    narrow, wide = (
        tiny.whole_logits(tiny.model(architecture, sliding_window=size), tokens)[0]
        for size in (LISTED[architecture]["sliding_window"], 100)
    )
    assert_close(narrow[:6], wide[:6], **EXACT)
    assert (narrow[6:] - wide[6:]).abs().max() > 1e-2


@pytest.mark.parametrize("architecture", LISTED)
@torch.no_grad()
def test_half_precision_is_split_too_and_stays_half(architecture):
    whole, tokens = tiny.model(architecture).to(torch.bfloat16), tiny.random_tokens(LENGTHS)
    expected = tiny.read_logits(whole, tokens)
    made = SplitModel(whole, [2, 3], tiny.lora(architecture))
    state = made.trunk(tokens)
    hidden = made.branch(state)
    assert state.prompts[0].dtype == state.responses[0].dtype == hidden.dtype == torch.bfloat16
    for row, logits in enumerate(expected):
        assert_close(made.logits(hidden)[row, : len(logits)], logits.float(), atol=0.1, rtol=0.05)


def test_a_model_that_gives_nan_is_refused():
    broken = tiny.model("llama")
    with torch.no_grad():
        broken.model.layers[3].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="cannot be split"):
        SplitModel(broken, [2, 3], tiny.LORA)


def test_the_parts_share_the_weights_of_the_model():
    made = tiny.split()
    known = {id(weight) for weight in made.model.parameters()}
    for part in (made.parts.trunk, made.parts.branch, made.parts.head):
        assert {id(weight) for weight in part.parameters()} <= known
