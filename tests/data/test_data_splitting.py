"""Splitting by group: exact counts, no leaks, the same parts everywhere."""

import random

import pytest

from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import Splits, split
from topgraft.errors import UserError
from topgraft.records import Demonstration


def rows(groups: int, each: int = 1) -> list[Demonstration]:
    return [
        Demonstration(key=f"g{g:03}-{n}", group=f"g{g:03}", prompt=f"p{g} {n}", response="r")
        for g in range(groups)
        for n in range(each)
    ]


def groups(part: list[Demonstration]) -> list[str]:
    return sorted({row.group for row in part})


def sizes(splits: Splits) -> tuple[int, ...]:
    return tuple(len(groups(part)) for part in splits.parts().values())


def test_the_shipped_set_is_split_140_40_20_by_problem():
    settings = DataSettings()
    splits = split(read(settings), settings.split, settings.split_seed)
    assert {name: len(part) for name, part in splits.parts().items()} == {"train": 140, "test": 40, "validation": 20}
    assert sizes(splits) == (35, 10, 5)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_straddles_two_parts_and_no_row_is_lost(seed):
    everything = rows(23, each=3)
    splits = split(everything, (0.6, 0.25, 0.15), seed)
    parts = [set(groups(part)) for part in splits.parts().values()]
    assert parts[0] | parts[1] | parts[2] == set(groups(everything))
    assert sum(map(len, parts)) == 23
    keys = [row.key for part in splits.parts().values() for row in part]
    assert sorted(keys) == sorted(row.key for row in everything)


@pytest.mark.parametrize(
    ("count", "fractions", "wanted"),
    [
        (50, (0.7, 0.2, 0.1), (35, 10, 5)),
        (10, (0.7, 0.2, 0.1), (7, 2, 1)),
        (30, (0.7, 0.2, 0.1), (21, 6, 3)),
        (100, (0.29, 0.57, 0.14), (29, 57, 14)),
        (7, (0.7, 0.2, 0.1), (5, 1, 1)),
        (11, (0.7, 0.2, 0.1), (8, 2, 1)),
        (4, (1 / 3, 1 / 3, 1 / 3), (2, 1, 1)),
        (3, (1 / 3, 1 / 3, 1 / 3), (1, 1, 1)),
    ],
)
def test_counts_are_exact_by_largest_remainder(count, fractions, wanted):
    assert sizes(split(rows(count), fractions, 0)) == wanted


def test_the_parts_are_pinned_for_a_seed():
    splits = split(rows(10), (0.7, 0.2, 0.1), 0)
    order = [f"g{n:03}" for n in range(10)]
    random.Random(0).shuffle(order)
    assert groups(splits.train) == sorted(order[:7])
    assert groups(splits.test) == ["g000", "g009"]
    assert groups(splits.validation) == ["g006"]


def test_the_order_of_the_rows_does_not_matter_and_is_kept_within_a_part():
    everything = rows(12, each=2)
    mixed = random.Random(3).sample(everything, len(everything))
    plain, other = split(everything, (0.5, 0.3, 0.2), 7), split(mixed, (0.5, 0.3, 0.2), 7)
    for name, part in plain.parts().items():
        assert groups(part) == groups(other.parts()[name])
        assert part == [row for row in everything if row in part]
        assert other.parts()[name] == [row for row in mixed if row in part]


def test_another_seed_gives_other_parts():
    assert len({tuple(groups(split(rows(20), (0.7, 0.2, 0.1), seed).test)) for seed in range(6)}) == 6


@pytest.mark.parametrize(("count", "part"), [(1, "test"), (2, "validation"), (4, "validation")])
def test_a_part_left_empty_is_refused_with_the_number_of_groups_it_takes(count, part):
    with pytest.raises(UserError) as caught:
        split(rows(count, each=9), (0.7, 0.2, 0.1), 0)
    assert f"leaves the {part} part empty" in str(caught.value)
    assert f"these shares need 5 groups, and there are {count}" in str(caught.value)
    assert sizes(split(rows(5), (0.7, 0.2, 0.1), 0)) == (3, 1, 1)


@pytest.mark.parametrize(
    "fractions",
    [(0.7, 0.2, 0.2), (0.5, 0.2, 0.1), (1.0, 0.0, 0.0), (0.8, 0.3, -0.1), (0.5, 0.5), (7, 2, 1), (float("nan"),) * 3],
)
def test_shares_that_are_none_are_refused(fractions):
    with pytest.raises(UserError, match="must be three shares above 0 that add up to 1"):
        split(rows(20), fractions, 0)


def test_shares_rounded_by_hand_are_accepted():
    assert sizes(split(rows(9), (0.333, 0.333, 0.334), 0)) == (3, 3, 3)
