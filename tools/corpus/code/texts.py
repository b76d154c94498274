"""Families over texts without a random condition: positions, halves, separators and comparisons."""

import random

from tools.corpus.code.inputs import texts
from tools.corpus.code.model import simple

G = "texts"


def plain(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Any texts."""
    return [(t,) for t in texts(rng)]


def filled(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Texts that are not empty."""
    return [(t,) for t in texts(rng, empty=False)]


def sized(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """A text and a small number."""
    return [(t, rng.randint(1, 4)) for t in texts(rng)]


PAIRS = [
    ("Hi", "hi"),
    ("moon", "moo"),
    ("tree", "try"),
    ("", "a"),
    ("cat", "cat"),
    ("cart", "card"),
    ("a", "b"),
    ("OK", "ok"),
    ("under", "until"),
    ("stone", "stop"),
    ("apple", "Apple"),
    ("bread", "bred"),
    ("salt", "salad"),
    ("x", ""),
    ("pen", "pan"),
    ("good", "food"),
]


def two(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Pairs of texts."""
    return rng.sample(PAIRS, 12)


simple(
    G,
    "same_ends equal_ends starts_as_it_ends",
    "SS",
    "True if the non-empty string SS begins and ends with the same character, and False otherwise",
    [
        ("return SS[0] == SS[-1]", "compares SS[0] with SS[-1], and returns the result"),
        (
            "if SS[0] == SS[len(SS) - 1]:|>return True|return False",
            "compares the first and the last character, and returns True or False",
        ),
    ],
    filled,
)
simple(
    G,
    "middle_char central_letter centre",
    "SS",
    "the character in the middle of the non-empty string SS, the right one of two if the length is even",
    [
        ("return SS[len(SS) // 2]", "takes the character at half of the length, and returns it"),
        (
            "II = len(SS) // 2|CH = SS[II]|return CH",
            "computes the middle index II, and returns the character CH at that place",
        ),
    ],
    filled,
)
simple(
    G,
    "without_ends trim_ends cut_edges",
    "SS",
    "the string SS without its first and its last character, or an empty string if SS is too short",
    [
        ("return SS[1:-1]", "takes the slice SS[1:-1], and returns it"),
        (
            "RR = ''|for II in range(1, len(SS) - 1):|>RR += SS[II]|return RR",
            "adds the characters from index 1 to the last but one, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "first_half left_half front_half",
    "SS",
    "the first half of the string SS, without the middle character if the length is odd",
    [
        ("return SS[:len(SS) // 2]", "cuts SS at half of its length, and returns the first part"),
        (
            "RR = ''|for II in range(len(SS) // 2):|>RR += SS[II]|return RR",
            "adds the characters of the first half to RR, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "every_other even_letters skip_letters",
    "SS",
    "a string of the characters at the even indexes 0, 2, 4 and so on of SS",
    [
        ("return SS[::2]", "takes a slice with step 2, and returns it"),
        (
            "RR = ''|for II in range(len(SS)):|>if II % 2 == 0:|>>RR += SS[II]|return RR",
            "adds SS[II] to RR when II is even, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "double_letters count_doubles twin_letters",
    "SS",
    "how many times a character in the string SS is equal to the character right before it",
    [
        (
            "CC = 0|for II in range(1, len(SS)):|>if SS[II] == SS[II - 1]:|>>CC += 1|return CC",
            "compares each character with the one before, counts equal pairs, and returns CC",
        ),
        (
            "CC = 0|for II in range(len(SS) - 1):|>if SS[II] == SS[II + 1]:|>>CC += 1|return CC",
            "compares each character with the next one, counts equal pairs, and returns CC",
        ),
    ],
    lambda rng, p: [*plain(rng, p), ("book",), ("aabb",), ("AAA",)],
)
simple(
    G,
    "hide_all_but mask_text last_visible",
    "SS, KK",
    "the string SS with all but its last KK characters replaced by '*'",
    [
        (
            "RR = ''|for II in range(len(SS)):|>if II < len(SS) - KK:|>>RR += '*'|>else:|>>RR += SS[II]|return RR",
            "adds '*' for every index below len(SS) - KK and the character otherwise, and returns RR",
        ),
        (
            "if len(SS) <= KK:|>return SS|return '*' * (len(SS) - KK) + SS[len(SS) - KK:]",
            "keeps short texts as they are, and otherwise returns stars followed by the end of SS",
        ),
    ],
    sized,
)
simple(
    G,
    "same_ignoring_case equal_text match_words",
    "SS, S2",
    "True if the strings SS and S2 are equal when capital and small letters are not distinguished, and False otherwise",
    [
        (
            "return SS.lower() == S2.lower()",
            "turns both strings into small letters, and returns whether they are equal",
        ),
        (
            "if SS.upper() == S2.upper():|>return True|return False",
            "compares both strings in capitals, and returns True or False",
        ),
    ],
    lambda rng, p: [*two(rng, p), ("Hi", "hI"), ("abc", "ABC")],
    weight=0.7,
)
simple(
    G,
    "common_prefix shared_start same_beginning",
    "SS, S2",
    "the longest string with which both SS and S2 begin, which may be empty",
    [
        (
            "RR = ''|for AA, BX in zip(SS, S2):|>if AA != BX:|>>break|>RR += AA|return RR",
            "adds equal characters until the first difference, and returns RR",
        ),
        (
            "II = 0|while II < len(SS) and II < len(S2) and SS[II] == S2[II]:|>II += 1|return SS[:II]",
            "raises II while the characters agree, and returns SS[:II]",
        ),
    ],
    two,
)
simple(
    G,
    "letters_different count_differences mismatches",
    "SS, S2",
    "at how many positions the strings SS and S2 differ, up to the end of the shorter one",
    [
        (
            "CC = 0|for AA, BX in zip(SS, S2):|>if AA != BX:|>>CC += 1|return CC",
            "walks over both strings, counts the unequal pairs, and returns CC",
        ),
        (
            "CC = 0|for II in range(min(len(SS), len(S2))):|>if SS[II] != S2[II]:|>>CC += 1|return CC",
            "compares up to the shorter length, counts the differences, and returns CC",
        ),
    ],
    two,
)
simple(
    G,
    "alternate_case zigzag_case wave",
    "SS",
    "the string SS with capitals at the even indexes and small letters at the odd ones",
    [
        (
            "RR = ''|for II in range(len(SS)):|>if II % 2 == 0:|>>RR += SS[II].upper()|>else:|>>RR += SS[II].lower()|return RR",
            "adds a capital at even II and a small letter at odd II, and returns RR",
        ),
        (
            "RR = ''|for II, CH in enumerate(SS):|>if II % 2 == 1:|>>RR += CH.lower()|>else:|>>RR += CH.upper()|return RR",
            "enumerates SS, chooses the case by the index, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "spread_letters add_dashes with_separator",
    "SS",
    "the string SS with a '-' between every two neighbouring characters",
    [
        ("return '-'.join(SS)", "joins the characters with '-', and returns the string"),
        (
            "RR = ''|for II in range(len(SS)):|>if II > 0:|>>RR += '-'|>RR += SS[II]|return RR",
            "adds '-' before each character except the first, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "swap_case flip_case other_case",
    "SS",
    "the string SS with all capital letters turned into small ones and all small letters into capitals",
    [
        (
            "RR = ''|for CH in SS:|>if CH.isupper():|>>RR += CH.lower()|>else:|>>RR += CH.upper()|return RR",
            "changes the case of every CH, adds it to RR, and returns RR",
        ),
        ("return SS.swapcase()", "calls swapcase on SS, and returns the new string"),
    ],
    plain,
)
simple(
    G,
    "digit_list digits_as_numbers numbers_in",
    "SS",
    "a list of the digits in the string SS as whole numbers, in the same order",
    [
        (
            "RR = []|for CH in SS:|>if CH.isdigit():|>>RR.append(int(CH))|return RR",
            "appends int(CH) for every digit, and returns RR",
        ),
        (
            "return [int(CH) for CH in SS if CH.isdigit()]",
            "converts each digit of SS in a comprehension, and returns the list",
        ),
    ],
    plain,
)
simple(
    G,
    "longest_streak longest_repeat best_run",
    "SS",
    "the length of the longest group of equal neighbouring characters in SS, or 0 for an empty string",
    [
        (
            "if SS == '':|>return 0|BB = 1|CC = 1|for II in range(1, len(SS)):|>if SS[II] == SS[II - 1]:|>>CC += 1|>else:|>>CC = 1|>BB = max(BB, CC)|return BB",
            "counts the current group in CC and the longest in BB, and returns BB",
        )
    ]
    * 2,
    lambda rng, p: [*plain(rng, p), ("aab",), ("AAA",), ("zz9",)],
)
simple(
    G,
    "underscore_name snake join_with_underscore",
    "SS",
    "the string SS in small letters with every space replaced by '_'",
    [
        (
            "return SS.lower().replace(' ', '_')",
            "makes SS small, replaces the spaces, and returns the string",
        ),
        (
            "RR = ''|for CH in SS:|>if CH == ' ':|>>RR += '_'|>else:|>>RR += CH.lower()|return RR",
            "adds '_' for a space and the small letter otherwise, and returns RR",
        ),
    ],
    plain,
)
