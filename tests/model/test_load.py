"""Law: a model loads whole and exactly, or one sentence says what is wrong with it and what to do."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import BertConfig, BertLMHeadModel, GenerationConfig, T5Config, T5ForConditionalGeneration

from topgraft.errors import UserError
from topgraft.model.load import ModelSettings, load, pick_dtype
from topgraft.recipe import build

HERE = Path(__file__).resolve().parent


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model folder to be damaged."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def refuse(folder: Path, pattern: str, **settings: Any) -> None:
    with pytest.raises(UserError, match=pattern) as caught:
        load(ModelSettings(name=str(folder), **{"layers": "last-2", **settings}))
    assert "Traceback" not in str(caught.value)


@torch.no_grad()
def test_a_local_folder_loads_exactly(model_folder: Path):
    loaded = load(ModelSettings(name=str(model_folder), layers="last-2"))
    tokens = tiny.random_tokens([(4, 3)])
    ours = loaded.split.logits(loaded.split.branch(loaded.split.trunk(tokens)))[0]
    assert_close(ours, tiny.read_logits(tiny.model("llama"), tokens)[0], atol=1e-5, rtol=1e-5)
    assert loaded.split.layers == [2, 3]
    assert loaded.split.split_layer == 2
    assert loaded.end_ids == (tiny.END,)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_attention_of_the_recipe_is_used(attention: str, model_folder: Path):
    loaded = load(ModelSettings(name=str(model_folder), layers="last-2", attention=attention))
    assert loaded.split.model.config._attn_implementation == attention


def test_the_dtype_of_the_recipe_is_used_and_auto_is_float32_on_a_cpu(model_folder: Path):
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32), ("auto", torch.float32)):
        loaded = load(ModelSettings(name=str(model_folder), layers="last-2", dtype=name))
        assert {weight.dtype for weight in loaded.split.model.parameters()} == {dtype}
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32


def test_sharded_weights_load_like_whole_ones(folder: Path, model_folder: Path):
    (folder / "model.safetensors").unlink()
    tiny.model("llama").save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    sharded, whole = (load(ModelSettings(name=str(path), layers="last-2")) for path in (folder, model_folder))
    assert sharded.split.base_digest == whole.split.base_digest
    next(folder.glob("model-00002*")).unlink()
    refuse(folder, "incomplete.*model-00002")


def test_every_end_id_is_known_the_tokenizers_first(folder: Path):
    GenerationConfig(eos_token_id=[7, tiny.END, 9]).save_pretrained(folder)
    assert load(ModelSettings(name=str(folder), layers="last-2")).end_ids == (tiny.END, 7, 9)


def test_without_a_generation_config_the_models_own_end_id_counts(folder: Path):
    (folder / "generation_config.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": 11}))
    assert load(ModelSettings(name=str(folder), layers="last-2")).end_ids == (tiny.END, 11)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    refuse(tmp_path / "nowhere", "no model folder .*nowhere")


def test_a_folder_without_config_is_refused(folder: Path):
    (folder / "config.json").unlink()
    refuse(folder, r"no config\.json")


def test_a_folder_without_weights_is_refused(folder: Path):
    (folder / "model.safetensors").unlink()
    refuse(folder, "has no weights")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_weights_that_are_pickle_only_are_refused_unread(name: str, folder: Path):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    refuse(folder, f"{name}.*can run code.*safe_serialization")
    assert not Path("pwned").exists()


def test_a_folder_without_tokenizer_is_refused(folder: Path):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    refuse(folder, r"no tokenizer \(tokenizer\.json\)")


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_an_architecture_that_is_no_decoder_is_refused_by_name(kind: str, folder: Path):
    small = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    if kind == "t5":
        model = T5ForConditionalGeneration(
            T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
        )
    else:
        model = BertLMHeadModel(BertConfig(**small, intermediate_size=64, is_decoder=True))
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder)
    refuse(folder, f"(?is)(?=.*{kind})(?=.*decoder-only)")


def test_a_made_up_architecture_is_refused_by_name(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "quadlet"}))
    refuse(folder, "(?s)(?=.*quadlet)(?=.*decoder-only)")


def test_missing_weights_are_counted_and_named(folder: Path):
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.3.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    refuse(folder, r"lacks 1 weights .*model\.layers\.3\.mlp\.down_proj\.weight")


@pytest.mark.parametrize("keep", [0, 4, 1000, 20_000])
def test_a_safetensors_file_cut_short_is_refused(keep: int, folder: Path):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refuse(folder, "damaged or cut short")


def test_weights_of_another_shape_than_the_config_says_are_refused(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    refuse(folder, "disagree")


def test_a_config_that_is_no_json_is_refused(folder: Path):
    (folder / "config.json").write_text("{")
    refuse(folder, r"cannot be loaded.*config\.json")


def test_a_tokenizer_without_an_end_is_refused(folder: Path):
    (folder / "generation_config.json").unlink()
    for name, key in (("config.json", "eos_token_id"), ("tokenizer_config.json", "eos_token")):
        content = json.loads((folder / name).read_text())
        content[key] = None
        (folder / name).write_text(json.dumps(content))
    refuse(folder, "no end token")


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"layers": "last-9"}, "last-9.*9 of 4"),
        ({"layers": (4,)}, r"\[4\].*0 to 3"),
        ({"dtype": "float8"}, "float8.*bfloat16"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused_with_what_does(settings: dict, pattern: str, model_folder: Path):
    refuse(model_folder, pattern, **settings)


def test_an_attention_that_nobody_knows_is_refused_with_those_that_are():
    with pytest.raises(UserError, match=r"attention.*auto\|eager\|sdpa.*flush"):
        build(ModelSettings, {"attention": "flush"})


def test_a_name_that_is_neither_folder_nor_hub_id_is_refused():
    with pytest.raises(UserError, match="neither a folder nor a hub id"):
        load(ModelSettings(name="three/part/name"))


def start_loads(endpoint: str, cache: Path, names: list[str]) -> subprocess.Popen[str]:
    """Start loading each name in a process of its own, which talks to `endpoint` only."""
    skip = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}
    env = {key: value for key, value in os.environ.items() if key not in skip and "proxy" not in key.lower()}
    env |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    env["PYTHONPATH"] = str(HERE.parents[1])
    command = [sys.executable, str(HERE / "load_each.py"), *names]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.fixture(scope="module")
def from_hub(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What loading ends in, by name: from a hub that runs as a process of its own, and from a port nobody answers.

    The hub's library repeats a request that got no answer for about 25 seconds, so the two run side by side.
    """
    with socket.socket() as probe:  # a port that was free a moment ago: nothing listens there
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(HERE / "hub_server.py"), str(model_folder)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    served = ["nobody/unknown", "gated/model", "gone/model", "tiny/model", "down/model"]
    loads = [
        start_loads(f"http://127.0.0.1:{closed}", tmp_path_factory.mktemp("cache"), ["some/model"]),
        start_loads(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("cache"), served),
    ]
    try:
        yield {name: found for load in loads for name, found in json.loads(load.communicate(timeout=120)[0]).items()}
    finally:
        for process in (*loads, server):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody/unknown", ["no model 'nobody/unknown'", "hf auth login"]),
        ("gone/model", ["no model 'gone/model'", "Check the spelling"]),
        ("gated/model", ["'gated/model' is gated", "Accept its terms", "hf auth login"]),
        ("down/model", ["could not be reached", "'down/model'"]),
        ("some/model", ["could not be reached", "'some/model'", "hf download some/model"]),
    ],
)
def test_what_the_hub_refuses_or_leaves_unanswered_is_said_in_words(name: str, words: list[str], from_hub):
    message = from_hub[name].get("user_error", from_hub[name])
    assert all(word in message for word in words), message


def test_a_model_comes_from_the_hub_exactly(from_hub, model_folder: Path):
    local = load(ModelSettings(name=str(model_folder), layers="last-2"))
    assert from_hub["tiny/model"] == {"digest": local.split.base_digest, "end_ids": [tiny.END]}
