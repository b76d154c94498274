"""Predicates on numbers and characters: wording, condition, part of a function name and interesting points."""

import random
from dataclasses import dataclass, field

NOUNS = {
    "numbers": "numbers",
    "nums": "numbers",
    "values": "values",
    "scores": "scores",
    "prices": "prices",
    "ages": "ages",
    "temps": "temperatures",
    "readings": "readings",
    "heights": "heights",
    "points": "points",
    "data": "numbers",
    "amounts": "amounts",
    "lst": "numbers",
    "items": "numbers",
    "marks": "marks",
    "sizes": "sizes",
    "steps": "steps",
    "weights": "weights",
    "costs": "costs",
    "counts": "counts",
    "xs": "numbers",
    "levels": "levels",
    "distances": "distances",
}


@dataclass
class Pred:
    """A condition on X: plural and singular wording with {} for the noun, code, name part, points to test."""

    many: str
    one: str
    code: str
    slug: str
    points: list[int] = field(default_factory=list)
    arg: str = ""


def number_pred(rng: random.Random, even: bool = True) -> Pred:
    """A random predicate on whole numbers, with a constant or with an argument KK as its limit."""
    k = rng.choice([2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 50, 100])
    d = rng.choice([3, 4, 5, 6, 7, 9, 10])
    low = rng.randint(1, 12)
    high = low + rng.randint(3, 15)
    more = rng.choice(["greater than", "above", "larger than", "over"])
    less = rng.choice(["less than", "below", "smaller than", "under"])
    options = [
        Pred("positive {}", "positive {}", "X > 0", "positive", [0, 1]),
        Pred("negative {}", "negative {}", "X < 0", "negative", [0, -1]),
        Pred("odd {}", "odd {}", rng.choice(["X % 2 == 1", "X % 2 != 0"]), "odd", [1, 2, 3]),
        Pred("{} " + f"{more} {k}", "{} " + f"{more} {k}", f"X > {k}", f"over_{k}", [k]),
        Pred("{} " + f"{less} {k}", "{} " + f"{less} {k}", f"X < {k}", f"under_{k}", [k]),
        Pred("{} of at least " + str(k), "{} of at least " + str(k), f"X >= {k}", f"at_least_{k}", [k]),
        Pred("{} of at most " + str(k), "{} of at most " + str(k), f"X <= {k}", f"at_most_{k}", [k]),
        Pred(
            "{} divisible by " + str(d),
            "{} divisible by " + str(d),
            f"X % {d} == 0",
            f"div_by_{d}",
            [d, 2 * d],
        ),
        Pred(
            "{} not divisible by " + str(d),
            "{} not divisible by " + str(d),
            f"X % {d} != 0",
            f"not_div_by_{d}",
            [d, 2 * d],
        ),
        Pred(
            "{} from " + f"{low} to {high}",
            "{} from " + f"{low} to {high}",
            rng.choice([f"{low} <= X <= {high}", f"X >= {low} and X <= {high}"]),
            f"from_{low}_to_{high}",
            [low, high],
        ),
        Pred(
            "{} below " + f"{low} or above {high}",
            "{} below " + f"{low} or above {high}",
            f"X < {low} or X > {high}",
            "outside",
            [low, high],
        ),
        Pred("non-zero {}", "non-zero {}", "X != 0", "nonzero", [0]),
        Pred("positive odd {}", "positive odd {}", "X > 0 and X % 2 == 1", "positive_odd", [0, 1, -3]),
        Pred("{} " + f"{more} KK", "{} " + f"{more} KK", "X > KK", "above", [k], "KK"),
        Pred("{} " + f"{less} KK", "{} " + f"{less} KK", "X < KK", "below", [k], "KK"),
        Pred("{} of at least KK", "{} of at least KK", "X >= KK", "at_least", [k], "KK"),
        Pred("{} of at most KK", "{} of at most KK", "X <= KK", "at_most", [k], "KK"),
        Pred("{} different from KK", "{} different from KK", "X != KK", "other_than", [k], "KK"),
    ]
    if even:
        options.append(Pred("even {}", "even {}", rng.choice(["X % 2 == 0", "X % 2 != 1"]), "even", [1, 2, 4]))
        options.append(
            Pred("negative even {}", "negative even {}", "X < 0 and X % 2 == 0", "negative_even", [0, -2, 2])
        )
    return rng.choice(options)


