"""A model in shares (FSDP2): every process holds a part of each block, and a whole block only while it runs.

For a base that does not fit one device. Blocks are sharded one by one, in place, so that decoder, trunk and branch
still share them. Embeddings, the last norm and the output matrix are whole everywhere; so are adapters and heads, which
come later, are no part of it, and learn as they do without. A pass of one process is then a pass of all: they keep in
step (`Processes.in_step`).
"""

from collections.abc import Iterator
from typing import Any

import torch
from accelerate import init_empty_weights
from torch import distributed, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from topgraft.model.split import find_blocks
from topgraft.processes import Processes

FROM_FIRST = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
TO_FIRST = StateDictOptions(full_state_dict=True, cpu_offload=True)
"""The first process alone has the whole weights, before or after."""


def spread(read: PreTrainedModel | None, config: Any, place: torch.device, options: dict[str, Any]) -> PreTrainedModel:
    """The model that the first process has `read` into its memory (None elsewhere), in shares on all devices. What was
    read is used up, block by block."""
    with init_empty_weights(include_buffers=False):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, **options)
    source = list(_blocks(read)) if read is not None else []
    for number, block in enumerate(_blocks(model)):
        shard(block, place)
        block.to_empty(device=place)
        set_model_state_dict(block, source[number].state_dict() if source else {}, options=FROM_FIRST)
        for used in source[number : number + 1]:
            used.to("meta")
    _place_rest(model, place)
    rest = dict(read.named_parameters()) if read is not None else {}
    for name, weight in model.named_parameters():
        if not isinstance(weight, DTensor):
            weight.data.copy_(rest.get(name, weight).detach())
            distributed.broadcast(weight.data, 0)
    return model


def copied(model: PreTrainedModel) -> PreTrainedModel:
    """Another model with the same weights, in the same shares."""
    attention = model.config._attn_implementation
    with init_empty_weights(include_buffers=False):
        made: PreTrainedModel = type(model)._from_config(model.config, dtype=model.dtype, attn_implementation=attention)
    for block in _blocks(made):
        shard(block, model.device)
        block.to_empty(device=model.device)
    _place_rest(made, model.device)
    with torch.no_grad():
        for mine, other in zip(made.parameters(), model.parameters(), strict=True):
            mine.copy_(other)
    return made


def shard(block: nn.Module, place: torch.device) -> None:
    """Hold a part of a block's weights; the block gathers them when it is called, and lets go of them after. Gradients
    are added up, as those of other weights are."""
    mesh = init_device_mesh(place.type, (Processes.here().count,))
    made = fully_shard(block, mesh=mesh, reshard_after_forward=True)
    made.set_gradient_divide_factor(1.0)
    made.set_force_sum_reduction_for_comms(True)


def whole_weights(model: PreTrainedModel) -> dict[str, Any]:
    """The state of a model in shares, whole, for the first process; empty for the others. All have to ask."""
    return get_model_state_dict(model, options=TO_FIRST)


def held_as(value: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A whole value on the device of a weight of its shape, in shares where the weight is."""
    if isinstance(weight, DTensor):
        return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)
    return value.to(weight.device)


def _place_rest(model: PreTrainedModel, place: torch.device) -> None:
    """Give memory to what is not in blocks, and bring buffers to the device."""
    for module in model.modules():
        for leaf, weight in module._parameters.items():
            if weight is not None and weight.is_meta:
                module._parameters[leaf] = nn.Parameter(torch.empty_like(weight, device=place))
        for leaf, buffer in module._buffers.items():
            module._buffers[leaf] = buffer.to(place) if buffer is not None else None
    model.tie_weights()


def _blocks(model: PreTrainedModel) -> Iterator[nn.Module]:
    decoder, name = find_blocks(model)
    yield from getattr(decoder, name)
