"""Load a causal language model and its tokenizer from a shipped name, a local folder or the hub.

Weights are read from safetensors only, never from pickle files, and code that comes with a model is not run
(remote_code.py). What can go wrong ends in one sentence that says what to do (unloadable.py).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from topgraft.data.template import LengthSettings, Template
from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings
from topgraft.model.layers import choose_layers
from topgraft.model.quantizing import keep_precision, quantization
from topgraft.model.remote_code import may_run
from topgraft.model.sharding import spread
from topgraft.model.split_model import SplitModel
from topgraft.model.unloadable import explain
from topgraft.processes import ALONE, Processes
from topgraft.recipe import Settings

SHIPPED = {"seedling": Path(__file__).resolve().parent.parent / "shipped" / "seedling"}
"""Models that come with topgraft."""


class ModelSettings(Settings):
    """[model]: which model, and which of its blocks learn."""

    name: str = "seedling"
    """A shipped model, a local folder in the hub's layout, or a hub id such as "Qwen/Qwen2.5-0.5B-Instruct"."""
    layers: str | tuple[int, ...] = "last-4"
    """Blocks that get adapters: "last-4", "first-4", "middle-4", "random-4", "all" or a list of block numbers; "auto":
    those that `topgraft layers` recommends; or "full": every weight of the model learns, without adapters, and a frozen
    copy stays as the base."""
    dtype: str = "auto"
    """ "float32", "bfloat16" or "auto": bfloat16 where the device computes it natively, float32 on a CPU."""
    attention: str = Field("auto", pattern="^(auto|eager|sdpa)$")
    """Attention implementation: "eager", "sdpa" or "auto" (the library's choice for the architecture)."""
    quantize: str = Field("none", pattern="^(none|8bit|4bit)$")
    """Precision of the matrices in the frozen blocks below the split: "8bit", "4bit" (bitsandbytes, by `pip install
    "topgraft[quant]"`) or "none": that of the others."""
    trust_remote_code: bool = False
    """Run the code that comes with the model. The user must confirm the model by name:
    TOPGRAFT_TRUST_REMOTE_CODE=NAME in the environment."""
    gradient_checkpointing: bool = False
    """Keep only the input of every trained block for the backward pass and run the block again there: less memory, more
    time, the same gradient. A prompt that rows share then passes once for each of them in updates."""
    sharded: bool = False
    """Let each of several processes hold a part of every block, and a whole block only while it runs (FSDP2): for a
    model that does not fit one device. One process alone holds all of it."""
    lora: LoraSettings = LoraSettings()
    """The adapters of every slot."""


@dataclass(frozen=True)
class Loaded:
    """A split model with its tokenizer and the ids that end a response."""

    split: SplitModel
    tokenizer: PreTrainedTokenizerBase
    end_ids: tuple[int, ...]


def load(settings: ModelSettings, *, device: torch.device | None = None, seed: int = 0) -> Loaded:
    """Load model and tokenizer, cut the model below its lowest trained block and check the cut.

    `seed` is used by layers = "random-k" only. Raises UserError with what to do about it.
    """
    place = device or torch.device("cpu")
    together = Processes.here() if settings.sharded else ALONE
    if not together.alone and settings.quantize != "none":
        raise UserError(f'model.quantize = "{settings.quantize}" does not go with model.sharded. Leave one out.')
    source = source_of(settings.name)
    code = may_run(settings.name, settings.trust_remote_code)
    try:
        config, tokenizer = _config_and_tokenizer(source, code)
        model = _load_weights(source, settings, place, config, seed, code, together)
        end_ids = _end_ids(source, config, tokenizer)
    except Exception as error:
        raise explain(settings.name, error) from error
    layers = choose_layers(settings.layers, model.config.get_text_config().num_hidden_layers, seed)
    lora = None if settings.layers == "full" else settings.lora
    checkpointing = settings.gradient_checkpointing
    split = SplitModel(model, layers, lora, gradient_checkpointing=checkpointing, together=together)
    return Loaded(split=split, tokenizer=tokenizer, end_ids=end_ids)


def load_template(settings: ModelSettings, lengths: LengthSettings) -> Template:
    """The template of a model without its weights, for looking at data."""
    source = source_of(settings.name)
    try:
        config, tokenizer = _config_and_tokenizer(source)
        end_ids = _end_ids(source, config, tokenizer)
    except Exception as error:
        raise explain(settings.name, error) from error
    text = config.get_text_config()
    return Template(tokenizer, end_ids, text.vocab_size, lengths, getattr(text, "max_position_embeddings", None))


def load_reader(name: str, device: torch.device) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """A tokenizer and its model, uncut, to read texts with. Raises UserError as `load` does."""
    source = source_of(name)
    try:
        config, tokenizer = _config_and_tokenizer(source)
        model = _load_weights(source, ModelSettings(name=name), device, config, seed=0)
    except Exception as error:
        raise explain(name, error) from error
    return tokenizer, model.eval()


