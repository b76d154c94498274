"""Which blocks are trained: "last-4", "first-4", "middle-4", "random-4", [20, 21], "all" or "full" -> block numbers."""

import random
import re

from topgraft.errors import UserError

HOW = 'Write "last-4", "first-4", "middle-4", "random-4", "all", "full" or a list of block numbers such as [20, 21].'


def choose_layers(layers: str | tuple[int, ...], depth: int, seed: int) -> list[int]:
    """Return the sorted block numbers that `layers` means in a model of `depth` blocks.

    "random-k" draws from `seed`. Raises UserError for words it does not know and for blocks that do not exist.
    """
    if not isinstance(layers, str):
        chosen = sorted(set(layers))
        if not chosen or chosen[0] < 0 or chosen[-1] >= depth:
            raise UserError(f"model.layers = {list(layers)} does not fit {depth} blocks (0 to {depth - 1}). {HOW}")
        return chosen
    if layers in ("all", "full"):
        return list(range(depth))
    if layers == "auto":
        raise UserError(
            'model.layers = "auto" stands for blocks that `topgraft layers` finds, and only `topgraft run` asks for '
            f"them. Here name them yourself. {HOW}"
        )
    match = re.fullmatch(r"(last|first|middle|random)-(\d+)", layers)
    if not match:
        raise UserError(f"model.layers = '{layers}' is not understood. {HOW}")
    where, count = match[1], int(match[2])
    if not 1 <= count <= depth:
        raise UserError(f"model.layers = '{layers}' asks for {count} of {depth} blocks. {HOW}")
    if where == "random":
        return sorted(random.Random(seed).sample(range(depth), count))
    start = {"first": 0, "last": depth - count, "middle": (depth - count) // 2}[where]
    return list(range(start, start + count))
