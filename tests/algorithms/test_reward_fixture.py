"""Law: reward models saved in the past load to the scores that they had then, and only whole."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from reward_fixture import FOLDER, OPTIONS, reward_model, scores
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from topgraft.errors import UserError

KINDS = pytest.mark.parametrize("kind", OPTIONS)
WEIGHTS = {
    "head.safetensors": "linear.bias",
    "adapter_model.safetensors": "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight",
}


@KINDS
def test_a_stored_reward_model_gives_the_scores_that_were_stored_with_it(kind: str):
    algorithm = reward_model(kind)
    expected = torch.tensor(json.loads((FOLDER / "scores.json").read_text())[kind])
    assert not torch.allclose(scores(algorithm), expected, atol=0.1), "they come from what is loaded"
    algorithm.load(FOLDER / kind)
    assert_close(scores(algorithm), expected, atol=1e-5, rtol=0)


@KINDS
def test_it_saves_as_it_was_stored(kind: str, tmp_path: Path):
    algorithm = reward_model(kind)
    algorithm.load(FOLDER / kind)
    algorithm.save(tmp_path)
    for name in WEIGHTS:
        found, stored = load_file(tmp_path / name), load_file(FOLDER / kind / name)
        assert_close(found, stored, atol=0, rtol=0)


@KINDS
@pytest.mark.parametrize("file", WEIGHTS)
@pytest.mark.parametrize("harm", ["missing", "unexpected", "has shape"])
def test_a_weight_that_is_missing_unexpected_or_misshapen_is_named(harm: str, file: str, kind: str, tmp_path: Path):
    folder = Path(shutil.copytree(FOLDER / kind, tmp_path / "saved"))
    weights, name = load_file(folder / file), WEIGHTS[file]
    if harm == "missing":
        del weights[name]
    elif harm == "unexpected":
        name = f"{name}.more"
        weights[name] = torch.ones(1)
    else:
        weights[name] = torch.ones(7)
    save_file(weights, folder / file)
    with pytest.raises(UserError) as refused:
        reward_model(kind).load(folder)
    said = str(refused.value)
    assert file in said
    assert f"'{name}' {harm if harm == 'has shape' else f'is {harm}'}" in said
