"""The frozen blocks below the split in 8 or 4 bits, by bitsandbytes.

8 bits: LLM.int8 (Dettmers et al. 2022, arXiv 2208.07339); 4 bits: NF4 (Dettmers et al. 2023, arXiv 2305.14314). Trained
blocks, embedding and head keep their precision: gradients pass them, and log-probabilities come from them.
"""

import importlib.util
import re

import torch
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedConfig
from transformers.pytorch_utils import Conv1D

from topgraft.errors import UserError
from topgraft.model.split import find_blocks

GROUP = 64
"""Neighbouring weights that share a scale in 4 bits. On a CPU bitsandbytes 0.50 reads rows of other lengths wrongly."""

SWITCH = "support_avx512bf16_for_cpu"


def quantization(
    kind: str, config: PreTrainedConfig, split_layer: int, dtype: torch.dtype, place: torch.device
) -> BitsAndBytesConfig:
    """What the library's loader needs to know: the matrices of blocks below `split_layer` are quantized while they are
    read, no others. Raises UserError where bitsandbytes is missing, cannot do it, or no block is below the split.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            f'model.quantize = "{kind}" needs bitsandbytes, which is not installed: pip install "topgraft[quant]".'
        )
    if split_layer == 0:
        raise UserError(
            f'model.quantize = "{kind}" has nothing to quantize: block 0 is trained, so no block is frozen below the '
            f'split. Set model.quantize = "none", or model.layers to upper blocks such as "last-4".'
        )
    with torch.device("meta"):  # names only, no weights
        bare = AutoModelForCausalLM.from_config(config)
    decoder, blocks = find_blocks(bare)
    frozen_blocks = getattr(decoder, blocks)[:split_layer]
    widths = {_width(layer) for layer in frozen_blocks.modules() if isinstance(layer, nn.Linear | Conv1D)}
    odd = sorted(width for width in widths if width % GROUP)
    if kind == "4bit" and place.type == "cpu" and odd:
        raise UserError(
            f'model.quantize = "4bit" on a CPU needs matrices whose width is a multiple of {GROUP}; this model has '
            f'{odd[0]}. Use "8bit", or a GPU.'
        )
    frozen = "|".join(map(str, range(split_layer)))
    others = rf"(?!{re.escape(f'{bare.base_model_prefix}.{blocks}')}\.(?:{frozen})\.).*"
    if kind == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=[others])
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype, llm_int8_skip_modules=[others]
    )


def keep_precision(model: nn.Module) -> nn.Module:
    """Have 4-bit matrices multiply in the precision that was asked for, on every CPU alike.

    Where a CPU multiplies bfloat16 by itself, bitsandbytes 0.50 packs them anew at their first product, and then
    rounds what they multiply to bfloat16 too.
    """
    for module in model.modules():
        if hasattr(module, SWITCH):
            setattr(module, SWITCH, False)
    return model


def _width(layer: nn.Module) -> int:
    """Numbers that a row of the matrix multiplies."""
    rows_and_columns = next(layer.parameters()).shape  # the matrix comes before the bias
    return rows_and_columns[0] if isinstance(layer, Conv1D) else rows_and_columns[1]


def count(model: nn.Module) -> int:
    """Weights of the base model, whatever they are packed into; adapters left out."""
    total = 0
    for name, weight in model.named_parameters():
        if "lora_" not in name:
            state = getattr(weight, "quant_state", None)
            total += weight.numel() if state is None else state.shape.numel()
    return total


def scales(model: nn.Module) -> dict[str, torch.Tensor]:
    """By name, what besides its parameters decides what a quantized matrix means."""
    return {
        f"{name}.{key}": value
        for name, module in model.named_modules()
        if type(module).__module__.startswith("bitsandbytes")
        for key, value in module.state_dict().items()
        if isinstance(value, torch.Tensor) and key not in ("weight", "bias")
    }
