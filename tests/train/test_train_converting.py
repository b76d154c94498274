"""Law: a pickled reward head scores as it did where it was trained, or is refused; nothing in its file is run."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from places import do, open_place, short_rows
from rich.console import Console
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from topgraft.data.template import pack
from topgraft.errors import UserError
from topgraft.train.converting import convert
from topgraft.train.progress import Screen

QUIET = Screen(Console(quiet=True))
LOADED = {"trains": "head", "reads": "last", "head": "mlp"}


class Head(nn.Module):
    """The original's head."""

    def __init__(self, size: int) -> None:
        super().__init__()
        first = [nn.Linear(size, 512), nn.ReLU(), nn.Dropout(0.1)]
        second = [nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.1)]
        self.net = nn.Sequential(*first, *second, nn.Linear(256, 1), nn.Sigmoid())


class Original(nn.Module):
    """The original's reward model: base, head, and the last state that it reads."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.base, self.head = base, Head(base.config.hidden_size)

    @torch.no_grad()
    def forward(self, ids: list[int]) -> float:
        states = self.base(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1]
        return self.head.net(states[0, -1]).item()


@pytest.fixture
def original(model_folder: Path, tmp_path: Path) -> Original:
    made = Original(AutoModelForCausalLM.from_pretrained(model_folder)).eval()
    torch.save(made.state_dict(), tmp_path / "rm.pt")
    return made


def test_a_converted_head_scores_as_the_original_does(original, model_folder, tmp_path):
    convert(tmp_path / "rm.pt", str(model_folder), tmp_path / "head", QUIET)
    rows = {"source": str(short_rows(tmp_path / "rows.jsonl")), "max_response_tokens": 10}
    place = open_place(
        tmp_path / "run",
        model_folder,
        stages=["reward"],
        data=rows,
        reward={"load": str(tmp_path / "head"), **LOADED},
    )
    do(place)
    pairs = [(place.template.encode_prompt(f"Q{n}?"), place.template.encode_response(f"A {n}.")) for n in range(3)]
    tokens = pack(pairs, place.template.pad_id, place.model.device)
    scores_B = place.rewards["reward"](tokens, place.model.trunk(tokens))
    expected = [original([*prompt, *response]) for prompt, response in pairs]
    torch.testing.assert_close(scores_B.sigmoid(), torch.tensor(expected))
    assert len(set(expected)) == 3


def test_a_head_on_an_adapter_needs_the_model_that_it_was_merged_into(model_folder, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(model_folder)
    adapted = get_peft_model(base, LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj"]))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3)
    torch.save(Original(adapted).state_dict(), tmp_path / "rm.pt")
    with pytest.raises(UserError, match=r"trained on another model than .*q_proj.* merge it into the model"):
        convert(tmp_path / "rm.pt", str(model_folder), tmp_path / "head", QUIET)
    assert not (tmp_path / "head").exists()
    adapted.merge_and_unload().save_pretrained(tmp_path / "merged")
    AutoTokenizer.from_pretrained(model_folder).save_pretrained(tmp_path / "merged")
    convert(tmp_path / "rm.pt", str(tmp_path / "merged"), tmp_path / "head", QUIET)
    assert (tmp_path / "head" / "checkpoints" / "last" / "head.safetensors").is_file()


def test_nothing_in_a_forged_file_is_run(model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Forged:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, ("broken-into",)

    torch.save({"head.net.0.weight": Forged()}, tmp_path / "rm.pt")
    with pytest.raises(UserError, match=r"rm\.pt is refused: it is damaged, or holds more than tensors"):
        convert(tmp_path / "rm.pt", str(model_folder), tmp_path / "head", QUIET)
    assert not Path("broken-into").exists()
    torch.load(tmp_path / "rm.pt", weights_only=False)  # the forgery is real: elsewhere it does run
    assert Path("broken-into").exists()


def test_what_is_no_such_reward_model_is_refused(original, model_folder, tmp_path):
    def refused(message: str, out: str = "head") -> None:
        with pytest.raises(UserError, match=message):
            convert(tmp_path / "rm.pt", str(model_folder), tmp_path / out, QUIET)

    state = original.state_dict()
    torch.save({name: value for name, value in state.items() if "net.6" not in name}, tmp_path / "rm.pt")
    refused(r"no reward model of StrictBot's layout.*: it lacks head\.net\.6\.weight, head\.net\.6\.bias\.")
    torch.save({**state, "value.weight": state["head.net.6.bias"]}, tmp_path / "rm.pt")
    refused(r": it has value\.weight\.")
    torch.save(state | {"head.net.0.weight": torch.zeros(512, 7)}, tmp_path / "rm.pt")
    refused(r"has \[512, 7\] weights in layers\.0\.weight, and this model needs \[512, ")
    torch.save([1, 2], tmp_path / "rm.pt")
    refused("holds no state dict")
    (tmp_path / "rm.pt").write_bytes(b"PK nothing")
    refused("is refused: it is damaged")
    refused("is there already", out=".")
    (tmp_path / "rm.pt").unlink()
    refused("There is no file")
