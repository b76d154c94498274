"""Families over dictionaries from names to whole numbers."""

import random

from tools.corpus.code.inputs import KEYS, numdicts
from tools.corpus.code.model import simple

G = "dicts"
CONDS = ["> 5", ">= 5", "< 10", "<= 10", "> 12", ">= 18", "< 4", "> 20", ">= 20", "> 0", "<= 8", ">= 3"]
SAY = {">": "greater than", ">=": "of at least", "<": "less than", "<=": "of at most"}


def cases(rng: random.Random, p: dict[str, str]) -> list[tuple]:
    """Dictionaries around the limit."""
    limit = int(p["LIM"].split()[1]) if "LIM" in p else 5
    return [(d,) for d in numdicts(rng, [limit])]


for sign, words in SAY.items():
    options = [c for c in CONDS if c.split()[0] == sign]
    for cond in options:
        text, slug = (
            f"{words} {cond.split()[1]}",
            f"{words.replace('of ', '').replace(' ', '_')}_{cond.split()[1]}",
        )
        param = {"LIM": [cond]}
        simple(
            G,
            f"keys_{slug} names_{slug} who_has_{slug}",
            "DD",
            f"a list of the keys of the dictionary DD whose values are {text.replace('of ', '')}",
            [
                (
                    "RR = []|for KEY in DD:|>if DD[KEY] LIM:|>>RR.append(KEY)|return RR",
                    "appends KEY to RR when DD[KEY] LIM, and returns RR",
                ),
                (
                    "return [KEY for KEY, VAL in DD.items() if VAL LIM]",
                    "goes over the pairs of DD, keeps each KEY with VAL LIM, and returns the list",
                ),
            ],
            cases,
            param,
            0.12,
        )
        simple(
            G,
            f"count_{slug} values_{slug}",
            "DD",
            f"how many values in the dictionary DD are {text.replace('of ', '')}",
            [
                (
                    "CC = 0|for KEY in DD:|>if DD[KEY] LIM:|>>CC += 1|return CC",
                    "counts in CC the keys with DD[KEY] LIM, and returns CC",
                ),
                (
                    "CC = 0|for VAL in DD.values():|>if VAL LIM:|>>CC += 1|return CC",
                    "loops over the values of DD, counts those with VAL LIM, and returns CC",
                ),
            ],
            cases,
            param,
            0.12,
        )
        simple(
            G,
            f"total_{slug} add_{slug}",
            "DD",
            f"the sum of all values in the dictionary DD that are {text.replace('of ', '')}",
            [
                (
                    "TT = 0|for VAL in DD.values():|>if VAL LIM:|>>TT += VAL|return TT",
                    "loops over the values, adds VAL to TT when VAL LIM, and returns TT",
                ),
                (
                    "TT = 0|for KEY in DD:|>if DD[KEY] LIM:|>>TT += DD[KEY]|return TT",
                    "loops over the keys, adds DD[KEY] to TT when it is LIM, and returns TT",
                ),
            ],
            cases,
            param,
            0.12,
        )
        simple(
            G,
            f"filter_{slug} part_{slug}",
            "DD",
            f"a new dictionary with only those pairs of DD whose value is {text.replace('of ', '')}",
            [
                (
                    "RR = {}|for KEY in DD:|>if DD[KEY] LIM:|>>RR[KEY] = DD[KEY]|return RR",
                    "copies the pairs with DD[KEY] LIM to RR, and returns RR",
                ),
                (
                    "return {KEY: VAL for KEY, VAL in DD.items() if VAL LIM}",
                    "uses a comprehension with the test VAL LIM, and returns the new dictionary",
                ),
            ],
            cases,
            param,
            0.12,
        )


