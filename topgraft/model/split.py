"""Cut a decoder of the transformers library in two at a layer, without rewriting any forward pass.

Two shallow copies of the library's own decoder share its layers, rotary tables, masks and norms:

    trunk  = blocks [0, split) and no final norm        token ids -> the hidden state that crosses the split
    branch = blocks [split, end) and the final norm     that state -> the final hidden state

`Parts.head` is a third copy, of the whole language model with its decoder taken out: the library's own code makes
logits from final hidden states, with whatever bias, scale or soft-cap it has.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from topgraft.errors import UserError

FINAL_NORMS = ("norm", "ln_f", "final_layernorm", "final_layer_norm")
LEARNED_POSITIONS = ("wpe",)
"""Position embeddings that a decoder adds to `inputs_embeds` too: silent in the branch, whose input has them."""


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

    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        return torch.zeros((*position_ids.shape, 1), device=position_ids.device)


class _Passthrough(nn.Module):
    """Stands for the decoder inside the head copy: its output is its input."""

    def forward(
        self, *_: object, inputs_embeds: torch.Tensor, **__: object
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=inputs_embeds)


def find_blocks(model: PreTrainedModel) -> tuple[nn.Module, str]:
    """The decoder of a causal language model and the name of its list of blocks."""
    decoder = getattr(model, model.base_model_prefix, None)
    count = getattr(model.config, "num_hidden_layers", None)
    if decoder is not None:
        for name, child in decoder.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == count:
                return decoder, name
    raise UserError(
        f"Model type '{model.config.model_type}' cannot be split: no list of {count} decoder blocks was found in "
        f"{type(model).__name__}. Use a decoder-only model such as llama, qwen2, gemma2 or gpt2."
    )


def cut(model: PreTrainedModel, split_layer: int) -> Parts:
    """Make the trunk, the branch and the head of `model`, split below block `split_layer`."""
    decoder, name = find_blocks(model)
    blocks = getattr(decoder, name)
    trunk = _part(decoder, name, slice(0, split_layer))
    for norm in FINAL_NORMS:
        if norm in trunk._modules:
            trunk._modules[norm] = nn.Identity()
    branch = _part(decoder, name, slice(split_layer, len(blocks)))
    for positions in LEARNED_POSITIONS:
        if positions in branch._modules:
            branch._modules[positions] = _Silent()
    output = model.get_output_embeddings()
    assert output is not None
    head = copy.copy(model)
    head._modules = dict(model._modules)
    head._modules[model.base_model_prefix] = _Passthrough()
    return Parts(decoder=decoder, blocks=blocks, trunk=trunk, branch=branch, head=head, output=output)


def _part(decoder: nn.Module, name: str, layers: slice) -> nn.Module:
    part = copy.copy(decoder)
    kept = nn.ModuleList(list(getattr(decoder, name))[layers])
    part._modules = {**decoder._modules, name: kept}
    config: Any = copy.copy(decoder.config)
    if getattr(config, "layer_types", None):
        config.layer_types = list(config.layer_types)[layers]
    config.num_hidden_layers = len(kept)
    part.config = config
    return part


@torch.no_grad()
def check_identity(model: PreTrainedModel, parts: Parts, split_layer: int) -> float:
    """Largest difference between trunk-then-branch and the unsplit model on a left- and a right-padded batch.

    Raises UserError, naming the architecture, where it is above 1e-4 of the largest logit (fp32; 5e-2 in half
    precision).
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    rows = min(model.config.get_text_config().vocab_size, model.get_input_embeddings().weight.shape[0])
    ids_BT = torch.randint(0, rows, (2, 9), generator=generator).to(device)
    gaps, largest = [], 1.0
    for real_BT in (_padding(left=True), _padding(left=False)):
        real_BT = real_BT.to(device)
        inputs = {"attention_mask": real_BT.long(), "position_ids": positions(real_BT)}
        whole_BTV = model(input_ids=ids_BT, use_cache=False, **inputs).logits
        hidden_BTH = parts.trunk(input_ids=ids_BT, use_cache=False, **inputs).last_hidden_state
        final_BTH = parts.branch(inputs_embeds=hidden_BTH, use_cache=False, **inputs).last_hidden_state
        ours_BTV = parts.head(inputs_embeds=final_BTH).logits
        gaps.append((ours_BTV - whole_BTV)[real_BT].abs().max())
        largest = max(largest, whole_BTV[real_BT].abs().max().item())
    worst = torch.stack(gaps).max().item()  # unlike Python's max, lets NaN through
    limit = (1e-4 if model.dtype == torch.float32 else 5e-2) * largest
    if not worst <= limit:
        raise UserError(
            f"Model type '{model.config.model_type}' cannot be split at layer {split_layer}: trunk and branch "
            f"differ from the whole model by {worst:.2g} (limit {limit:.2g}). Use another architecture, such as "
            f"llama, qwen2, gemma2 or gpt2."
        )
    return worst


def _padding(*, left: bool) -> torch.Tensor:
    real_BT = torch.ones(2, 9, dtype=torch.bool)
    real_BT[1, slice(0, 4) if left else slice(5, 9)] = False
    return real_BT


def positions(real_BT: torch.Tensor) -> torch.Tensor:
    """Position ids that count real tokens only, 0 at padding: the same row gets the same positions on either side."""
    return ((real_BT.long().cumsum(1) - 1).clamp(min=0)) * real_BT
