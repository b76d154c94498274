"""Which rows run together: rows of like lengths, under a budget of tokens."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence


def buckets(lengths: Sequence[int], tokens_at_once: int, sizes: Sequence[int] | None = None) -> list[list[int]]:
    """Cut items into parts of like lengths whose padded rectangles hold at most `tokens_at_once` tokens.

    Item i is `sizes[i]` rows (1 unless given) of at most `lengths[i]` tokens. The parts hold the items' numbers, the
    shortest first; an item over the budget is a part by itself. Of the ways to cut the items, in the order of their
    lengths, into as few parts as can be, it is the one whose largest part is smallest, which needs the least memory.
    """
    order = sorted(range(len(lengths)), key=lambda item: lengths[item])

    def cut(budget: int) -> list[list[int]]:
        """Each part as full as the budget lets it be."""
        parts: list[list[int]] = []
        rows = 0
        for item in order:
            size = 1 if sizes is None else sizes[item]
            if not parts or (rows + size) * lengths[item] > budget:
                parts.append([])
                rows = 0
            parts[-1].append(item)
            rows += size
        return parts

    budgets = range(1, tokens_at_once + 1)
    even = bisect_left(budgets, -len(cut(tokens_at_once)), key=lambda budget: -len(cut(budget)))
    return cut(budgets[even])


def sibling_buckets(
    owners: Sequence[int], prompts: Sequence[int], responses: Sequence[int], tokens_at_once: int
) -> Iterator[list[int]]:
    """Numbers of rows to run together, those of one prompt never apart: row i has the prompt `owners[i]`. `prompts` and
    `responses` are lengths in tokens."""
    siblings: dict[int, list[int]] = {}
    for row, owner in enumerate(owners):
        siblings.setdefault(owner, []).append(row)
    groups = list(siblings.values())
    lengths = [prompts[owner] + max(responses[row] for row in group) for owner, group in siblings.items()]
    for part in buckets(lengths, tokens_at_once, [len(group) for group in groups]):
        yield [row for place in part for row in groups[place]]
