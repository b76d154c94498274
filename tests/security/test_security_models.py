"""Code that comes with a model runs where the recipe asks for it and the user has confirmed it, and nowhere else."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.model.load import ModelSettings, load, load_reader, load_template, refuse_unknown
from topgraft.model.remote_code import CONFIRMED
from topgraft.rewards.classifier import Classifier

CODE = """
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM

Path({marker!r}).write_text("it ran")


class OwnConfig(LlamaConfig):
    model_type = "own"


class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""
OWN = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
ASKED = {"layers": "last-2", "trust_remote_code": True}


@pytest.fixture
def own(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose config and class stand in a file beside its weights; running that file leaves `marker`."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "own-model"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "architectures": ["OwnModel"], "auto_map": OWN}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(CODE.format(marker=str(tmp_path / "marker")))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # whoever is asked says yes: nobody may be asked
    monkeypatch.delenv(CONFIRMED, raising=False)
    return folder


def test_a_models_own_code_does_not_run_and_nobody_is_asked(own, tmp_path):
    name, cpu = str(own), torch.device("cpu")
    for refused in (
        lambda: load(ModelSettings(name=name)),
        lambda: load_template(ModelSettings(name=name), LengthSettings()),
        lambda: load_reader(name, cpu),
        lambda: refuse_unknown(name),
    ):
        with pytest.raises(UserError, match=f"comes with code of its own, and none of it is run.*{CONFIRMED}="):
            refused()
    with pytest.raises(UserError, match="cannot be loaded"):
        Classifier(model=name)("prompt", "response")
    assert not (tmp_path / "marker").exists()


def test_a_recipes_word_alone_is_not_enough_nor_is_that_for_another_model(own, tmp_path, monkeypatch):
    for confirmed in ("", "owner/other", f"{own}-2,1,true,*"):
        monkeypatch.setenv(CONFIRMED, confirmed)
        with pytest.raises(UserError, match="wants to run the code that comes with"):
            load(ModelSettings(name=str(own), **ASKED))
    assert not (tmp_path / "marker").exists()


def test_the_users_word_alone_is_not_enough(own, tmp_path, monkeypatch):
    monkeypatch.setenv(CONFIRMED, str(own))
    with pytest.raises(UserError, match="none of it is run"):
        load(ModelSettings(name=str(own)))
    assert not (tmp_path / "marker").exists()


def test_what_recipe_and_user_both_want_is_loaded_and_split(own, model_folder, tmp_path, monkeypatch):
    monkeypatch.setenv(CONFIRMED, f"owner/other, {own}")
    loaded = load(ModelSettings(name=str(own), **ASKED))
    assert type(loaded.split.model).__name__ == "OwnModel"
    assert (tmp_path / "marker").read_text() == "it ran"
    plain = load(ModelSettings(name=str(model_folder), layers="last-2"))
    for (_, ours), (_, theirs) in zip(
        loaded.split.model.named_parameters(), plain.split.model.named_parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
