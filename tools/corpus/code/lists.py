"""Families over lists of numbers without a condition: neighbours, positions, pairs of lists."""

import random

from tools.corpus.code.inputs import numlist, numlists
from tools.corpus.code.model import simple

G = "lists"


def plain(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Any lists."""
    return [(v,) for v in numlists(rng)]


def filled(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Lists with at least one item."""
    return [(v,) for v in numlists(rng, empty=False)]


def pairs(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Two lists of equal length that agree in some places."""
    out: list[tuple] = [([], [])]
    for first in numlists(rng, empty=False):
        out.append(
            (
                first,
                [v if rng.random() < 0.4 else w for v, w in zip(first, numlist(rng, [0, 3], len(first)), strict=True)],
            )
        )
    return out


def with_item(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """A list and a number that is often in it."""
    out: list[tuple] = [([], 3), ([4, 4, 1], 4), ([7], 7), ([2, 5, 2, 5], 5)]
    return out + [(v, rng.choice([*v, 3])) for v in numlists(rng, empty=False)]


def with_size(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """A list and a small number."""
    return [(v, rng.randint(1, 3)) for v in numlists(rng, empty=False)]


simple(
    G,
    "spread value_range gap",
    "XS",
    "the difference between the largest and the smallest number in the non-empty list XS",
    [
        ("return max(XS) - min(XS)", "subtracts the minimum from the maximum, and returns the difference"),
        (
            "AA = XS[0]|BX = XS[0]|for X in XS:|>if X < AA:|>>AA = X|>if X > BX:|>>BX = X|return BX - AA",
            "finds the smallest number AA and the largest number BX, and returns BX - AA",
        ),
    ],
    filled,
)
simple(
    G,
    "count_rises rises number_of_increases",
    "XS",
    "how often a number in the list XS is greater than the number just before it",
    [
        (
            "CC = 0|for II in range(1, len(XS)):|>if XS[II] > XS[II - 1]:|>>CC += 1|return CC",
            "compares every item with the one before it, counts the rises, and returns CC",
        ),
        (
            "CC = 0|for II in range(len(XS) - 1):|>if XS[II] < XS[II + 1]:|>>CC += 1|return CC",
            "compares XS[II] with XS[II + 1], counts the rises, and returns CC",
        ),
    ],
    plain,
)
simple(
    G,
    "differences steps_between changes",
    "XS",
    "a list of the differences between each number of XS and the number before it",
    [
        (
            "RR = []|for II in range(1, len(XS)):|>RR.append(XS[II] - XS[II - 1])|return RR",
            "appends XS[II] - XS[II - 1] for every index from 1, and returns RR",
        ),
        (
            "return [XS[II + 1] - XS[II] for II in range(len(XS) - 1)]",
            "takes the difference of each pair of neighbours, and returns the list",
        ),
    ],
    plain,
)
simple(
    G,
    "every_second skip_items alternate_items",
    "XS",
    "a list of every second item of XS, beginning with the first one",
    [
        ("return XS[::2]", "takes a slice with step 2, and returns it"),
        (
            "RR = []|for II in range(0, len(XS), 2):|>RR.append(XS[II])|return RR",
            "visits the indexes 0, 2, 4 and so on, and returns the items in RR",
        ),
    ],
    plain,
)
simple(
    G,
    "odd_index_sum sum_at_odd_places",
    "XS",
    "the sum of the numbers at the odd indexes 1, 3, 5 and so on of the list XS",
    [
        (
            "TT = 0|for II in range(1, len(XS), 2):|>TT += XS[II]|return TT",
            "visits the odd indexes with step 2, adds XS[II] to TT, and returns TT",
        ),
        (
            "TT = 0|for II in range(len(XS)):|>if II % 2 == 1:|>>TT += XS[II]|return TT",
            "adds XS[II] to TT when the index II is odd, and returns TT",
        ),
    ],
    plain,
)
simple(
    G,
    "swap_ends exchange_ends switch_first_last",
    "XS",
    "a copy of the non-empty list XS in which the first and the last item have changed places",
    [
        (
            "RR = list(XS)|RR[0] = XS[-1]|RR[-1] = XS[0]|return RR",
            "copies XS to RR, exchanges both ends, and returns RR",
        ),
        (
            "RR = XS[:]|AA = RR[0]|RR[0] = RR[-1]|RR[-1] = AA|return RR",
            "saves the first item in AA, exchanges the ends of the copy RR, and returns RR",
        ),
    ],
    filled,
)
simple(
    G,
    "add_lists pairwise_sums sum_pairs",
    "XS, YS",
    "a list of the sums of the items at the same index in the equally long lists XS and YS",
    [
        (
            "RR = []|for II in range(len(XS)):|>RR.append(XS[II] + YS[II])|return RR",
            "appends XS[II] + YS[II] for every index, and returns RR",
        ),
        (
            "return [X + Y for X, Y in zip(XS, YS)]",
            "pairs the items with zip, adds them, and returns the list",
        ),
    ],
    pairs,
)
simple(
    G,
    "larger_of_each pairwise_max upper_values",
    "XS, YS",
    "a list with the larger of the two items at each index of the equally long lists XS and YS",
    [
        (
            "RR = []|for II in range(len(XS)):|>if XS[II] > YS[II]:|>>RR.append(XS[II])|>else:|>>RR.append(YS[II])|return RR",
            "compares both items at every index, appends the larger one, and returns RR",
        ),
        (
            "return [max(X, Y) for X, Y in zip(XS, YS)]",
            "takes the maximum of every pair, and returns the list",
        ),
    ],
    pairs,
)
simple(
    G,
    "equal_places count_matches same_positions",
    "XS, YS",
    "at how many indexes the equally long lists XS and YS hold the same item",
    [
        (
            "CC = 0|for II in range(len(XS)):|>if XS[II] == YS[II]:|>>CC += 1|return CC",
            "compares the items at each index, counts the equal ones, and returns CC",
        ),
        (
            "CC = 0|for X, Y in zip(XS, YS):|>if X == Y:|>>CC += 1|return CC",
            "walks over the pairs, counts those with X == Y, and returns CC",
        ),
    ],
    pairs,
)
simple(
    G,
    "missing_from not_in_second left_over",
    "XS, YS",
    "a list of the items of XS that do not occur in the list YS, in the same order",
    [
        (
            "RR = []|for X in XS:|>if X not in YS:|>>RR.append(X)|return RR",
            "appends every X that is not in YS to RR, and returns RR",
        ),
        (
            "return [X for X in XS if X not in YS]",
            "keeps each X that YS does not contain, and returns the list",
        ),
    ],
    pairs,
)
simple(
    G,
    "last_index position_of_last final_place",
    "XS, KK",
    "the index of the last item in the list XS that equals KK, or -1 if it does not occur",
    [
        (
            "BB = -1|for II in range(len(XS)):|>if XS[II] == KK:|>>BB = II|return BB",
            "keeps the latest matching index in BB, and returns BB, which starts at -1",
        ),
        (
            "II = len(XS) - 1|while II >= 0:|>if XS[II] == KK:|>>return II|>II -= 1|return -1",
            "moves II from the end to the front, and returns the first match, or -1",
        ),
    ],
    with_item,
)
simple(
    G,
    "remove_all delete_value drop_item",
    "XS, KK",
    "a new list with all items of XS except those that are equal to KK",
    [
        (
            "RR = []|for X in XS:|>if X != KK:|>>RR.append(X)|return RR",
            "appends every X that differs from KK, and returns RR",
        ),
        ("return [X for X in XS if X != KK]", "keeps each X with X != KK, and returns the list"),
    ],
    with_item,
)
simple(
    G,
    "swap_value replace_item exchange_value",
    "XS, KK",
    "a copy of the list XS in which every item equal to KK is replaced by NV",
    [
        (
            "RR = []|for X in XS:|>if X == KK:|>>RR.append(NV)|>else:|>>RR.append(X)|return RR",
            "appends NV for each match and X otherwise, and returns RR",
        ),
        (
            "RR = list(XS)|for II in range(len(RR)):|>if RR[II] == KK:|>>RR[II] = NV|return RR",
            "copies XS to RR, changes the matching places to NV, and returns RR",
        ),
    ],
    with_item,
    {"NV": [0, 1, -1, 99]},
)
simple(
    G,
    "chunks groups_of parts",
    "XS, MM",
    "a list of slices of XS with MM items each, where the last slice may be shorter",
    [
        (
            "RR = []|for II in range(0, len(XS), MM):|>RR.append(XS[II:II + MM])|return RR",
            "cuts XS at every MM items, appends each slice, and returns RR",
        ),
        (
            "RR = []|while len(XS) > 0:|>RR.append(XS[:MM])|>XS = XS[MM:]|return RR",
            "takes the first MM items until XS is empty, and returns the slices in RR",
        ),
    ],
    with_size,
)
simple(
    G,
    "last_items tail final_items",
    "XS, MM",
    "a list of the last MM items of XS, or all items if XS is shorter",
    [
        (
            "if MM > len(XS):|>return XS|return XS[len(XS) - MM:]",
            "returns XS when it is too short, and otherwise cuts it, and returns the slice at the end",
        ),
        (
            "RR = []|for II in range(len(XS)):|>if II >= len(XS) - MM:|>>RR.append(XS[II])|return RR",
            "appends the items with index at least len(XS) - MM, and returns RR",
        ),
    ],
    with_size,
)
simple(
    G,
    "peaks count_peaks local_maximums",
    "XS",
    "how many numbers in the list XS are greater than both of their neighbours",
    [
        (
            "CC = 0|for II in range(1, len(XS) - 1):|>if XS[II] > XS[II - 1] and XS[II] > XS[II + 1]:|>>CC += 1|return CC",
            "compares each inner item with both neighbours, counts the peaks, and returns CC",
        )
    ]
    * 2,
    plain,
)
simple(
    G,
    "longest_rise rising_run best_streak",
    "XS",
    "the length of the longest part of XS in which every number is greater than the one before, or 0 for an empty list",
    [
        (
            "if len(XS) == 0:|>return 0|BB = 1|CC = 1|for II in range(1, len(XS)):|>if XS[II] > XS[II - 1]:|>>CC += 1|>else:|>>CC = 1|>BB = max(BB, CC)|return BB",
            "counts the current run in CC and the longest in BB, and returns BB",
        )
    ]
    * 2,
    plain,
)
simple(
    G,
    "highest_so_far running_best record_list",
    "XS",
    "a list that holds at each index the largest number of XS up to that index",
    [
        (
            "RR = []|for X in XS:|>if RR == [] or X > RR[-1]:|>>RR.append(X)|>else:|>>RR.append(RR[-1])|return RR",
            "appends X when it is a new record and the old record otherwise, and returns RR",
        ),
        (
            "RR = []|for II in range(len(XS)):|>RR.append(max(XS[:II + 1]))|return RR",
            "appends the maximum of XS[:II + 1] for each index, and returns RR",
        ),
    ],
    plain,
)
OPS = [
    ("squares", "X ** 2", "squares square_all"),
    ("absolute values", "abs(X)", "absolute_values sizes_of"),
    ("doubles", "X * 2", "doubles twice_each"),
    ("remainders after division by 3", "X % 3", "remainders mod_three"),
    ("values increased by 5", "X + 5", "add_five plus_five"),
    ("values reduced by 1", "X - 1", "minus_one less_one"),
]
for words, code, titles in OPS:
    simple(
        G,
        titles,
        "XS",
        f"a list of the {words} of all numbers in the list XS, in the same order",
        [
            (
                f"RR = []|for X in XS:|>RR.append({code})|return RR",
                f"appends {code} for every X, and returns RR",
            ),
            (
                f"return [{code} for X in XS]",
                f"computes {code} for every X in a comprehension, and returns the list",
            ),
        ],
        plain,
        weight=0.4,
    )
    simple(
        G,
        " ".join("sum_" + t for t in titles.split()),
        "XS",
        f"the sum of the {words} of all numbers in the list XS, and 0 for an empty list",
        [
            (
                f"TT = 0|for X in XS:|>TT += {code}|return TT",
                f"adds {code} for every X to TT, and returns TT",
            ),
            (
                f"return sum([{code} for X in XS])",
                f"builds the list of {code} for all items, and returns its sum",
            ),
        ],
        plain,
        weight=0.5,
    )
