"""Law: buckets hold every item once, like lengths together, and no more tokens than asked unless one item has more."""

import random

import pytest

from topgraft.data.batching import buckets


def test_by_hand():
    assert buckets([5, 2, 9, 3], 10) == [[1, 3], [0], [2]]  # 2 x 3 tokens, then 5, then 9
    assert buckets([5, 2, 9, 3], 18) == [[1, 3, 0], [2]]
    assert buckets([4] * 8, 24) == [[0, 1, 2, 3], [4, 5, 6, 7]]  # not six and two: the largest part decides on memory
    assert buckets([5, 2, 9, 3], 1) == [[1], [3], [0], [2]]
    assert buckets([4, 4], 16, sizes=[2, 2]) == [[0, 1]]
    assert buckets([4, 4], 15, sizes=[2, 2]) == [[0], [1]]
    assert buckets([], 10) == []


@pytest.mark.parametrize("budget", [1, 30, 200, 10_000])
def test_every_item_once_and_no_rectangle_over_the_budget(budget: int):
    draw = random.Random(budget)
    lengths, sizes = [draw.randint(1, 50) for _ in range(40)], [draw.randint(1, 4) for _ in range(40)]
    parts = buckets(lengths, budget, sizes)
    assert sorted(item for part in parts for item in part) == list(range(40))
    filled = []  # item after item, a new part where the next does not fit: nothing does with fewer parts
    for item in sorted(range(40), key=lambda item: lengths[item]):
        if not filled or (filled[-1] + sizes[item]) * lengths[item] > budget:
            filled.append(0)
        filled[-1] += sizes[item]
    assert len(parts) == len(filled)
    for part in parts:
        tokens = max(lengths[item] for item in part) * sum(sizes[item] for item in part)
        assert tokens <= budget or len(part) == 1
