"""Law: what is exported gives the logits of the run's policy when the libraries alone read it, or there is nothing."""

import ast
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from exports import base, exported, in_this_process, trained  # noqa: F401  (a fixture)
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from topgraft.errors import UserError
from topgraft.runs import RunFolder
from topgraft.train.exporting import checking, plain, steps
from topgraft.train.exporting.agreement import Agreement, agreement, rms

HAS = importlib.util.find_spec("bitsandbytes") is not None
IDS = [5, 40, 41, 42, 7, 60, 61, 62, 63, 64]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(folder: Path) -> torch.Tensor:
    """Logits [10, V] of an exported folder, in float32, by the libraries alone."""
    case = {"prompt": "a", "prompt_ids": IDS[:1], "response_ids": IDS[1:]}
    job = {"folder": str(folder), "dtype": "float32", "device": "cpu", "attention": "", "cases": [case]}
    return plain.read(job)["logits.0"]


@torch.no_grad()
def of_base(model: Path) -> torch.Tensor:
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)(torch.tensor([IDS])).logits[0]


def made(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "topgraft.json").read_text(encoding="utf-8"))["made"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tokenizer) -> RunFolder:
    """A run on a random llama. Read only."""
    folder = tmp_path_factory.mktemp("run")
    return trained(folder / "run", base(folder / "base", tokenizer))


ARCHITECTURES = [("llama", True), ("llama", False), ("gpt2", True), ("qwen2", False)]


@pytest.mark.parametrize(("architecture", "tied"), ARCHITECTURES)
def test_an_adapter_and_merged_weights_are_the_runs_policy(architecture, tied, tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer, architecture, tie_word_embeddings=tied)
    run = trained(tmp_path / "run", model)
    adapter, merged = exported(run, tmp_path / "adapter"), exported(run, tmp_path / "merged", merge=True)
    shared = ["README.md", "chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
    assert files(adapter) == sorted([*shared, "adapter_config.json", "adapter_model.safetensors", "topgraft.json"])
    assert files(merged) == sorted([*shared, "config.json", "model.safetensors", "topgraft.json"])
    torch.testing.assert_close(read(adapter), read(merged), atol=2e-4, rtol=0)
    assert (read(adapter) - of_base(model)).abs().max() > 0.1
    for folder in (adapter, merged):
        check = made(folder)["check"]
        assert 20 < check["positions"] <= 4 * 13  # answers may end before their 12 tokens
        assert check["same_likeliest"] == check["positions"]
        assert check["difference"] <= 1e-4 * check["largest_logit"]


def test_every_weight_of_a_run_that_trained_all_is_exported(tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer)
    run = trained(tmp_path / "run", model, layers="full")
    out = exported(run, tmp_path / "out")
    assert not (out / "adapter_config.json").exists()
    folders = (model, run.stage("sft").checkpoints / "last", out)
    before, learned, after = (load_file(folder / "model.safetensors") for folder in folders)
    assert learned.keys() == after.keys()
    assert all(torch.equal(learned[name], after[name]) for name in learned)
    assert all(not torch.equal(before[name], after[name]) for name in before if "proj" in name)
    assert (read(out) - of_base(model)).abs().max() > 0.1


@pytest.mark.skipif(not HAS, reason='bitsandbytes is not installed: pip install "topgraft[quant]"')
@pytest.mark.parametrize("kind", ["8bit", "4bit"])
def test_an_adapter_of_a_quantized_run_is_put_on_the_base_in_full_precision(kind, tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer, hidden_size=64, intermediate_size=128)
    run = trained(tmp_path / "run", model, quantize=kind)
    out = exported(run, tmp_path / "out", merge=True)
    whole = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(whole, str(run.stage("sft").checkpoints / "last"))
    with torch.no_grad():
        torch.testing.assert_close(read(out), adapted(torch.tensor([IDS])).logits[0], atol=2e-4, rtol=0)
    gap, check = made(out)["quantized"], made(out)["check"]
    assert gap["kind"] == kind
    assert gap["difference"] > 100 * check["difference"]
    assert f"held the frozen blocks of its base in {kind}" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", ["auto", "float32", "bfloat16"])
def test_merged_weights_are_the_sum_rounded_once(asked, tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer, dtype=torch.float16)
    run = trained(tmp_path / "run", model)
    out = exported(run, tmp_path / "out", merge=True, dtype=asked)
    written = {"auto": torch.float16, "float32": torch.float32, "bfloat16": torch.bfloat16}[asked]
    stored, found = load_file(model / "model.safetensors"), load_file(out / "model.safetensors")
    adapter = load_file(run.stage("sft").checkpoints / "last" / "adapter_model.safetensors")
    assert found.keys() == stored.keys()
    for name, weight in found.items():
        key = "base_model.model." + name.removesuffix(".weight")
        expected = stored[name].float()
        if f"{key}.lora_A.weight" in adapter:
            update = adapter[f"{key}.lora_B.weight"] @ adapter[f"{key}.lora_A.weight"] * 2  # alpha 8 / rank 4
            assert update.abs().max() > 0.01
            expected = expected + update
        assert weight.dtype == written
        torch.testing.assert_close(weight, expected.to(written), atol=1e-6, rtol=torch.finfo(written).eps)


def test_an_adapter_has_the_precision_that_is_asked_for_and_names_its_base(run, tmp_path):
    for asked, written in (("auto", torch.float32), ("bfloat16", torch.bfloat16)):
        out = exported(run, tmp_path / asked, dtype=asked)
        assert {weight.dtype for weight in load_file(out / "adapter_model.safetensors").values()} == {written}
        config = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
        assert config["base_model_name_or_path"] == str(run.path.with_name("base"))


TEMPLATES = ["", "Q: {prompt}\nA:", 'He said: "{prompt}" \\ {{ 1 + 1 }} {% raw %} \u00e9\u6c49\U0001f600\t{prompt}\n']


@pytest.mark.parametrize("text", TEMPLATES)
def test_the_exported_tokenizer_writes_prompts_as_the_run_did(text, tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer)
    run = trained(tmp_path / "run", model, data={"template": text})
    out = exported(run, tmp_path / "out")
    assert made(out)["chat_template"] is True
    template = text or "### Prompt\n{prompt}\n\n### Response\n"
    plain_ids = AutoTokenizer.from_pretrained(model)(template.replace("{prompt}", "Q3?")).input_ids
    told = [{"role": "user", "content": "Q3?"}]
    reader = AutoTokenizer.from_pretrained(out)
    assert reader.apply_chat_template(told, add_generation_prompt=True)["input_ids"] == plain_ids
    answered = [*told, {"role": "assistant", "content": "Yes."}]
    assert reader.apply_chat_template(answered, tokenize=False).endswith("Yes.</s>")


def test_what_the_tokenizer_puts_in_front_of_a_text_is_in_the_chat_template(tmp_path, tokenizer):
    from tokenizers.processors import TemplateProcessing

    begins = tiny.characters()
    begins.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tiny.BOS)])
    out = exported(trained(tmp_path / "run", base(tmp_path / "base", begins)), tmp_path / "out")
    assert made(out)["chat_template"] is True
    ids = AutoTokenizer.from_pretrained(out).apply_chat_template([{"role": "user", "content": "Q3?"}])["input_ids"]
    assert ids.count(tiny.BOS) == 1
    assert ids[0] == tiny.BOS