def any_dicts(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Dictionaries alone."""
    return [(d,) for d in numdicts(rng)]


def full_dicts(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Dictionaries that are not empty."""
    return [(d,) for d in numdicts(rng, empty=False)]


def two_dicts(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Pairs of dictionaries that share some keys."""
    out: list[tuple] = [({}, {"tea": 2})]
    for first in numdicts(rng, empty=False):
        second = {k: rng.randint(1, 9) for k in rng.sample(list(first), rng.randint(0, len(first)))}
        out.append((first, {**second, rng.choice(KEYS): rng.randint(1, 9)} if rng.random() < 0.6 else second))
    return out


def with_key(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """A dictionary and a key that may be missing."""
    return [(d, rng.choice([*d, rng.choice(KEYS)])) for d in numdicts(rng)]


simple(
    G,
    "key_of_largest best_key top_name richest",
    "DD",
    "the key with the largest value in the non-empty dictionary DD, the first one in case of a tie",
    [
        (
            "BB = None|for KEY in DD:|>if BB is None or DD[KEY] > DD[BB]:|>>BB = KEY|return BB",
            "keeps in BB the key with the largest value so far, and returns BB",
        ),
        (
            "TT = max(DD.values())|for KEY in DD:|>if DD[KEY] == TT:|>>return KEY",
            "finds the largest value TT, and returns the first KEY that has it",
        ),
    ],
    full_dicts,
)
simple(
    G,
    "key_of_smallest cheapest lowest_key least",
    "DD",
    "the key with the smallest value in the non-empty dictionary DD, the first one in case of a tie",
    [
        (
            "BB = None|for KEY in DD:|>if BB is None or DD[KEY] < DD[BB]:|>>BB = KEY|return BB",
            "keeps in BB the key with the smallest value so far, and returns BB",
        ),
        (
            "TT = min(DD.values())|for KEY in DD:|>if DD[KEY] == TT:|>>return KEY",
            "finds the smallest value TT, and returns the first KEY that has it",
        ),
    ],
    full_dicts,
)
simple(
    G,
    "swap_pairs invert switch_keys",
    "DD",
    "a new dictionary in which the keys and the values of DD have changed places",
    [
        (
            "RR = {}|for KEY in DD:|>RR[DD[KEY]] = KEY|return RR",
            "stores every KEY under DD[KEY] in RR, and returns RR",
        ),
        (
            "return {VAL: KEY for KEY, VAL in DD.items()}",
            "maps every VAL to its KEY in a comprehension, and returns the dictionary",
        ),
    ],
    any_dicts,
)
simple(
    G,
    "merge_counts combine_totals add_dicts",
    "DD, D2",
    "a new dictionary with all keys of DD and D2, where the values of shared keys are added",
    [
        (
            "RR = dict(DD)|for KEY in D2:|>RR[KEY] = RR.get(KEY, 0) + D2[KEY]|return RR",
            "copies DD to RR, adds the values of D2 with get, and returns RR",
        ),
        (
            "RR = dict(DD)|for KEY in D2:|>if KEY in RR:|>>RR[KEY] += D2[KEY]|>else:|>>RR[KEY] = D2[KEY]|return RR",
            "copies DD, adds or stores the values of D2, and returns RR",
        ),
    ],
    two_dicts,
    weight=1.4,
)
simple(
    G,
    "missing_keys only_in_first not_shared",
    "DD, D2",
    "a list of the keys that are in the dictionary DD but not in D2",
    [
        (
            "RR = []|for KEY in DD:|>if KEY not in D2:|>>RR.append(KEY)|return RR",
            "appends every KEY that D2 lacks to RR, and returns RR",
        ),
        (
            "return [KEY for KEY in DD if KEY not in D2]",
            "keeps each KEY of DD that is not in D2, and returns the list",
        ),
    ],
    two_dicts,
)
simple(
    G,
    "total_bill order_cost price_of_order",
    "DD, D2",
    "the total of DD[KEY] times D2[KEY] over all keys of D2 that also occur in DD",
    [
        (
            "TT = 0|for KEY in D2:|>if KEY in DD:|>>TT += DD[KEY] * D2[KEY]|return TT",
            "multiplies both values for every shared KEY, adds them to TT, and returns TT",
        ),
        (
            "return sum([DD[KEY] * VAL for KEY, VAL in D2.items() if KEY in DD])",
            "multiplies the values of all shared keys, and returns their sum",
        ),
    ],
    two_dicts,
)
simple(
    G,
    "lookup value_or_zero get_amount find_value",
    "DD, KEY",
    "the value stored under KEY in the dictionary DD, or 0 if that key is missing",
    [
        (
            "if KEY in DD:|>return DD[KEY]|return 0",
            "returns DD[KEY] when the key exists, and returns 0 otherwise",
        ),
        ("return DD.get(KEY, 0)", "calls get with the default 0, and returns the value"),
        (
            "for X in DD:|>if X == KEY:|>>return DD[X]|return 0",
            "compares every key with KEY, and returns the value of the match, or 0",
        ),
    ],
    with_key,
)
simple(
    G,
    "raise_all increase_values add_to_all",
    "DD",
    "a new dictionary in which every value of DD is increased by AMT",
    [
        (
            "RR = {}|for KEY in DD:|>RR[KEY] = DD[KEY] + AMT|return RR",
            "stores DD[KEY] + AMT for every KEY in RR, and returns RR",
        ),
        (
            "return {KEY: VAL + AMT for KEY, VAL in DD.items()}",
            "adds AMT to every value in a comprehension, and returns the dictionary",
        ),
    ],
    any_dicts,
    {"AMT": [1, 2, 3, 5, 10]},
)
