"""Families over lists of words without a random condition."""

import random

from tools.corpus.code.inputs import wordlists
from tools.corpus.code.model import simple

G = "wordmaps"


def plain(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Any lists of words."""
    return [(w,) for w in wordlists(rng)]


def filled(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Lists with at least one word."""
    return [(w,) for w in wordlists(rng, empty=False)]


MAPS = [
    ("lengths", "len(W)", "word_lengths lengths sizes_of_words"),
    ("first letters", "W[0]", "first_letters initials_list starts"),
    ("last letters", "W[-1]", "last_letters endings final_letters"),
    ("reversed forms", "W[::-1]", "mirror_each mirror_words flip_each"),
    ("versions in capitals", "W.upper()", "capital_words all_upper shout"),
    ("versions in small letters", "W.lower()", "small_words all_lower calm"),
]
for text, code, titles in MAPS:
    simple(
        G,
        titles,
        "WW",
        f"a list of the {text} of all words in the list WW, in the same order",
        [
            (
                f"RR = []|for W in WW:|>RR.append({code})|return RR",
                f"appends {code} for every word, and returns RR",
            ),
            (
                f"return [{code} for W in WW]",
                f"computes {code} for every word in a comprehension, and returns the list",
            ),
            (
                f"RR = []|for II in range(len(WW)):|>W = WW[II]|>RR.append({code})|return RR",
                f"visits every index of WW, appends {code}, and returns RR",
            ),
        ],
        plain,
        weight=0.5,
    )
simple(
    G,
    "length_table length_map sizes_dict",
    "WW",
    "a dictionary that maps every word in the list WW to its number of letters",
    [
        (
            "RR = {}|for W in WW:|>RR[W] = len(W)|return RR",
            "stores len(W) under every W in RR, and returns RR",
        ),
        (
            "return {W: len(W) for W in WW}",
            "maps each W to len(W) in a comprehension, and returns the dictionary",
        ),
    ],
    plain,
)
simple(
    G,
    "shortest_word briefest least_letters",
    "WW",
    "the shortest word in the non-empty list WW, the first one in case of a tie",
    [
        (
            "BB = WW[0]|for W in WW:|>if len(W) < len(BB):|>>BB = W|return BB",
            "compares each word with BB, keeps the shorter one, and returns BB",
        ),
        (
            "BB = None|for W in WW:|>if BB is None or len(W) < len(BB):|>>BB = W|return BB",
            "keeps the shortest word so far in BB, and returns BB",
        ),
    ],
    filled,
)
simple(
    G,
    "group_by_first by_initial index_words",
    "WW",
    "a dictionary that maps each first letter to the list of the words in WW with that letter",
    [
        (
            "RR = {}|for W in WW:|>if W[0] not in RR:|>>RR[W[0]] = []|>RR[W[0]].append(W)|return RR",
            "creates a list for each new first letter, appends W to it, and returns RR",
        ),
        (
            "RR = {}|for W in WW:|>KEY = W[0]|>RR[KEY] = RR.get(KEY, []) + [W]|return RR",
            "extends the list under the first letter KEY by W, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "count_by_length length_counts how_many_per_length",
    "WW",
    "a dictionary that maps each length to the number of words in WW with that length",
    [
        (
            "RR = {}|for W in WW:|>KEY = len(W)|>RR[KEY] = RR.get(KEY, 0) + 1|return RR",
            "increases the count under len(W) with get, and returns RR",
        ),
        (
            "RR = {}|for W in WW:|>if len(W) in RR:|>>RR[len(W)] += 1|>else:|>>RR[len(W)] = 1|return RR",
            "adds 1 to a known length or starts it at 1, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "numbered number_words with_numbers",
    "WW",
    "a list of strings like '1. cat' that number the words of WW from 1 on",
    [
        (
            "RR = []|for II in range(len(WW)):|>RR.append(str(II + 1) + '. ' + WW[II])|return RR",
            "joins the number II + 1 and each word, and returns the strings in RR",
        ),
        (
            "RR = []|CC = 1|for W in WW:|>RR.append(str(CC) + '. ' + W)|>CC += 1|return RR",
            "counts in CC from 1, puts the number before each word, and returns RR",
        ),
    ],
    plain,
)
simple(
    G,
    "list_text sentence_list join_with_and",
    "WW",
    "the words of the non-empty list WW as text, with ', ' between them and ' and ' before the last",
    [
        (
            "if len(WW) == 1:|>return WW[0]|return ', '.join(WW[:-1]) + ' and ' + WW[-1]",
            "handles a single word first, joins the others, and returns the text with and before the last",
        ),
        (
            "RR = WW[0]|for II in range(1, len(WW)):|>if II == len(WW) - 1:|>>RR += ' and '|>else:|>>RR += ', '|>RR += WW[II]|return RR",
            "starts with the first word, adds the right separator before each other word, and returns RR",
        ),
    ],
    filled,
)
