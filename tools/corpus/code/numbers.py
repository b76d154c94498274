"""Families over whole numbers: divisors, digits, multiples, steps and formulas."""

import random

from tools.corpus.code.inputs import ints
from tools.corpus.code.model import simple


def one(low: int, high: int, points: list[int] | None = None):
    """Tests with one whole number."""
    return lambda rng, p: [(v,) for v in ints(rng, low, high, 9, points)]


def two(low: int, high: int, low2: int = 1, high2: int = 9):
    """Tests with two whole numbers."""

    def cases(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
        out = [(a, rng.randint(low2, high2)) for a in ints(rng, low, high, 12)]
        return [*out, (high2, high2), (low2, high2)]

    return cases


G = "numbers"
simple(
    G,
    "count_divisors divisor_count how_many_divisors",
    "NN",
    [
        "how many divisors the positive whole number NN has, counting 1 and NN",
        "the number of divisors of the positive integer NN, including 1 and NN itself",
    ],
    [
        (
            "CC = 0|for II in range(1, NN + 1):|>if NN % II == 0:|>>CC += 1|return CC",
            "tests every II from 1 to NN, counts those that divide NN, and returns CC",
        ),
        (
            "return len([II for II in range(1, NN + 1) if NN % II == 0])",
            "collects all divisors of NN with a comprehension, and returns how many there are",
        ),
        (
            "CC = 0|II = 1|while II <= NN:|>if NN % II == 0:|>>CC += 1|>II += 1|return CC",
            "lets II run from 1 to NN in a while loop, counts the divisors in CC, and returns CC",
        ),
    ],
    one(1, 36),
)
simple(
    G,
    "sum_divisors divisor_sum add_divisors",
    "NN",
    "the sum of all divisors of the positive whole number NN, including 1 and NN itself",
    [
        (
            "TT = 0|for II in range(1, NN + 1):|>if NN % II == 0:|>>TT += II|return TT",
            "tests every II from 1 to NN, adds the divisors to TT, and returns TT",
        ),
        (
            "return sum([II for II in range(1, NN + 1) if NN % II == 0])",
            "builds the list of the divisors of NN, and returns its sum",
        ),
    ],
    one(1, 30),
)
simple(
    G,
    "divisors list_divisors get_divisors all_divisors",
    "NN",
    [
        "a list of all divisors of the positive whole number NN in increasing order",
        "the list of all numbers from 1 to NN that divide NN without a remainder",
    ],
    [
        (
            "RR = []|for II in range(1, NN + 1):|>if NN % II == 0:|>>RR.append(II)|return RR",
            "tries every II from 1 to NN, appends the divisors to RR, and returns RR",
        ),
        (
            "return [II for II in range(1, NN + 1) if NN % II == 0]",
            "builds the list of every II that divides NN, and returns it",
        ),
    ],
    one(1, 24),
)
simple(
    G,
    "largest_divisor greatest_proper_divisor biggest_divisor",
    "NN",
    "the largest divisor of NN that is smaller than NN itself, where NN is at least 2",
    [
        (
            "BB = 1|for II in range(1, NN):|>if NN % II == 0:|>>BB = II|return BB",
            "keeps the latest divisor below NN in BB, and returns BB after the loop",
        ),
        (
            "II = NN - 1|while NN % II != 0:|>II -= 1|return II",
            "counts II down from NN - 1 until it divides NN, and returns II",
        ),
    ],
    one(2, 40),
)
simple(
    G,
    "smallest_divisor first_divisor lowest_factor",
    "NN",
    "the smallest divisor of NN that is greater than 1, where NN is at least 2",
    [
        (
            "II = 2|while NN % II != 0:|>II += 1|return II",
            "raises II from 2 until it divides NN, and returns II",
        ),
        (
            "for II in range(2, NN + 1):|>if NN % II == 0:|>>return II",
            "tries II from 2 upwards, and returns the first II that divides NN",
        ),
    ],
    one(2, 40),
)
simple(
    G,
    "digit_product multiply_digits product_of_digits",
    "NN",
    "the product of the digits of the positive whole number NN",
    [
        (
            "PP = 1|for CH in str(NN):|>PP *= int(CH)|return PP",
            "turns NN into text, multiplies PP by every digit, and returns PP",
        ),
        (
            "PP = 1|while NN > 0:|>PP *= NN % 10|>NN = NN // 10|return PP",
            "takes the last digit with NN % 10, multiplies PP by it, and returns PP",
        ),
    ],
    one(1, 999),
)
simple(
    G,
    "digit_count number_of_digits how_many_digits",
    "NN",
    [
        "how many digits the positive whole number NN has",
        "the number of decimal digits of the positive integer NN",
    ],
    [
        ("return len(str(NN))", "converts NN to text, and returns the length of that text"),
        (
            "CC = 0|while NN > 0:|>CC += 1|>NN = NN // 10|return CC",
            "divides NN by 10 until nothing is left, counts the steps, and returns CC",
        ),
    ],
    one(1, 5000, [10, 100]),
)
simple(
    G,
    "largest_digit max_digit biggest_digit",
    "NN",
    "the largest digit that occurs in the positive whole number NN",
    [
        (
            "BB = 0|while NN > 0:|>if NN % 10 > BB:|>>BB = NN % 10|>NN = NN // 10|return BB",
            "compares each last digit of NN with BB, and returns BB as the largest",
        ),
        (
            "BB = 0|for CH in str(NN):|>if int(CH) > BB:|>>BB = int(CH)|return BB",
            "loops over the digits of NN, keeps the largest in BB, and returns BB",
        ),
    ],
    one(1, 990),
)
simple(
    G,
    "count__DG__digits times__DG__occurs digit__DG__count",
    "NN",
    "how often the digit DG occurs in the positive whole number NN",
    [
        (
            "CC = 0|while NN > 0:|>if NN % 10 == DG:|>>CC += 1|>NN = NN // 10|return CC",
            "looks at each last digit of NN, counts those equal to DG, and returns CC",
        ),
        (
            "CC = 0|for CH in str(NN):|>if CH == 'DG':|>>CC += 1|return CC".replace("'DG'", "str(DG)"),
            "loops over the digits of NN as text, counts DG, and returns CC",
        ),
    ],
    lambda rng, p: [
        (v,)
        for v in (
            int(p["DG"]) * 11,
            int(p["DG"]),
            3,
            int("1" + p["DG"] + "2"),
            40,
            int(p["DG"] * 3),
            777,
            rng.randint(100, 9999),
        )
    ],
    {"DG": [1, 2, 3, 4, 5, 6, 7, 8, 9]},
)
simple(
    G,
    "first_digit leading_digit front_digit",
    "NN",
    "the first digit of the positive whole number NN as a number",
    [
        (
            "while NN >= 10:|>NN = NN // 10|return NN",
            "divides NN by 10 until one digit is left, and returns that digit",
        ),
        (
            "return int(str(NN)[0])",
            "takes the first character of the number as text, and returns it as a number",
        ),
    ],
    one(1, 4000, [10, 100]),
)
simple(
    G,
    "sum_multiples total_multiples add_multiples",
    "NN",
    "the sum of all multiples of DV from 1 up to and including NN, or 0 if there are none",
    [
        (
            "TT = 0|for II in range(1, NN + 1):|>if II % DV == 0:|>>TT += II|return TT",
            "checks every II from 1 to NN, adds the multiples of DV to TT, and returns TT",
        ),
        (
            "TT = 0|for II in range(DV, NN + 1, DV):|>TT += II|return TT",
            "steps from DV to NN in steps of DV, adds each II to TT, and returns TT",
        ),
    ],
    lambda rng, p: [(v,) for v in ints(rng, 0, 40, 6, [int(p["DV"]), 2 * int(p["DV"])])],
    {"DV": [3, 4, 5, 6, 7, 8, 9, 10]},
)
simple(
    G,
    "count_multiples multiples_up_to how_many_multiples",
    "NN, MM",
    "how many multiples of MM there are from 1 up to and including NN",
    [
        (
            "CC = 0|for II in range(1, NN + 1):|>if II % MM == 0:|>>CC += 1|return CC",
            "tests every II from 1 to NN, counts the multiples of MM, and returns CC",
        ),
        ("return NN // MM", "divides NN by MM without a remainder, and returns the quotient"),
    ],
    two(0, 30),
)
simple(
    G,
    "sum_squares total_of_squares add_squares",
    "NN",
    "the sum of the squares of the whole numbers from 1 to NN, or 0 if NN is 0",
    [
        (
            "TT = 0|for II in range(1, NN + 1):|>TT += II ** 2|return TT",
            "adds II ** 2 to TT for every II from 1 to NN, and returns TT",
        ),
        (
            "TT = 0|II = 1|while II <= NN:|>TT += II * II|>II += 1|return TT",
            "adds II * II to TT while II is at most NN, and returns TT",
        ),
    ],
    one(0, 10),
)
simple(
    G,
    "sum_cubes total_of_cubes add_cubes",
    "NN",
    "the sum of the cubes of the whole numbers from 1 to NN, and 0 when NN is 0",
    [
        (
            "TT = 0|for II in range(1, NN + 1):|>TT += II ** 3|return TT",
            "adds the cube of every II from 1 to NN to TT, and returns TT",
        ),
        (
            "return sum([II ** 3 for II in range(1, NN + 1)])",
            "builds the list of cubes from 1 to NN, and returns its sum",
        ),
    ],
    one(0, 7),
)
simple(
    G,
    "countdown count_down down_from",
    "NN",
    "a list of the whole numbers from NN down to 1, which is empty when NN is 0",
    [
        (
            "RR = []|while NN > 0:|>RR.append(NN)|>NN -= 1|return RR",
            "appends NN and lowers it by 1 until it is 0, and returns RR",
        ),
        (
            "RR = []|for II in range(NN, 0, -1):|>RR.append(II)|return RR",
            "counts down from NN with a step of -1, appends each II, and returns RR",
        ),
    ],
    one(0, 8),
)
simple(
    G,
    "odd_numbers_to odds_up_to list_odds",
    "NN",
    "a list of all odd numbers from 1 up to and including NN",
    [
        (
            "RR = []|for II in range(1, NN + 1):|>if II % 2 == 1:|>>RR.append(II)|return RR",
            "checks every II from 1 to NN, appends the odd ones to RR, and returns RR",
        ),
        (
            "return list(range(1, NN + 1, 2))",
            "makes a range from 1 to NN with step 2, and returns it as a list",
        ),
    ],
    one(0, 14),
)
simple(
    G,
    "is_square square_number perfect_square",
    "NN",
    "True if the whole number NN is the square of a whole number, and False otherwise",
    [
        (
            "II = 0|while II * II < NN:|>II += 1|return II * II == NN",
            "raises II until its square reaches NN, and returns whether it equals NN",
        ),
        (
            "for II in range(NN + 1):|>if II * II == NN:|>>return True|return False",
            "tries every II from 0 to NN, and returns True when II * II equals NN, else False",
        ),
    ],
    one(0, 50, [4, 9, 16, 25]),
)
simple(
    G,
    "integer_root whole_root floor_root",
    "NN",
    "the largest whole number whose square is not greater than NN",
    [
        (
            "II = 0|while (II + 1) * (II + 1) <= NN:|>II += 1|return II",
            "raises II while the next square still fits into NN, and returns II",
        ),
        (
            "BB = 0|for II in range(NN + 1):|>if II * II <= NN:|>>BB = II|return BB",
            "remembers in BB the last II whose square is at most NN, and returns BB",
        ),
    ],
    one(0, 40, [4, 9, 16, 25]),
)
simple(
    G,
    "halvings count_halvings times_halved",
    "NN",
    "how often the positive whole number NN can be halved, without remainder, before it becomes odd",
    [
        (
            "CC = 0|while NN % 2 == 0:|>CC += 1|>NN = NN // 2|return CC",
            "halves NN while it is even, counts the steps in CC, and returns CC",
        )
    ]
    * 2,
    one(1, 48, [8, 16]),
)
simple(
    G,
    "lcm least_common_multiple smallest_common_multiple",
    "NN, MM",
    "the smallest positive number that both NN and MM divide without a remainder",
    [
        (
            "II = NN|while II % MM != 0:|>II += NN|return II",
            "goes through the multiples of NN until MM divides one, and returns it",
        ),
        (
            "II = 1|while II % NN != 0 or II % MM != 0:|>II += 1|return II",
            "raises II from 1 until both numbers divide it, and returns II",
        ),
    ],
    two(1, 12, 1, 10),
)
simple(
    G,
    "next_multiple round_up_to next_step",
    "NN, MM",
    "the smallest multiple of MM that is at least as large as NN",
    [
        ("while NN % MM != 0:|>NN += 1|return NN", "raises NN by 1 until MM divides it, and returns NN"),
        (
            "if NN % MM == 0:|>return NN|return NN - NN % MM + MM",
            "returns NN itself when MM divides it, and otherwise goes to the next multiple, and returns that",
        ),
    ],
    two(0, 30, 2, 9),
)
simple(
    G,
    "days_to_reach weeks_until months_to_save",
    "NN, MM",
    "how many times MM must be added to 0 until the total is at least NN",
    [
        (
            "CC = 0|TT = 0|while TT < NN:|>TT += MM|>CC += 1|return CC",
            "adds MM to TT until TT reaches NN, counts the additions in CC, and returns CC",
        ),
        (
            "if NN % MM == 0:|>return NN // MM|return NN // MM + 1",
            "divides NN by MM, adds 1 when there is a remainder, and returns the number",
        ),
    ],
    two(0, 30, 1, 9),
)
simple(
    G,
    "doublings double_until years_to_double",
    "NN, MM",
    "how often NN must be doubled until it is larger than MM, where NN is positive",
    [
        (
            "CC = 0|while NN <= MM:|>NN = NN * 2|>CC += 1|return CC",
            "doubles NN while it is at most MM, counts the rounds in CC, and returns CC",
        ),
        (
            "CC = 0|X = NN|while X <= MM:|>X += X|>CC = CC + 1|return CC",
            "keeps doubling a copy X of NN, counts the steps in CC, and returns CC",
        ),
    ],
    two(1, 12, 1, 60),
)
simple(
    G,
    "alternating_sum plus_minus_sum zigzag_sum",
    "NN",
    "the value of 1 - 2 + 3 - 4 and so on up to NN, or 0 if NN is 0",
    [
        (
            "TT = 0|for II in range(1, NN + 1):|>if II % 2 == 1:|>>TT += II|>else:|>>TT -= II|return TT",
            "adds odd II to TT and subtracts even ones, and returns TT",
        ),
        (
            "TT = 0|FF = 1|for II in range(1, NN + 1):|>TT += FF * II|>FF = -FF|return TT",
            "adds II with a sign that flips in each round, and returns TT",
        ),
    ],
    one(0, 11),
)