def test_a_tokenizers_own_chat_template_stays_as_it_is(tmp_path):
    own = tiny.characters(chat_template="{% for m in messages %}[{{ m['content'] }}]{% endfor %}")
    out = exported(trained(tmp_path / "run", base(tmp_path / "base", own)), tmp_path / "out")
    assert AutoTokenizer.from_pretrained(out).chat_template == own.chat_template
    assert json.loads((out / "topgraft.json").read_text(encoding="utf-8"))["lengths"]["template"] == ""


def test_generation_stops_where_the_run_did(run, tmp_path):
    out = exported(run, tmp_path / "out", merge=True)
    found = GenerationConfig.from_pretrained(out)
    assert (found.eos_token_id, found.pad_token_id, found.max_new_tokens) == ([tiny.END], tiny.PAD, 12)
    assert found.do_sample is False


def test_drawn_answers_are_drawn_so_by_the_library_too(tmp_path, tokenizer):
    how = {"sampling": {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1}}
    how |= {"evaluate": {"decoding": "sampled"}}
    out = exported(trained(tmp_path / "run", base(tmp_path / "base", tokenizer), **how), tmp_path / "out")
    found = GenerationConfig.from_pretrained(out)
    assert (found.do_sample, found.temperature, found.top_p, found.top_k) == (True, 0.7, 0.9, 0)
    assert found.repetition_penalty == 1.1


def damage(path: Path) -> None:
    """One matrix of the last block half as large again."""
    weights = load_file(path)
    name = next(name for name in weights if "layers.3." in name and weights[name].dim() == 2)
    save_file(weights | {name: 1.5 * weights[name]}, path, metadata={"format": "pt"})


@pytest.mark.parametrize(("merge", "writes"), [(True, "write_merged"), (False, "write_adapter")])
def test_a_damaged_weight_fails_the_check_and_nothing_is_left(merge, writes, run, tmp_path, monkeypatch):
    right = getattr(steps, writes)

    def wrong(policy: Any, made_by_run: Path, folder: Path, dtype: Any) -> torch.dtype:
        written = right(policy, made_by_run, folder, dtype)
        damage(folder / ("model.safetensors" if merge else "adapter_model.safetensors"))
        return written

    monkeypatch.setattr(steps, writes, wrong)
    before = files(tmp_path)
    with pytest.raises(UserError, match=r"do not give what the run's policy gives.*logits differ by up to"):
        exported(run, tmp_path / "out", merge=merge)
    assert files(tmp_path) == before


