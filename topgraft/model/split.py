"""Cut a decoder of the transformers library in two at a layer, without rewriting any forward pass.

Two shallow copies of the library's own decoder share its layers, rotary tables, masks and norms:

    trunk  = blocks [0, split) and no final norm        token ids -> the hidden state that crosses the split
    branch = blocks [split, end) and the final norm     that state -> the final hidden state

`Parts.head` is a third copy, of the whole language model with its decoder taken out: the library's own code makes
logits from final hidden states, with whatever bias, scale or soft-cap it has.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from topgraft.errors import UserError
from topgraft.model.crossing import Crossing

TRIED = (
    "llama",
    "qwen2",
    "qwen3",
    "gemma2",
    "gemma3_text",
    "mistral",
    "phi3",
    "olmo2",
    "gpt_oss",
    "gpt2",
    "gpt_neox",
)
"""Model types that the tests split, train and sample; others are taken where `check_identity` finds no fault."""
INSTEAD = f"Use a decoder-only model of text such as {', '.join(TRIED[:-1])} or {TRIED[-1]}."

FULL = (torch.float32, torch.float64)
"""Precisions that are not half; the second is there for comparisons."""

FINAL_NORMS = ("norm", "ln_f", "final_layernorm", "final_layer_norm", "layer_norm", "norm_f", "embedding_norm")
POSITIONS = ("wpe", "embed_positions")
"""Position embeddings that a decoder adds to `inputs_embeds` too: silent in the branch, whose input has them."""
FIRST_NORMS = ("word_embeddings_layernorm",)
"""Norms that a decoder puts on `inputs_embeds` too: left out of the branch, whose input has been through them."""
FIRST_SCALES = ("embedding_multiplier",)
"""Numbers that a decoder multiplies `inputs_embeds` by too: 1 in the branch, whose input has been scaled."""


@dataclass(frozen=True)
class Parts:
    """The pieces of one causal language model, sharing its weights."""

    decoder: nn.Module
    blocks: nn.ModuleList
    trunk: nn.Module
    branch: nn.Module
    head: nn.Module
    output: nn.Module
    """The output matrix's own module, inside the head."""


