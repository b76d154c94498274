"""Measures of single blocks against plain computations: transformers and peft on the whole model."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from peft import PeftModel
from rich.console import Console
from sweeps import settings
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from topgraft.experiments.layers.changes import ablation, changes
from topgraft.experiments.layers.gradients import gradients
from topgraft.experiments.layers.probes import accuracies, mean_states, other_answers
from topgraft.model.adapters import Slots
from topgraft.records import Demonstration
from topgraft.runs import RunFolder
from topgraft.train.progress import Screen
from topgraft.train.workplace import Workplace, prepare

PAIRS, HIDDEN = 60, 8
GROUPS = [f"p{pair // 2}" for pair in range(PAIRS)]


@pytest.fixture
def place(tmp_path: Path, model_folder: Path) -> Workplace:
    asked = settings(model_folder, tmp_path, model={"layers": "all", "lora": {"rank": 4, "alpha": 8}})
    return prepare(asked, RunFolder(tmp_path / "run"), Screen(Console(quiet=True)))


def direct_loss(model: torch.nn.Module, place: Workplace, rows: list[Demonstration]) -> torch.Tensor:
    """Nats per response token, row by row through the whole model."""
    total, count = torch.zeros(()), 0
    for row in rows:
        prompt, response = place.cache.ids((row.prompt, row.response))
        ids_BT = torch.tensor([prompt + response])
        logits_TV = model(input_ids=ids_BT).logits[0, len(prompt) - 1 : -1]
        total = total + cross_entropy(logits_TV, ids_BT[0, len(prompt) :], reduction="sum")
        count += len(response)
    return total / count


def whole(place: Workplace, slot: str, folder: Path) -> PeftModel:
    """The base with a slot put on by peft."""
    place.model.slots.save(slot, folder / slot)
    base = AutoModelForCausalLM.from_pretrained(place.settings.model.name)
    return PeftModel.from_pretrained(base, str(folder / slot)).eval()


def states(shift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Answers to the same prompts: a large part that a pair has in common, noise, and a shift along one direction."""
    draw = np.random.default_rng(seed).normal
    content = 5 * draw(size=(PAIRS, HIDDEN))
    direction = np.eye(HIDDEN)[3]
    return content + draw(size=content.shape) + shift * direction, content + draw(size=content.shape)


def test_a_probe_finds_what_is_planted_and_its_control_does_not():
    found, control = accuracies(*states(30.0), GROUPS, seed=0)
    assert found > 0.95
    assert 0.3 < control < 0.7
    nothing, _ = accuracies(*states(0.0), GROUPS, seed=0)
    assert 0.3 < nothing < 0.7