def test_weights_that_have_lost_the_training_are_refused_though_within_the_limit(run, tmp_path, monkeypatch):
    right = steps.write_adapter

    def lost(policy: Any, made_by_run: Path, folder: Path, dtype: Any) -> torch.dtype:
        written = right(policy, made_by_run, folder, dtype)
        path = folder / "adapter_model.safetensors"
        zeros = {name: 0 * weight if "lora_B" in name else weight for name, weight in load_file(path).items()}
        save_file(zeros, path, metadata={"format": "pt"})
        return written

    monkeypatch.setattr(steps, "write_adapter", lost)
    monkeypatch.setattr(checking, "LIMITS", dict.fromkeys(checking.LIMITS, 10.0))
    with pytest.raises(UserError, match=r"nearer to the base model than to the run's policy: training changed logits"):
        exported(run, tmp_path / "out")


def test_a_number_that_is_none_fails_the_check(run, tmp_path, monkeypatch):
    right = plain.read

    def wrong(job: Any) -> dict[str, torch.Tensor]:
        found = right(job)
        found["logits.2"][3, 4] = torch.nan
        return found

    monkeypatch.setattr(plain, "read", wrong)
    with pytest.raises(UserError, match="logits differ by up to nan"):
        exported(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_agreement_by_hand():
    theirs = [torch.tensor([[1.0, -4.0], [0.0, 2.0]]), torch.tensor([[3.0, 1.0]])]
    ours = [torch.tensor([[1.5, -4.0], [2.5, 2.0]]), torch.tensor([[3.0, 1.25]])]
    found = agreement(ours, theirs)
    assert found == Agreement(difference=2.5, largest=4.0, positions=3, same=2)
    assert found.share == 0.625
    assert agreement(theirs, theirs).share == 0
    assert rms(ours, theirs) == pytest.approx(((0.25 + 6.25 + 0.0625) / 6) ** 0.5)
    with pytest.raises(ValueError, match=r"shape \[1, 3\] beside \[2, 2\]"):
        agreement([torch.zeros(1, 3), ours[1]], theirs)


def test_the_reader_of_exported_folders_knows_nothing_of_topgraft():
    tree = ast.parse(Path(plain.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} == {"json", "sys", "pathlib", "typing", "torch", "peft"} | {
        "safetensors",
        "transformers",
    }


def test_what_cannot_be_exported_is_refused_before_anything_is_written(run, tmp_path):
    run = RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))
    (tmp_path / "rows.jsonl").touch()
    cases = [
        ({"arm": "sfd"}, r"has no arm 'sfd'\. Did you mean 'sft'\? Known: base, sft\."),
        ({"arm": "base"}, r"Arm 'base' is the base model itself, .*: there is nothing to export\. Trained: sft\."),
        ({"dtype": "bf16"}, r"--dtype bf16 is not understood\. Did you mean 'bfloat16'\? Known: auto, bfloat16, float"),
    ]
    before = files(tmp_path)
    for words, said in cases:
        with pytest.raises(UserError, match=said):
            exported(run, tmp_path / "out", **words)
    for taken in (tmp_path / "run", tmp_path / "rows.jsonl"):
        with pytest.raises(UserError, match=r"is there already\. Give a new folder with --out"):
            exported(run, taken)
    (run.stage("sft").path / "stage.json").unlink()
    with pytest.raises(UserError, match=r"Stage 'sft' .* is not finished. Go on with `topgraft run"):
        exported(run, tmp_path / "out")
    assert files(tmp_path) == before


def test_arms_that_choose_are_refused_with_the_arm_of_their_policy(tmp_path, tokenizer):
    arms = {"best": {"train": ["sft"], "best_of": 4}}
    rewards = {"short": {"use": "length", "options": {"high": 3}}}
    model = base(tmp_path / "base", tokenizer)
    run = trained(tmp_path / "run", model, arms=arms, rewards=rewards)
    with pytest.raises(UserError, match=r"Arm 'best' chooses among answers.*Export the arm of a policy: --arm sft\."):
        exported(run, tmp_path / "out", arm="best")
    assert made(exported(run, tmp_path / "out"))["blocks"] == [2, 3]  # without a name the last policy, not that arm


def test_an_empty_folder_is_taken_and_a_changed_base_refused(tmp_path, tokenizer):
    model = base(tmp_path / "base", tokenizer)
    run = trained(tmp_path / "run", model)
    (tmp_path / "out").mkdir()
    assert "README.md" in files(exported(run, tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")
    damage(model / "model.safetensors")
    with pytest.raises(UserError, match="made with base_digest"):
        exported(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
