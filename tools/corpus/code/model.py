"""Tasks, the registry of problem families and the pools of names."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.corpus.code.lexicon import PLURAL_TOKENS, SINGLE_TOKENS, function_name, variable
from tools.corpus.code.wording import vary

Good = tuple[str, str]
Tests = list[tuple]

POOLS: dict[str, str] = {
    "XS": "numbers values nums data items lst elements series sequence xs",
    "YS": "others second other_list ys more",
    "X": "n x value num v number item current elem",
    "Y": "y other b_value right",
    "II": "i i i j idx index pos position",
    "JJ": "j k col inner jj",
    "TT": "total total result s acc amount whole summed",
    "CC": "count count counter c cnt tally found how_many",
    "RR": "result out res new_list answer kept output collected",
    "BB": "best best result answer winner top chosen",
    "PP": "product product result p prod",
    "FF": "flag ok found okay state",
    "SS": "text s word string line phrase message sentence",
    "S2": "other second t pattern second_text",
    "CH": "ch c char letter symbol",
    "CX": "target letter wanted sign mark",
    "WW": "words names strings terms labels items tokens",
    "W": "w word name entry item",
    "DD": "prices scores stock ages points counts marks costs",
    "D2": "extra others changes new_data second",
    "KEY": "key k name item entry",
    "VAL": "value v amount val",
    "GG": "grid table matrix rows board data",
    "ROW": "row line r current_row",
    "NN": "n num x value amount k",
    "MM": "m other k second step",
    "KK": "limit k bound threshold target cutoff",
    "QQ": "quotient rest left remaining m work",
    "AA": "a x first p",
    "BX": "b y second q",
    "CCX": "c z third r",
}


@dataclass
class Task:
    """One concrete problem: a signature, its wording, test inputs and correct programs (the first is the reference)."""

    name: str
    args: str
    goal: str
    tests: Tests
    goods: list[Good]
    names: dict[str, str] = field(default_factory=dict)


Family = Callable[[random.Random], Task]
REGISTRY: dict[str, list[tuple[Family, float]]] = {}


def register(group: str, weight: float = 1.0) -> Callable[[Family], Family]:
    """Add a family to the registry under a group name."""

    def add(func: Family) -> Family:
        REGISTRY.setdefault(group, []).append((func, weight))
        return func

    return add


def fill(text: str, names: dict[str, str]) -> str:
    """Replace the upper-case tokens of a template by the chosen names."""
    return re.sub(r"\b[A-Z][A-Z0-9]{0,3}\b", lambda m: names.get(m.group(), m.group()), text)


def pick_names(rng: random.Random, texts: list[str], fixed: dict[str, str]) -> dict[str, str]:
    """Choose distinct identifiers for all tokens that occur in the texts, some of them from the large pool."""
    names = dict(fixed)
    used = set(fixed.values())
    taken = set(re.findall(r"[a-z_]\w*", " ".join(texts)))
    share = rng.choice([0.0, 0.3, 0.8])
    found = sorted({t for text in texts for t in re.findall(r"\b[A-Z][A-Z0-9]{0,3}\b", text)})
    for token in found:
        if token in names or token not in POOLS:
            continue
        if token in PLURAL_TOKENS | SINGLE_TOKENS and rng.random() < share:
            word = variable(rng, token)
            if word not in taken and word not in used:
                names[token] = word
                used.add(word)
                continue
        pool = [w for w in POOLS[token].split() if w not in used] or [token.lower() + "_"]
        names[token] = rng.choice(pool)
        used.add(names[token])
    return names


def expand(body: str) -> str:
    """Turn the compact form "a = 0|for x in y:|>a += x" into indented lines of a function body."""
    lines = []
    for part in body.split("|"):
        depth = len(part) - len(part.lstrip(">"))
        lines.append("    " * (depth + 1) + part[depth:])
    return "\n".join(lines)


def make(
    rng: random.Random,
    names: str | list[str],
    args: str,
    goals: list[str],
    tests: Tests,
    goods: list[Good],
    params: dict[str, str] | None = None,
) -> Task:
    """Build a task: choose wording and identifiers and fill all templates in."""
    pool = names.split() if isinstance(names, str) else names
    fixed = dict(params or {})
    goal = rng.choice(goals)
    chosen = pick_names(rng, [args, goal, *[a + " " + b for a, b in goods]], fixed)
    title = fill(rng.choice(pool).replace("__", " "), fixed).replace(" ", "_").replace("-", "minus_")
    if rng.random() < 0.4:
        title = function_name(rng)
    done = [(expand(fill(body, chosen)), fill(say, chosen)) for body, say in goods]
    return Task(title, fill(args, chosen), vary(rng, fill(goal, chosen)), tests, done, chosen)


def simple(
    group: str,
    names: str,
    args: str,
    goals: str | list[str],
    goods: list[Good],
    tests: Callable[[random.Random, dict[str, str]], Tests] | Tests,
    params: dict[str, list] | None = None,
    weight: float = 1.0,
) -> None:
    """Register a family that is described by data only; params maps a token to the values it can take."""
    wording = [goals] if isinstance(goals, str) else goals

    def build(rng: random.Random) -> Task:
        """Instantiate the family with random parameters."""
        chosen = {key: str(rng.choice(options)) for key, options in (params or {}).items()}
        cases = tests(rng, chosen) if callable(tests) else tests
        return make(rng, names, args, wording, cases, goods, chosen)

    REGISTRY.setdefault(group, []).append((build, weight))