def char_pred(rng: random.Random, vowel: bool = True) -> Pred:
    """A random predicate on characters."""
    a, b = rng.sample("aeotnislr", 2)
    options = [
        Pred("digits", "digit", "X.isdigit()", "digits"),
        Pred("capital letters", "capital letter", "X.isupper()", "capitals"),
        Pred("lower-case letters", "lower-case letter", "X.islower()", "lower"),
        Pred("letters", "letter", "X.isalpha()", "letters"),
        Pred("spaces", "space", "X == ' '", "spaces"),
        Pred("characters other than spaces", "character other than a space", "X != ' '", "non_spaces"),
        Pred(
            "characters that are not letters",
            "character that is not a letter",
            "not X.isalpha()",
            "non_letters",
        ),
        Pred("characters that are not digits", "character that is not a digit", "not X.isdigit()", "non_digits"),
        Pred("letters and digits", "letter or digit", "X.isalnum()", "alnum"),
        Pred(
            f"characters '{a}' or '{b}'",
            f"character '{a}' or '{b}'",
            f"X == '{a}' or X == '{b}'",
            f"{a}_or_{b}",
        ),
        Pred("punctuation marks '.', '!' and '?'", "punctuation mark '.', '!' or '?'", "X in '.!?'", "marks"),
    ]
    if vowel:
        options.append(Pred("lower-case vowels", "lower-case vowel", "X in 'aeiou'", "vowels"))
        options.append(
            Pred(
                "characters other than lower-case vowels",
                "character other than a lower-case vowel",
                "X not in 'aeiou'",
                "non_vowels",
            )
        )
    return rng.choice(options)


def word_pred(rng: random.Random) -> Pred:
    """A random predicate on words."""
    k = rng.choice([2, 3, 4, 5])
    a = rng.choice("abcetlonr")
    options = [
        Pred(
            f"words with more than {k} letters",
            f"word with more than {k} letters",
            f"len(X) > {k}",
            f"longer_than_{k}",
        ),
        Pred(
            f"words with at least {k} letters",
            f"word with at least {k} letters",
            f"len(X) >= {k}",
            f"min_{k}",
        ),
        Pred(
            f"words with fewer than {k} letters",
            f"word with fewer than {k} letters",
            f"len(X) < {k}",
            f"shorter_than_{k}",
        ),
        Pred(
            f"words with exactly {k} letters",
            f"word with exactly {k} letters",
            f"len(X) == {k}",
            f"length_{k}",
        ),
        Pred(
            f"words that start with '{a}'",
            f"word that starts with '{a}'",
            rng.choice([f"X[0] == '{a}'", f"X.startswith('{a}')"]),
            f"starting_{a}",
        ),
        Pred(
            f"words that end in '{a}'",
            f"word that ends in '{a}'",
            rng.choice([f"X[-1] == '{a}'", f"X.endswith('{a}')"]),
            f"ending_{a}",
        ),
        Pred(f"words that contain '{a}'", f"word that contains '{a}'", f"'{a}' in X", f"with_{a}"),
        Pred(
            f"words without the letter '{a}'",
            f"word without the letter '{a}'",
            f"'{a}' not in X",
            f"without_{a}",
        ),
        Pred(
            "words that begin with a capital",
            "word that begins with a capital",
            "X[0].isupper()",
            "capitalised",
        ),
        Pred("words of even length", "word of even length", "len(X) % 2 == 0", "even_length"),
        Pred("words of odd length", "word of odd length", "len(X) % 2 == 1", "odd_length"),
        Pred(
            "words with more than KK letters",
            "word with more than KK letters",
            "len(X) > KK",
            "longer",
            [k],
            "KK",
        ),
        Pred(
            "words with at most KK letters",
            "word with at most KK letters",
            "len(X) <= KK",
            "up_to",
            [k],
            "KK",
        ),
        Pred(
            "words that start with the letter CX",
            "word that starts with the letter CX",
            "X[0] == CX",
            "starting_with",
            [],
            "CX",
        ),
        Pred(
            "words that contain the letter CX",
            "word that contains the letter CX",
            "CX in X",
            "containing",
            [],
            "CX",
        ),
    ]
    return rng.choice(options)
