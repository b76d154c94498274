"""Families over decisions: prices, limits, comparisons and booleans."""

import itertools
import random

from tools.corpus.code.inputs import ints
from tools.corpus.code.model import Task, make, register, simple

G = "flow"
BOOLS = [(a, b, c) for a, b, c in itertools.product([True, False], repeat=3)]


def nums(count: int, low: int = -9, high: int = 12):
    """Tests with several whole numbers, equal ones among them."""

    def cases(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
        out = [tuple(rng.randint(low, high) for _ in range(count)) for _ in range(14)]
        return [*out, (3,) * count, tuple(range(2, 2 + count)), tuple(range(7, 7 - count, -1))]

    return cases


TIERS = [
    ("ticket_price entry_fee fare", "age", "the ticket price"),
    ("shipping postage delivery_fee", "weight", "the shipping price"),
    ("parking_fee parking_cost", "hours", "the parking fee"),
    ("discount rebate price_cut", "amount", "the discount in percent"),
    ("bonus points_for extra_points", "score", "the number of bonus points"),
    ("rent rent_cost hire_price", "days", "the rent"),
    ("tax duty tax_rate", "income", "the tax rate in percent"),
]


@register(G, 5.0)
def tiers(rng: random.Random) -> Task:
    """A value that depends on two limits."""
    names, arg, what = rng.choice(TIERS)
    a = rng.randint(2, 15)
    b = a + rng.randint(3, 30)
    x, y, z = rng.sample(range(0, 41), 3)
    strict = rng.random() < 0.5
    op, back = ("<", ">=") if strict else ("<=", ">")
    word = "below" if strict else "up to"
    goal = f"{what}: {x} for {arg} {word} {a}, {y} for {arg} {word} {b}, and {z} for anything higher"
    goals = [goal if not strict else goal.replace("anything higher", f"{b} or more")]
    goods = [
        (
            f"if {arg} {op} {a}:|>return {x}|elif {arg} {op} {b}:|>return {y}|else:|>return {z}",
            f"tests both limits in order with if and elif, and returns {x}, {y} or {z}",
        ),
        (
            f"if {arg} {op} {a}:|>return {x}|if {arg} {op} {b}:|>return {y}|return {z}",
            f"leaves early when {arg} is {word} {a} or {b}, and returns {z} otherwise",
        ),
        (
            f"RR = {z}|if {arg} {op} {a}:|>RR = {x}|elif {arg} {op} {b}:|>RR = {y}|return RR",
            f"sets RR to {z}, changes it for the lower limits, and returns RR",
        ),
        (
            f"if {arg} {back} {b}:|>return {z}|if {arg} {back} {a}:|>return {y}|return {x}",
            f"begins with the highest values of {arg}, and returns {z}, {y} or {x}",
        ),
    ]
    return make(rng, names, arg, goals, [(v,) for v in ints(rng, 0, b + 10, 4, [a, b])], goods)


@register(G, 3.0)
def labels(rng: random.Random) -> Task:
    """A word that depends on two limits."""
    names, arg, words = rng.choice(
        [
            ("describe_weather weather_word", "degrees", ["cold", "mild", "hot"]),
            ("size_label shirt_size", "width", ["small", "medium", "large"]),
            ("speed_word pace", "speed", ["slow", "normal", "fast"]),
            ("age_group life_stage", "age", ["child", "adult", "senior"]),
            ("load_level usage", "load", ["low", "medium", "high"]),
            ("depth_word water_level", "depth", ["shallow", "middle", "deep"]),
        ]
    )
    a = rng.randint(3, 20)
    b = a + rng.randint(3, 40)
    p, q, r = words
    goals = [f"'{p}' if {arg} is less than {a}, '{q}' if it is less than {b}, and '{r}' otherwise"]
    goods = [
        (
            f"if {arg} < {a}:|>return '{p}'|elif {arg} < {b}:|>return '{q}'|return '{r}'",
            f"compares {arg} with {a} and {b} in turn, and returns the matching word",
        ),
        (
            f"if {arg} >= {b}:|>return '{r}'|if {arg} >= {a}:|>return '{q}'|return '{p}'",
            f"tests the upper limit {b} first and then {a}, and returns the word",
        ),
        (
            f"RR = '{r}'|if {arg} < {a}:|>RR = '{p}'|elif {arg} < {b}:|>RR = '{q}'|return RR",
            "sets RR to the last word, replaces it for lower values, and returns RR",
        ),
    ]
    return make(rng, names, arg, goals, [(v,) for v in ints(rng, 0, b + 10, 4, [a, b])], goods)


@register(G, 3.0)
def may(rng: random.Random) -> Task:
    """A permission that depends on a number and a boolean."""
    names, num, flag = rng.choice(
        [
            ("can_ride may_ride", "height", "with_adult"),
            ("can_enter allowed_in", "age", "has_ticket"),
            ("gets_discount cheaper", "age", "is_member"),
            ("can_borrow may_borrow", "books", "has_card"),
            ("free_delivery ships_free", "total", "is_member"),
            ("passes_course passed", "points", "did_project"),
        ]
    )
    k = rng.randint(5, 60)
    word, text = rng.choice([("and", "and"), ("or", "or")])
    op, say = rng.choice([(">=", f"at least {k}"), (">", f"more than {k}")])
    goals = [f"True if {num} is {say} {text} {flag} is True, and False otherwise"]
    if word == "and":
        other = (
            f"if not {flag}:|>return False|return {num} {op} {k}",
            f"returns False without {flag}, and otherwise returns whether {num} {op} {k}",
        )
    else:
        other = (
            f"if {flag}:|>return True|return {num} {op} {k}",
            f"returns True when {flag} holds, and otherwise returns whether {num} {op} {k}",
        )
    goods = [
        (
            f"return {num} {op} {k} {word} {flag}",
            f"joins the test {num} {op} {k} and {flag} with {word}, and returns the result",
        ),
        other,
        (
            f"if {num} {op} {k} {word} {flag}:|>return True|else:|>return False",
            f"tests {num} {op} {k} {word} {flag}, and returns True or False accordingly",
        ),
    ]
    return make(
        rng,
        names,
        f"{num}, {flag}",
        goals,
        [(v, f) for v in (k - 5, k - 1, k, k + 1, k + 9) for f in (True, False)],
        goods,
    )


simple(
    G,
    "sign sign_of direction",
    "NN",
    "1 if NN is positive, -1 if NN is negative, and 0 if it is zero",
    [
        (
            "if NN > 0:|>return 1|elif NN < 0:|>return -1|return 0",
            "tests NN > 0 and then NN < 0, and returns 1, -1 or 0",
        ),
        (
            "if NN == 0:|>return 0|if NN < 0:|>return -1|return 1",
            "handles zero and negative numbers first, and returns 1 for the rest",
        ),
    ],
    nums(1),
)
simple(
    G,
    "distance difference gap_between",
    "AA, BX",
    "the distance between the numbers AA and BX, which is never negative",
    [
        ("return abs(AA - BX)", "takes the absolute value of AA - BX, and returns it"),
        (
            "if AA > BX:|>return AA - BX|return BX - AA",
            "subtracts the smaller number from the larger one, and returns the result",
        ),
    ],
    nums(2),
)
simple(
    G,
    "middle_of_three middle median_of_three",
    "AA, BX, CCX",
    "the middle one of the three numbers AA, BX and CCX when they are put in order",
    [
        (
            "RR = sorted([AA, BX, CCX])|return RR[1]",
            "sorts the three numbers, and returns the one at index 1",
        ),
        (
            "return AA + BX + CCX - max(AA, BX, CCX) - min(AA, BX, CCX)",
            "subtracts the largest and the smallest from the sum, and returns the rest",
        ),
    ],
    nums(3),
)
simple(
    G,
    "smallest_of_three least_of min_of_three",
    "AA, BX, CCX",
    "the smallest of the three numbers AA, BX and CCX, without changing them",
    [
        (
            "BB = AA|if BX < BB:|>BB = BX|if CCX < BB:|>BB = CCX|return BB",
            "starts with AA, replaces BB by smaller numbers, and returns BB",
        ),
        (
            "if AA <= BX and AA <= CCX:|>return AA|if BX <= CCX:|>return BX|return CCX",
            "tests AA against both others and then BX against CCX, and returns the smallest",
        ),
    ],
    nums(3),
)
simple(
    G,
    "exactly_one xor only_one",
    "AA, BX",
    "True if exactly one of the booleans AA and BX is True, and False otherwise",
    [
        ("return AA != BX", "compares both booleans, and returns whether they differ"),
        (
            "if AA and not BX:|>return True|if BX and not AA:|>return True|return False",
            "tests each boolean without the other, and returns True in both cases, else False",
        ),
    ],
    [(a, b) for a, b, c in BOOLS if c],
    weight=0.6,
)
simple(
    G,
    "majority most_true vote",
    "AA, BX, CCX",
    "True if at least two of the booleans AA, BX and CCX are True, and False otherwise",
    [
        (
            "CC = 0|for X in [AA, BX, CCX]:|>if X:|>>CC += 1|return CC >= 2",
            "counts the true values in CC, and returns whether CC is at least 2",
        ),
        (
            "return (AA and BX) or (AA and CCX) or (BX and CCX)",
            "tests all three pairs with and, joins them with or, and returns the result",
        ),
    ],
    BOOLS,
    weight=0.6,
)
simple(
    G,
    "same_parity both_even_or_odd parity_match",
    "AA, BX",
    "True if the whole numbers AA and BX are both even or both odd, and False otherwise",
    [
        ("return AA % 2 == BX % 2", "compares both remainders of division by 2, and returns the result"),
        (
            "if (AA + BX) % 2 == 0:|>return True|return False",
            "tests whether the sum is even, and returns True or False",
        ),
    ],
    nums(2),
)
simple(
    G,
    "all_different distinct three_distinct",
    "AA, BX, CCX",
    "True if the three numbers AA, BX and CCX are all different, and False otherwise",
    [
        (
            "return AA != BX and AA != CCX and BX != CCX",
            "compares all three pairs, and returns True only when they differ",
        ),
        (
            "if AA == BX or AA == CCX:|>return False|return BX != CCX",
            "returns False when AA has an equal, and otherwise returns whether BX and CCX differ",
        ),
    ],
    nums(3, 0, 3),
)
simple(
    G,
    "clock_text as_clock time_text",
    "NN",
    "the text 'H:MM' for NN minutes after midnight, with two digits for the minutes",
    [
        (
            "X = NN // 60|MM = NN % 60|if MM < 10:|>return str(X) + ':0' + str(MM)|return str(X) + ':' + str(MM)",
            "splits NN into X hours and MM minutes, and returns the text with a zero when needed",
        ),
        (
            "X = NN // 60|MM = NN % 60|return str(X) + ':' + str(MM).rjust(2, '0')",
            "splits NN with // and %, pads the minutes with rjust, and returns the text",
        ),
    ],
    lambda rng, p: [(v,) for v in ints(rng, 0, 1439, 6, [60, 600])],
)
simple(
    G,
    "to_seconds total_seconds seconds_in",
    "AA, BX",
    "the number of seconds in AA hours and BX minutes together",
    [
        (
            "return AA * 3600 + BX * 60",
            "multiplies the hours by 3600 and the minutes by 60, and returns the sum",
        ),
        ("TT = AA * 60 + BX|return TT * 60", "computes the minutes TT first, and returns them times 60"),
    ],
    nums(2, 0, 12),
)