class _Silent(nn.Module):
    """Stands for a position embedding and adds nothing."""

    def forward(self, ids_BT: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        # Of bools, since a sum with floats would make half precision fp32.
        return torch.zeros((*ids_BT.shape, 1), dtype=torch.bool, device=ids_BT.device)


@dataclass
class _Final(BaseModelOutputWithPastAndCrossAttentions):
    """Final hidden states with every field that some head hands on from its decoder."""

    router_logits: None = None
    shared_kv_states: None = None


class _Passthrough(nn.Module):
    """Stands for the decoder inside the head copy: its output is its input."""

    def forward(self, *_: object, inputs_embeds: torch.Tensor, **__: object) -> _Final:
        return _Final(last_hidden_state=inputs_embeds)


def find_blocks(model: PreTrainedModel) -> tuple[nn.Module, str]:
    """The decoder of a causal language model and the name of its list of blocks."""
    decoder = getattr(model, model.base_model_prefix, None)
    count = getattr(model.config, "num_hidden_layers", None)
    if decoder is not None:
        for name, child in decoder.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == count:
                return decoder, name
    raise UserError(
        f"Model type '{model.config.model_type}' cannot be split: {type(model).__name__} does not hold its decoder "
        f"blocks as one list at the top of its decoder. {INSTEAD}"
    )


def cut(model: PreTrainedModel, split_layer: int) -> Parts:
    """Make the trunk, the branch and the head of `model`, split below block `split_layer`."""
    decoder, name = find_blocks(model)
    blocks = getattr(decoder, name)
    trunk = _part(decoder, name, slice(0, split_layer))
    _stand_in(trunk, FINAL_NORMS, nn.Identity())
    branch = _part(decoder, name, slice(split_layer, len(blocks)))
    _stand_in(branch, POSITIONS, _Silent())
    _stand_in(branch, FIRST_NORMS, nn.Identity())
    for scale in FIRST_SCALES:
        if hasattr(branch, scale):
            setattr(branch, scale, 1.0)
    output = model.get_output_embeddings()
    assert output is not None
    head = copy.copy(model)
    head._modules = dict(model._modules)
    head._modules[model.base_model_prefix] = _Passthrough()
    return Parts(decoder=decoder, blocks=blocks, trunk=trunk, branch=branch, head=head, output=output)


def _stand_in(part: nn.Module, names: tuple[str, ...], module: nn.Module) -> None:
    for name in names:
        if name in part._modules:
            part._modules[name] = module


def _part(decoder: nn.Module, name: str, layers: slice) -> nn.Module:
    part = copy.copy(decoder)
    kept = nn.ModuleList(list(getattr(decoder, name))[layers])
    part._modules = {**decoder._modules, name: kept}
    config: Any = copy.copy(decoder.config)
    depth = len(getattr(decoder, name))
    for key, value in list(vars(config).items()):
        if isinstance(value, list | tuple) and len(value) == depth:
            setattr(config, key, list(value)[layers])
    config.num_hidden_layers = len(kept)
    part.config = config
    return part


@torch.no_grad()
def check_identity(model: PreTrainedModel, parts: Parts, split_layer: int) -> float:
    """Largest difference between trunk-then-branch and the unsplit model on a left- and a right-padded batch.

    Sliding windows are narrowed for the check, so that they act. Raises UserError, naming the architecture, where a
    part does not run, or where the logits or the state that crosses the split differ by more than 1e-4 of the largest
    (fp32; 5e-2 in half precision).
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    rows = min(model.config.get_text_config().vocab_size, model.get_input_embeddings().weight.shape[0])
    ids_BT = torch.randint(0, rows, (2, 9), generator=generator).to(device)
    refusal = f"Model type '{model.config.model_type}' cannot be split at layer {split_layer}"
    worst = 0.0
    for real_BT in (_padding(left=True), _padding(left=False)):
        real_BT = real_BT.to(device)
        inputs = {"attention_mask": real_BT.long(), "position_ids": positions(real_BT), "use_cache": False}
        with narrow_windows(parts):
            with Crossing(parts.blocks, split_layer) as crossing:
                whole_BTV = model(input_ids=ids_BT, **inputs).logits
            try:
                hidden_BTH = parts.trunk(input_ids=ids_BT, **inputs).last_hidden_state
                final_BTH = parts.branch(inputs_embeds=hidden_BTH, **inputs).last_hidden_state
                ours_BTV = parts.head(inputs_embeds=final_BTH).logits
                cache = DynamicCache(config=parts.decoder.config)  # sampling hands one to the decoder
                parts.decoder(input_ids=ids_BT, **{**inputs, "past_key_values": cache, "use_cache": True})
            except torch.OutOfMemoryError:
                raise
            except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
                raise UserError(f"{refusal}: a pass of its parts fails ({error}). {INSTEAD}") from error
        for ours, whole in ((hidden_BTH, crossing.hidden_BTH), (ours_BTV, whole_BTV)):
            gap = (ours - whole)[real_BT].abs().max().item()
            limit = (1e-4 if model.dtype in FULL else 5e-2) * max(1.0, whole[real_BT].abs().max().item())
            if not gap <= limit:  # NaN too
                raise UserError(
                    f"{refusal}: trunk and branch differ from the whole model by {gap:.2g} (limit {limit:.2g}). "
                    f"{INSTEAD}"
                )
        worst = max(worst, gap)
    return worst


@contextmanager
def narrow_windows(parts: Parts) -> Iterator[None]:
    """Let sliding windows see 4 tokens: a block with another block's mask would pass unseen under a wide one."""
    configs: list[Any] = [part.config for part in (parts.decoder, parts.trunk, parts.branch)]
    before = [(config, config.sliding_window) for config in configs if getattr(config, "sliding_window", None)]
    for config, _ in before:
        config.sliding_window = 4
    try:
        yield
    finally:
        for config, window in before:
            config.sliding_window = window


def _padding(*, left: bool) -> torch.Tensor:
    real_BT = torch.ones(2, 9, dtype=torch.bool)
    real_BT[1, slice(0, 4) if left else slice(5, 9)] = False
    return real_BT


def positions(real_BT: torch.Tensor) -> torch.Tensor:
    """Position ids that count real tokens only, 0 at padding: the same row gets the same positions on either side."""
    return ((real_BT.long().cumsum(1) - 1).clamp(min=0)) * real_BT
