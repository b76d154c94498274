"""Law: one slot acts at a time, the others leave no trace, and switching changes what acts, never what learns."""

import re
from pathlib import Path

import pytest
import tiny
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings
from topgraft.model.split_model import SplitModel
from topgraft.model.states import predicting

TOKENS = [(4, 3), (2, 6)]


@torch.no_grad()
def logits(made: SplitModel, slot: str | None) -> torch.Tensor:
    with made.slots.use(slot):
        return made.logits(made.branch(made.trunk(tiny.random_tokens(TOKENS))))


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_no_slot_is_the_untouched_base_bit_for_bit(architecture):
    untouched = logits(tiny.split(architecture), None)
    made = tiny.split(architecture)
    for number, slot in enumerate(["sft", "value", "reward"]):
        made.slots.add(slot)
        tiny.fill(made, slot, seed=number)
    with made.slots.use("sft"):
        pass
    assert torch.equal(logits(made, None), untouched)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_value_and_reward_slots_leave_the_policy_as_it_is(architecture):
    made = tiny.split(architecture)
    made.slots.add("ppo")
    tiny.fill(made, "ppo")
    alone = logits(made, "ppo")
    for number, slot in enumerate(["ppo-value", "reward", "pp"]):
        made.slots.add(slot)
        tiny.fill(made, slot, seed=number + 5)
        assert (logits(made, slot) - alone).abs().max() > 1e-3
    assert torch.equal(logits(made, "ppo"), alone)


def test_a_new_slot_does_nothing_yet():
    made = tiny.split()
    base = logits(made, None)
    made.slots.add("sft")
    assert_close(logits(made, "sft"), base, atol=0, rtol=0)


def test_a_copy_acts_like_its_source_and_then_goes_its_own_way():
    made = tiny.split()
    made.slots.add("sft")
    tiny.fill(made, "sft")
    made.slots.add("ppo", copy_of="sft")
    before = logits(made, "sft")
    assert torch.equal(logits(made, "ppo"), before)
    tiny.fill(made, "ppo", seed=9)
    assert torch.equal(logits(made, "sft"), before)
    assert (logits(made, "ppo") - before).abs().max() > 1e-3


@torch.no_grad()
def test_contexts_nest_and_put_back_what_was_in_use_even_after_an_error():
    made = tiny.split()
    for number, slot in enumerate(["sft", "reward"]):
        made.slots.add(slot)
        tiny.fill(made, slot, seed=number)
    state = made.trunk(tiny.random_tokens(TOKENS))

    def fail_inside(slot: str | None) -> None:
        with made.slots.use(slot):
            assert not torch.equal(made.branch(state), outer)
            raise ZeroDivisionError

    with made.slots.use("sft"):
        outer = made.branch(state)
        for slot in ("reward", None):
            with pytest.raises(ZeroDivisionError):
                fail_inside(slot)
            assert torch.equal(made.branch(state), outer)


def test_switching_slots_touches_no_requires_grad():
    made = tiny.split()
    made.slots.add("sft")
    made.slots.add("ppo")
    learning = {id(weight) for weight in made.slots.weights("ppo")}
    assert not any(weight.requires_grad for weight in made.model.parameters())
    for weight in made.slots.weights("ppo"):
        weight.requires_grad_(True)
    for slot in ("sft", None, "ppo", "sft"):
        with made.slots.use(slot):
            assert {id(w) for w in made.model.parameters() if w.requires_grad} == learning
        assert {id(w) for w in made.model.parameters() if w.requires_grad} == learning


def test_only_the_slot_in_use_gets_gradients():
    made = tiny.split()
    for slot in ("sft", "ppo"):
        made.slots.add(slot)
        tiny.fill(made, slot)
        for weight in made.slots.weights(slot):
            weight.requires_grad_(True)
    state = made.trunk(tiny.random_tokens(TOKENS))
    with made.slots.use("ppo"):
        made.branch(state).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.slots.weights("ppo"))
    assert all(weight.grad is None for weight in made.slots.weights("sft"))


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_adapters_sit_on_the_chosen_blocks_and_targets_only(architecture):
    made = tiny.split(architecture, (1, 3))
    made.slots.add("sft")
    names = {name for name, _ in made.slots.named_weights("sft")}
    numbers = {int(part) for name in names for part in name.split(".") if part.isdigit()}
    assert numbers == {1, 3}
    per_block = 2 if architecture == "gpt2" else 3  # gpt2 fuses query and value in one module
    assert len(names) == 2 * 2 * per_block


