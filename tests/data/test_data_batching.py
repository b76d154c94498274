"""Law: buckets hold every item once, like lengths together, and no more tokens than asked unless one item has more."""

import random
from itertools import combinations, pairwise

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
    for part in parts:
        tokens = max(lengths[item] for item in part) * sum(sizes[item] for item in part)
        assert tokens <= budget or len(part) == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_other_cut_has_fewer_parts_or_as_many_with_a_smaller_largest_one(seed: int):
    draw = random.Random(seed)
    lengths, sizes = [draw.randint(1, 9) for _ in range(8)], [draw.randint(1, 3) for _ in range(8)]
    budget, order = draw.randint(27, 80), sorted(range(8), key=lambda item: lengths[item])

    def largest(parts: list[list[int]]) -> int:
        return max(max(lengths[item] for item in part) * sum(sizes[item] for item in part) for part in parts)

    def cut(places: tuple[int, ...]) -> list[list[int]]:
        edges = [0, *places, 8]
        return [order[start:end] for start, end in pairwise(edges)]

    every = [cut(places) for count in range(8) for places in combinations(range(1, 8), count)]
    best = min((len(parts), largest(parts)) for parts in every if largest(parts) <= budget)
    found = buckets(lengths, budget, sizes)
    assert (len(found), largest(found)) == best
