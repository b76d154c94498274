"""Which rows run together: rows of like lengths, under a budget of tokens."""

from bisect import bisect_left
from collections.abc import Sequence


def buckets(lengths: Sequence[int], tokens_at_once: int, sizes: Sequence[int] | None = None) -> list[list[int]]:
    """Cut items into parts of like lengths whose padded rectangles hold at most `tokens_at_once` tokens.

    Item i is `sizes[i]` rows (1 unless given) of at most `lengths[i]` tokens. The parts hold the items' numbers, the
    shortest first; an item over the budget is a part by itself. There are as few parts as can be, and of those ways
    the one whose largest part is smallest, which needs the least memory.
    """
    fewest = -len(_cut(lengths, tokens_at_once, sizes))
    budgets = range(1, tokens_at_once + 1)
    even = bisect_left(budgets, fewest, key=lambda budget: -len(_cut(lengths, budget, sizes)))
    return _cut(lengths, budgets[even], sizes)


def _cut(lengths: Sequence[int], tokens_at_once: int, sizes: Sequence[int] | None) -> list[list[int]]:
    """The fewest parts: each as full as the budget lets it be."""
    parts: list[list[int]] = []
    rows = 0
    for item in sorted(range(len(lengths)), key=lambda item: lengths[item]):
        size = 1 if sizes is None else sizes[item]
        if not parts or (rows + size) * lengths[item] > tokens_at_once:
            parts.append([])
            rows = 0
        parts[-1].append(item)
        rows += size
    return parts
