"""Small changes of wording in a statement that leave its meaning alone."""

import random
import re

CHANGES: list[tuple[str, list[str], float]] = [
    (r"\bat least (-?\d+)\b(?! of)", [r"no less than \1"], 0.12),
    (r"\bor (\S+) if there (are|is) (none|no such \w+)", [r"or \1 when there \2 \3", r"and \1 if there \2 \3"], 0.5),
    (r", or (\S+) if ", [r", or \1 when ", r", and \1 if ", r", or \1 in case "], 0.4),
    (
        r"\b(for|of) an empty (list|string|dictionary)$",
        [r"if the \2 is empty", r"when the \2 is empty", r"for the empty \2"],
        0.5,
    ),
    (r"^a new (list|dictionary|string)\b", [r"a \1", r"a fresh \1"], 0.3),
    (r"^a list of (?!lists)", ["the list of ", "a new list of "], 0.4),
    (r"^the sum of ", ["the total of "], 0.25),
    (r"\ball (numbers|words|values|items|keys) (in|of) the\b", [r"all the \1 \2 the", r"the \1 \2 the"], 0.25),
    (r"\bthe (list|string|dictionary) (?=[a-z_]+\b)", [r"the given \1 ", r"the input \1 "], 0.22),
    (r"\bin the same order\b", ["in their original order", "in the order given", "in unchanged order"], 0.5),
    (r", and False otherwise$", [", otherwise False", ", and False if not", ", or False otherwise"], 0.2),
    (r"\bhow often\b", ["how many times"], 0.4),
    (r"\bif it does not occur\b", ["if it is absent", "when it does not occur", "if it cannot be found"], 0.5),
    (r"\bif that key is missing\b", ["if the key is absent", "when there is no such key"], 0.5),
]


def vary(rng: random.Random, goal: str) -> str:
    """The statement with some phrases replaced by synonyms and sometimes with the edge case first."""
    for pattern, options, chance in CHANGES:
        if re.search(pattern, goal) and rng.random() < chance:
            goal = re.sub(pattern, rng.choice(options), goal, count=1)
    match = re.fullmatch(r"(.+), and (\S+) ((?:for|if|when) .*\bempty.*)", goal)
    if match and rng.random() < 0.3 and " if " not in match.group(1):
        goal = f"{match.group(2)} {match.group(3)}, and otherwise {match.group(1)}"
    return goal
