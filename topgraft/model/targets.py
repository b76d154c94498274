"""What `model.lora.targets` means in an architecture: its own names, llama's names for gpt2, and three aliases."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn
from transformers.pytorch_utils import Conv1D

from topgraft.errors import UserError, nearest

ALIASES = ("attention", "ffn", "qv")
"""Names that mean the same in every architecture: all of the attention, all of the feed-forward part, query and
value."""

GPT2_NAMES = {
    "q_proj": "attn.c_attn",
    "k_proj": "attn.c_attn",
    "v_proj": "attn.c_attn",
    "o_proj": "attn.c_proj",
    "up_proj": "mlp.c_fc",
    "gate_proj": "mlp.c_fc",
    "down_proj": "mlp.c_proj",
}
"""GPT-2 fuses query, key and value in one matrix; llama's names are translated to the module that does that work."""

ATTENTION = re.compile(r"attn|attention")
FFN = re.compile(r"mlp|ffn|feed_?forward|moe|fc\d")
"""How the library calls the two parts at the top of a block."""
QUERY_VALUE = re.compile(r"q_proj|v_proj|query|value")
FUSED = re.compile(r"c_attn|query_key_value|.*qkv.*", re.IGNORECASE)
"""The last part of a projection's name: of query or value, and of one matrix for query, key and value."""


@dataclass(frozen=True)
class Targets:
    """Ends of module names as peft takes them, and what a person should know of them."""

    names: tuple[str, ...]
    notes: tuple[str, ...]


def find_targets(targets: Sequence[str], blocks: Sequence[nn.Module], layers: Sequence[int], kind: str) -> Targets:
    """The modules that `targets` name in those `blocks` of a model of type `kind` that `layers` counts.

    A target may be absent from some blocks. Raises UserError for one that no block has, where the `layers` have none
    at all, and for the feed-forward part of a mixture of experts.
    """
    every, here = _paths(blocks), _paths([blocks[number] for number in layers])
    transposed = any(isinstance(module, Conv1D) for block in blocks for module in block.modules())
    experts = [number for number, block in enumerate(blocks) if _experts(block)]
    names: list[str] = []
    notes: list[str] = []
    for target in targets:
        own = GPT2_NAMES.get(target, target) if transposed else target
        meant = _meant(own, every)
        if experts and (target == "ffn" or any(FFN.search(_part(path)) for path in meant)):
            # peft takes names like down_proj for the experts too, and would adapt those of every block.
            raise UserError(
                f'model.lora.targets: "{target}" cannot be adapted in this {kind} model: the experts of blocks '
                f"{numbers(experts)} are stacked parameters, no linear modules. Name modules of the attention "
                f'({_listed(_meant("attention", every))}), or set model.layers = "full".'
            )
        if not meant:
            known = {_last(path) for path in every} | {*ALIASES} - {target}
            raise UserError(f"model.lora.targets: this {kind} model has no module '{target}'. {nearest(target, known)}")
        found = _meant(own, here)
        if target == "qv" or own != target:
            fused = [path for path in found if FUSED.fullmatch(_last(path))]
            notes += [f'"{target}" adapts {path}, one matrix for query, key and value' for path in fused]
        names += found if target in ALIASES else [own] if found else []
    if not names:
        raise UserError(
            f"model.lora.targets = {list(targets)}: blocks {numbers(layers)} of this {kind} model have none of them, "
            f"but {_listed(here)}. Name some of those, or train other blocks (model.layers)."
        )
    return Targets(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(notes)))


def _paths(blocks: Sequence[nn.Module]) -> list[str]:
    """Names within a block of all their linear modules, each once; what adapters put there is left out."""
    named = (pair for block in blocks for pair in block.named_modules())
    linear = (name for name, module in named if isinstance(module, nn.Linear | Conv1D) and ".lora_" not in name)
    return list(dict.fromkeys(name.removesuffix(".base_layer") for name in linear))


def _meant(target: str, paths: list[str]) -> list[str]:
    """The modules that a target stands for: those of an alias, or those whose names end so.

    An alias stands for whole names within a block, since the convolution of another block may have an `out_proj` too.
    """
    if target not in ALIASES:
        return [path for path in paths if f".{path}".endswith(f".{target}")]
    found = [path for path in paths if (FFN if target == "ffn" else ATTENTION).search(_part(path))]
    if target == "qv":
        found = [path for path in found if QUERY_VALUE.fullmatch(_last(path)) or FUSED.fullmatch(_last(path))]
    return found


def _part(path: str) -> str:
    return path.split(".")[0]


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _listed(paths: list[str]) -> str:
    return ", ".join(sorted({_last(path) for path in paths}))


def _experts(block: nn.Module) -> bool:
    """Whether the feed-forward part keeps experts as matrices stacked in one parameter."""
    return any(weight.dim() == 3 and FFN.search(_part(name)) for name, weight in block.named_parameters())


def describe(adapted: Mapping[int, Sequence[str]]) -> str:
    """Modules by block, for people: "q_proj, v_proj of blocks 4-7"; blocks that differ stand apart."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, paths in adapted.items():
        alike.setdefault(tuple(paths), []).append(number)
    every = {path for paths in alike for path in paths}
    short = len({_last(path) for path in every}) == len(every)
    parts = []
    for paths, found in alike.items():
        names = ", ".join(_last(path) if short else path for path in paths)
        parts.append(f"{names} of block{'s' if len(found) > 1 else ''} {numbers(found)}")
    return "; ".join(parts)


def numbers(blocks: Sequence[int]) -> str:
    """[1, 4, 5, 6] -> "1, 4-6"."""
    runs: list[list[int]] = []
    for number in sorted(blocks):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
