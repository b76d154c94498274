"""Law: a word or a list names existing blocks, in order; anything else is refused with its value."""

import pytest

from topgraft.errors import UserError
from topgraft.model.layers import choose_layers


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("last-4", [6, 7, 8, 9]),
        ("first-4", [0, 1, 2, 3]),
        ("middle-4", [3, 4, 5, 6]),
        ("middle-3", [3, 4, 5]),
        ("last-10", list(range(10))),
        ("all", list(range(10))),
        ((7, 2, 2), [2, 7]),
        ((0,), [0]),
    ],
)
def test_words_and_lists_name_blocks_of_a_ten_block_model(layers, expected: list[int]):
    assert choose_layers(layers, 10, seed=0) == expected


def test_random_layers_are_distinct_and_depend_on_the_seed_only():
    drawn = {seed: choose_layers("random-4", 24, seed) for seed in range(20)}
    assert drawn == {seed: choose_layers("random-4", 24, seed) for seed in range(20)}
    assert all(len(set(found)) == 4 and found == sorted(found) for found in drawn.values())
    assert len({tuple(found) for found in drawn.values()}) > 10


@pytest.mark.parametrize("layers", ["last-11", "last-0", "top-4", "last4", "", "last--1", (10,), (-1,), ()])
def test_what_names_no_block_is_refused_with_its_value_and_a_way_out(layers):
    with pytest.raises(UserError) as caught:
        choose_layers(layers, 10, seed=0)
    assert str(list(layers) if isinstance(layers, tuple) else layers) in str(caught.value)
    assert '"last-4"' in str(caught.value)


def test_auto_stands_for_measured_blocks_which_only_a_run_has():
    with pytest.raises(UserError, match=r'model.layers = "auto" stands for blocks that `topgraft layers`.*"last-4"'):
        choose_layers("auto", 10, seed=0)