def test_a_probe_is_measured_on_problems_that_it_has_not_seen():
    own = np.eye(PAIRS // 2)[[int(group[1:]) for group in GROUPS]]  # a direction of its own for each problem
    found, _ = accuracies(5 * own, -5 * own, GROUPS, seed=0)
    assert found <= 0.6, "with rows of one problem on both sides it would be 1"


def test_states_are_those_of_the_library_averaged_over_the_response(place):
    rows = place.splits.train[:3]
    found_DBH = mean_states(place, [(row.prompt, row.response) for row in rows])
    model = AutoModelForCausalLM.from_pretrained(place.settings.model.name).eval()
    for number, row in enumerate(rows):
        prompt, response = place.cache.ids((row.prompt, row.response))
        with torch.no_grad():
            asked = model(input_ids=torch.tensor([prompt + response]), output_hidden_states=True)
        wanted_DH = torch.stack([layer_BTH[0, len(prompt) :].mean(0) for layer_BTH in asked.hidden_states[:-1]])
        torch.testing.assert_close(found_DBH[:-1, number], wanted_DH, rtol=1e-4, atol=1e-5)
    assert len(found_DBH) == 5  # the library's last is behind the final norm; ours is not
    assert not torch.allclose(found_DBH[-1], found_DBH[-2])


def test_other_answers_are_those_of_the_file_else_samples_of_the_base_model(place, tmp_path):
    rows = place.splits.train
    sampled = other_answers(place, rows, seed=1)
    assert sampled.keys() == {row.key for row in rows}
    assert all(isinstance(answer, tuple) for answer in sampled.values())
    voices = tmp_path / "voices.jsonl"
    records = [{"id": row.key, "voice": "blunt", "feedback": f"No {row.key}."} for row in rows[:4]]
    voices.write_text("".join(json.dumps(record) + "\n" for record in records))
    evaluate = place.settings.evaluate.model_copy(update={"other_voices": str(voices)})
    here = place.under(place.settings.model_copy(update={"evaluate": evaluate}))
    assert other_answers(here, rows, seed=1) == {record["id"]: record["feedback"] for record in records}


def test_parts_of_an_adapter_are_taken_out_and_left_alone_as_on_the_whole_model(place, tmp_path):
    place.model.slots.add("all")
    tiny.fill(place.model, "all", scale=0.3)
    found, rows = ablation(place, "all"), place.splits.validation
    for block in range(4):
        for name, silent in (("removed", {block}), ("alone", {0, 1, 2, 3} - {block})):
            model = whole(place, "all", tmp_path)
            with torch.no_grad():
                for key, weight in model.named_parameters():
                    if "lora_B" in key and any(f".layers.{number}." in key for number in silent):
                        weight.zero_()
                wanted = direct_loss(model, place, rows).item()
            assert found[name][block] == pytest.approx(wanted, rel=1e-4)
    assert len({round(loss, 4) for loss in found["removed"] + found["alone"]}) == 8, "every part matters here"
    before = {key: weight.clone() for key, weight in place.model.slots.named_weights("all")}
    ablation(place, "all")
    for key, weight in place.model.slots.named_weights("all"):
        torch.testing.assert_close(weight, before[key], rtol=0, atol=0)


def test_changes_of_weights_are_norms_of_the_products(place, tmp_path):
    slots = place.model.slots
    assert isinstance(slots, Slots)
    slots.add("all")
    tiny.fill(place.model, "all", scale=0.3)
    base = AutoModelForCausalLM.from_pretrained(place.settings.model.name)
    wanted = []
    for block, inside in sorted(slots.by_block("all").items()):
        modules = {name.partition(".lora_")[0] for name in inside}
        moved = was = 0.0
        for name in modules:
            down_RI, up_OR = (inside[f"{name}.lora_{part}.weight"].double() for part in "AB")
            moved += (2.0 * up_OR @ down_RI).square().sum().item()  # alpha / rank = 8 / 4
            was += base.get_submodule(f"model.layers.{block}.{name}").weight.double().square().sum().item()
        wanted.append((moved / was) ** 0.5)
    assert changes(place.model, "all") == pytest.approx(wanted, rel=1e-5)
    assert len(set(wanted)) == 4


def test_gradients_are_those_of_the_sft_loss_at_the_start(place, tmp_path):
    found = gradients(place, seed=5)
    model, wanted = whole(place, "gradient-0", tmp_path), []
    for key, weight in model.named_parameters():
        weight.requires_grad_("lora_" in key)
    direct_loss(model, place, place.splits.train).backward()
    for block in range(4):
        parts = [
            weight.grad.flatten()
            for key, weight in model.named_parameters()
            if f".layers.{block}." in key and "lora_B" in key
        ]
        wanted.append(torch.cat(parts).square().mean().sqrt().item())
    assert found["gradient"] == pytest.approx(wanted, rel=1e-3)
    assert found["control"] != pytest.approx(wanted, rel=1e-3), "other answers pull otherwise"
    again = gradients(place, seed=5)
    assert again["gradient"] == pytest.approx(found["gradient"], rel=1e-6), "the same seed begins with the same A"