def test_rank_and_alpha_reach_the_update():
    base = logits(tiny.split(), None)
    found = {}
    for alpha in (4.0, 8.0):
        made = SplitModel(tiny.model("llama"), [3], LoraSettings(rank=4, alpha=alpha, targets=("down_proj",)))
        made.slots.add("sft")
        tiny.fill(made, "sft", scale=1e-2)
        assert {tuple(w.shape) for w in made.slots.weights("sft")} == {(4, 64), (32, 4)}
        found[alpha] = predicting(logits(made, "sft") - base, tiny.random_tokens(TOKENS))
    assert_close(found[8.0], 2 * found[4.0], atol=2e-5, rtol=1e-2)
    assert found[8.0].abs().max() > 1e-3


def test_dropout_of_the_adapter_is_off_outside_training():
    made = SplitModel(tiny.model("llama"), [3], LoraSettings(rank=4, alpha=8, dropout=0.5))
    made.slots.add("sft")
    tiny.fill(made, "sft")
    assert torch.equal(logits(made, "sft"), logits(made, "sft"))


def test_an_unknown_slot_and_an_unknown_target_are_refused_with_the_nearest_name():
    made = tiny.split()
    made.slots.add("sft")
    with pytest.raises(UserError, match=r"no adapter slot 'sfd'.*'sft'"), made.slots.use("sfd"):
        pass
    wrong = SplitModel(tiny.model("llama"), [3], LoraSettings(targets=("down_prj",)))
    with pytest.raises(UserError, match=r"'down_prj'.*'down_proj'"):
        wrong.slots.add("sft")


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_saved_slot_loads_in_plain_peft_and_gives_the_same_logits(architecture, tmp_path: Path):
    made = tiny.split(architecture)
    tiny.model(architecture).save_pretrained(tmp_path / "base")
    made.slots.add("sft")
    made.slots.add("ppo")
    tiny.fill(made, "sft")
    tiny.fill(made, "ppo", seed=2)
    made.slots.save("ppo", tmp_path / "checkpoints" / "best")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", attn_implementation="eager")
    plain = PeftModel.from_pretrained(base, str(tmp_path / "checkpoints" / "best")).eval()
    tokens = tiny.random_tokens(TOKENS)
    ours = logits(made, "ppo")
    with torch.no_grad():
        for row, expected in enumerate(tiny.read_logits(plain, tokens)):
            assert_close(ours[row, : len(expected)], expected, atol=1e-5, rtol=1e-5)


def test_saving_writes_into_its_folder_only_and_twice_over_itself(tmp_path: Path):
    made = tiny.split()
    made.slots.add("ppo")
    for _ in range(2):
        made.slots.save("ppo", tmp_path / "stage" / "best")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"stage/best/adapter_config.json", "stage/best/adapter_model.safetensors"} <= files
    assert all(name.startswith("stage/best/") for name in files), files


@pytest.mark.parametrize("first", [True, False], ids=["first-slot", "second-slot"])
def test_a_slot_comes_back_from_disk(first: bool, tmp_path: Path):
    made = tiny.split()
    made.slots.add("sft")
    tiny.fill(made, "sft")
    made.slots.save("sft", tmp_path / "sft")
    again = tiny.split()
    if not first:
        again.slots.add("reward")
    again.slots.load("policy", tmp_path / "sft")
    assert torch.equal(logits(again, "policy"), logits(made, "sft"))
    assert not any(weight.requires_grad for weight in again.model.parameters())


def test_loading_from_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"adapter_model\.safetensors"):
        tiny.split().slots.load("sft", tmp_path)


@pytest.mark.parametrize("there", [False, True], ids=["new-slot", "slot-is-there"])
@pytest.mark.parametrize("harm", ["missing", "unexpected", "has shape"])
def test_an_adapter_with_other_weights_is_refused_by_name(harm: str, there: bool, tmp_path: Path):
    made = tiny.split()
    made.slots.add("sft")
    tiny.fill(made, "sft")
    made.slots.save("sft", tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    name = "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"
    if harm == "missing":
        del weights[name]
    else:
        weights[name + "s" if harm == "unexpected" else name] = torch.zeros(3, 32)
    save_file(weights, tmp_path / "adapter_model.safetensors")
    again = tiny.split()
    if there:
        again.slots.add("sft")
    with pytest.raises(UserError, match=rf"adapter_model\.safetensors.*{re.escape(name)}s?' (is )?{harm}"):
        again.slots.load("sft", tmp_path)
    assert torch.equal(logits(again, "sft"), logits(again, None)), "nothing of it was taken"


def test_an_adapter_below_the_split_is_refused(tmp_path: Path):
    low = tiny.split(layers=(0, 1))
    low.slots.add("sft")
    low.slots.save("sft", tmp_path / "sft")
    with pytest.raises(UserError, match=r"\b0\b"):
        tiny.split(layers=(2, 3)).slots.load("sft", tmp_path / "sft")
