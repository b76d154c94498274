"""Law: with every weight trained, a slot is the unsplit model, gradients of all weights included; the base stays."""

from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from topgraft.errors import UserError
from topgraft.model.split_model import SplitModel
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

LENGTHS = [(5, 4), (9, 6), (1, 3), (3, 1)]


def make(architecture: str, attention: str = "eager", rerun: bool = False) -> SplitModel:
    whole = tiny.model(architecture, attention=attention)
    return SplitModel(whole, [0, 1, 2, 3], None, gradient_checkpointing=rerun)


def change(made: SplitModel, slot: str) -> None:
    """Move every weight of a slot a little."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in made.slots.weights(slot):
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))


@pytest.mark.parametrize(("temperature", "rerun"), [(1.0, False), (0.7, False), (1.0, True)])
@pytest.mark.parametrize(("architecture", "attention"), tiny.ATTENTIONS)
def test_values_and_the_gradient_of_every_weight_equal_the_unsplit_models(architecture, attention, temperature, rerun):
    made, tokens = make(architecture, attention, rerun), tiny.random_tokens(LENGTHS)
    made.slots.add("sft")
    change(made, "sft")
    whole = tiny.model(architecture, attention=attention)
    for mine, other in zip(made.slots.weights("sft"), whole.parameters(), strict=True):
        other.data.copy_(mine.data)
        mine.requires_grad_(True)
    pull = torch.linspace(-1, 1, sum(response for _, response in LENGTHS))
    with made.slots.use("sft", learning=True):
        found, entropy = made.logprobs(made.branch(made.trunk(tokens)), tokens, temperature=temperature, entropy=True)
    rows = [torch.log_softmax(row[:-1] / temperature, -1) for row in tiny.read_logits(whole, tokens)]
    ids = [row[counted] for row, counted in zip(tokens.ids_BT, tokens.counted_BT, strict=True)]
    expected = torch.cat([row.gather(1, chosen[:, None]).squeeze(1) for row, chosen in zip(rows, ids, strict=True)])
    assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert_close(entropy, torch.cat([-(row.exp() * row).sum(1) for row in rows]), atol=1e-5, rtol=1e-5)
    assert not entropy.requires_grad
    (found * pull).sum().backward()
    (expected * pull).sum().backward()
    largest = 0.0
    for (name, mine), other in zip(made.slots.named_weights("sft"), whole.parameters(), strict=True):
        assert_close(mine.grad, other.grad, atol=2e-5, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
        largest = max(largest, mine.grad.abs().max().item())
    assert largest > 1e-2


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
@torch.no_grad()
def test_the_frozen_base_answers_where_no_slot_is_in_use(architecture):
    made, tokens = make(architecture), tiny.random_tokens(LENGTHS)

    def read(slot: str | None) -> torch.Tensor:
        with made.slots.use(slot):
            return made.logprobs(made.branch(made.trunk(tokens)), tokens)[0]

    before = read(None)
    made.slots.add("sft")
    assert torch.equal(read("sft"), before)
    change(made, "sft")
    made.slots.add("ppo", copy_of="sft")
    assert torch.equal(read(None), before)
    assert torch.equal(read("ppo"), read("sft"))
    assert (read("sft") - before).abs().max() > 1e-2
    assert not {id(weight) for weight in made.slots.weights("ppo")} & {
        id(weight) for weight in made.slots.weights("sft")
    }


@torch.no_grad()
def test_samples_under_a_slot_have_the_log_probabilities_that_it_gives_them(tokenizer):
    made = make("llama")
    made.slots.add("sft")
    change(made, "sft")
    template = tiny.actors(made, tokenizer).template
    prompts = [template.encode_prompt(text) for text in ("one", "two plus two", "one")]
    with made.slots.use("sft"):
        rollouts = sample(made, template, prompts, SamplingSettings(), torch.Generator().manual_seed(0))
        found, _ = made.logprobs(made.branch(rollouts.trunk), rollouts.tokens)
    assert_close(rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT], found, atol=1e-4, rtol=1e-4)
    assert rollouts.trunk.prompts[0].tolist() == prompts[0], "the kept state is the token ids"


def test_a_saved_slot_is_a_model_of_the_library_and_loads_to_the_same_weights(tmp_path: Path):
    made = make("llama")
    made.slots.add("sft")
    change(made, "sft")
    made.slots.save("sft", tmp_path / "sft")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "sft")
    other = make("llama")
    other.slots.load("again", tmp_path / "sft")
    for mine, again, theirs in zip(
        made.slots.weights("sft"), other.slots.weights("again"), plain.parameters(), strict=True
    ):
        assert torch.equal(mine, again)
        assert torch.equal(mine, theirs)
    with pytest.raises(UserError, match="No weights"):
        other.slots.load("never", tmp_path)
    with pytest.raises(UserError, match="no slot 'sfd'"), made.slots.use("sfd"):
        pass
