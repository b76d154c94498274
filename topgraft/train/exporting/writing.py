"""Write a policy in the libraries' layout: an adapter in PEFT's, merged or whole weights in transformers'."""

import copy
import json
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from topgraft.data.template import PLAIN, Template
from topgraft.errors import UserError, nearest
from topgraft.train.exporting.policy import Policy

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ADAPTER = "adapter_model.safetensors"


def asked_dtype(name: str) -> torch.dtype | None:
    """ "auto" -> None, "bfloat16" -> torch.bfloat16. Raises UserError for other words."""
    if name == "auto":
        return None
    if name not in DTYPES:
        raise UserError(f"--dtype {name} is not understood. {nearest(name, ('auto', *DTYPES))}")
    return DTYPES[name]


def write_adapter(policy: Policy, trained: Path, folder: Path, dtype: torch.dtype | None) -> torch.dtype:
    """The adapter saved in `trained`, naming its base; its precision, as it was trained where none is asked for."""
    config = json.loads((trained / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = policy.source
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = load_file(trained / ADAPTER)
    written = dtype or next(iter(weights.values())).dtype
    cast = {name: weight.to(written).contiguous() for name, weight in weights.items()}
    save_file(cast, folder / ADAPTER, metadata={"format": "pt"})
    return written


def write_merged(policy: Policy, trained: Path, folder: Path, dtype: torch.dtype | None) -> torch.dtype:
    """The base as it is stored, not quantized, with the adapter in `trained` added to it.

    The sum is made in float32 and rounded once. Without `dtype` the result has the base's own precision.
    """
    base = _read(policy.source)
    if getattr(base.config, "quantization_config", None) is not None:
        raise UserError(
            f"The base {policy.settings.model.name} is stored quantized, and adding an adapter to such weights would "
            f"round it away. Leave --merge out, or make the run on the base that it was quantized from."
        )
    written = dtype or base.dtype
    base = base.to(torch.promote_types(base.dtype, written))
    merged = PeftModel.from_pretrained(base, str(trained)).merge_and_unload()
    merged.to(written).save_pretrained(folder, safe_serialization=True)
    return written


def write_whole(trained: Path, folder: Path, dtype: torch.dtype | None) -> torch.dtype:
    """The model saved in `trained`, as it was trained or rounded."""
    model = _read(str(trained))
    written = dtype or model.dtype
    model.to(written).save_pretrained(folder, safe_serialization=True)
    return written


def _read(source: str) -> PreTrainedModel:
    """A model in the precision that it is stored in."""
    return AutoModelForCausalLM.from_pretrained(source, dtype="auto", use_safetensors=True, trust_remote_code=False)


def write_tokenizer(template: Template, folder: Path, *, chat: bool = True) -> None:
    """The tokenizer, with a chat template that writes prompts as the run did (without `chat`: with none)."""
    tokenizer: PreTrainedTokenizerBase = copy.deepcopy(template.tokenizer)
    if not template.own or not chat:
        tokenizer.chat_template = chat_template(template) if chat else None
        (folder / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer.save_pretrained(folder)


def chat_template(template: Template) -> str:
    """A plain-text template as a chat template of one turn: what the tokenizer puts in front of any text, then the text
    with the user's words in it; an answer ends with the first end token."""
    tokenizer = template.tokenizer
    bare, full = (tokenizer("a", add_special_tokens=special).input_ids for special in (False, True))
    begin = tokenizer.convert_ids_to_tokens(full[: full.index(bare[0])])
    end = tokenizer.convert_ids_to_tokens(template.end_ids[0])
    parts = (template.settings.template or PLAIN).split("{prompt}")
    said = " ~ message['content'] ~ ".join(map(_literal, parts))
    return (
        f"{{{{ {_literal(''.join(begin))} }}}}{{% for message in messages %}}{{% if message['role'] == 'assistant' %}}"
        f"{{{{ message['content'] ~ {_literal(end)} }}}}{{% else %}}{{{{ {said} }}}}{{% endif %}}{{% endfor %}}"
    )


def _literal(text: str) -> str:
    """The text as Jinja writes a string; it knows JSON's escapes."""
    return json.dumps(text, ensure_ascii=False)


def write_generation(policy: Policy, folder: Path) -> None:
    """End ids, pad id, length and way of choosing, as in the run's evaluation."""
    sampling, template = policy.settings.sampling, policy.template
    drawn = policy.settings.evaluate.decoding == "sampled" and sampling.temperature > 0
    how = {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p} if drawn else {}
    if drawn and sampling.min_p:
        how["min_p"] = sampling.min_p
    if sampling.repetition_penalty != 1:
        how["repetition_penalty"] = sampling.repetition_penalty
    GenerationConfig(
        eos_token_id=list(template.end_ids),
        pad_token_id=template.pad_id,
        bos_token_id=template.tokenizer.bos_token_id,
        max_new_tokens=template.settings.max_response_tokens,
        do_sample=drawn,
        **how,
    ).save_pretrained(folder)