def refuse_unknown(name: str) -> None:
    """Raise UserError where no model of that name can be found; its weights are not read."""
    source = source_of(name)
    try:
        _config_and_tokenizer(source)
    except Exception as error:
        raise explain(name, error) from error


def source_of(name: str) -> str:
    """The path or hub id behind a model's name, after looking at local folders for what they lack (else UserError)."""
    folder = SHIPPED.get(name, Path(os.path.expanduser(name)))
    if not os.path.isdir(folder):
        if folder.is_absolute() or name.startswith((".", "~")):
            raise UserError(f"There is no model folder {name}. Give a folder with config.json, or a hub id.")
        return name
    if not (folder / "config.json").exists():
        raise UserError(f"{folder} has no config.json: not a model folder in the hub's layout.")
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".ckpt"})
        if pickled:
            raise UserError(
                f"{folder} has its weights as pickle ({pickled[0]}), which can run code when it is read. Convert "
                f"it on a machine you trust: model.save_pretrained(folder, safe_serialization=True)."
            )
        raise UserError(f"{folder} has no weights: expected model.safetensors or shards of it.")
    if not any((folder / file).exists() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise UserError(f"{folder} has no tokenizer (tokenizer.json): save it with tokenizer.save_pretrained(folder).")
    return str(folder)


def _config_and_tokenizer(source: str, code: bool = False) -> tuple[Any, PreTrainedTokenizerBase]:
    # Said outright: without a word the library asks whoever sits at the keyboard.
    config = AutoConfig.from_pretrained(source, trust_remote_code=code)
    return config, AutoTokenizer.from_pretrained(source, trust_remote_code=code)


def _load_weights(
    source: str,
    settings: ModelSettings,
    place: torch.device,
    config: Any,
    seed: int,
    code: bool = False,
    together: Processes = ALONE,
) -> PreTrainedModel:
    options: dict[str, Any] = {"dtype": pick_dtype(settings.dtype, place)}
    if settings.attention != "auto":
        options["attn_implementation"] = settings.attention
    if settings.quantize != "none":
        lowest = choose_layers(settings.layers, config.get_text_config().num_hidden_layers, seed)[0]
        options["quantization_config"] = quantization(settings.quantize, config, lowest, options["dtype"], place)
        options["device_map"] = {"": place}
    read = _read_weights(source, settings, config, code, options) if together.first else None
    if not together.alone:
        return spread(read, config, place, {"trust_remote_code": code, **options})
    assert read is not None
    return keep_precision(read) if settings.quantize != "none" else read.to(place)


def _read_weights(
    source: str, settings: ModelSettings, config: Any, code: bool, options: dict[str, Any]
) -> PreTrainedModel:
    model, report = AutoModelForCausalLM.from_pretrained(
        source, config=config, use_safetensors=True, trust_remote_code=code, output_loading_info=True, **options
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise UserError(
            f"Model '{settings.name}' lacks {len(missing)} weights of {type(model).__name__}, e.g. '{missing[0]}'. "
            f"They would be random. Is it a causal language model, and is the download complete?"
        )
    return model


def pick_dtype(name: str, place: torch.device) -> torch.dtype:
    """The precision that `name` means on this device."""
    if name == "auto":
        native = place.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name not in dtypes:
        raise UserError(f'model.dtype = "{name}" is not understood. Write "auto", "float32" or "bfloat16".')
    return dtypes[name]


def _end_ids(source: str, config: Any, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Every id that ends a response, the one that training appends first: what the chat template puts behind an
    answer, the tokenizer's end, then the generation config's."""
    try:
        listed = GenerationConfig.from_pretrained(source).eos_token_id
    except OSError:
        listed = getattr(config, "eos_token_id", None)
    ids = [turn_end(tokenizer), tokenizer.eos_token_id, *(listed if isinstance(listed, list) else [listed])]
    unique = tuple(dict.fromkeys(int(number) for number in ids if number is not None))
    if not unique:
        raise UserError("This tokenizer has no end token, so no response could ever end. Set eos_token in it.")
    return unique


def turn_end(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The special token that the chat template puts behind an answer (gemma's <end_of_turn> is not its <eos>); None
    where there is no template or it puts none."""
    if not tokenizer.chat_template:
        return None
    turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": "ANSWER"}]
    behind = str(tokenizer.apply_chat_template(turns, tokenize=False)).rpartition("ANSWER")[2]
    special = {tokenizer.eos_token_id, *tokenizer.added_tokens_decoder}
    return next((int(i) for i in tokenizer(behind, add_special_tokens=False).input_ids if i in special), None)
