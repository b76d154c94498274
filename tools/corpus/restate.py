"""Restating tasks: made-up statements whose names and phrases can only be copied, and small formulas with a report."""

import random

from tools.corpus import restate_parts as parts
from tools.corpus.code.engine import EXCLUDED, prompt_of, samples_for
from tools.corpus.code.lexicon import ADJECTIVES, NOUNS, function_name, plural, variable
from tools.corpus.code.model import Task, Tests, expand

ASKS = [
    "Restate the task.", "State the task in one sentence.", "What should the function return?", "Repeat what the function should do.",
    "Say what the task is.", "Name the function and what it should return.", "Restate the problem and nothing else.", "Summarize the problem in one sentence.",
    "Do not judge the program; restate the task.", "Tell me what the problem demands.", "Write down what is required.", "Copy the requirement as one sentence.",
]  # fmt: skip
SYLLABLES = "ba ko ri lu den fi mo sta wel qu zar pin tov ek ul nor gly hax jo ved cir pam".split(" ")
BODIES = """RR = []|for X in A:|>if X OP N:|>>RR.append(X)|return RR
CC = 0|for X in A:|>if X == B:|>>CC += 1|return CC
TT = N|for I in range(len(A)):|>TT += A[I]|return TT
return [X for X in A if X OP N]
if A OP N:|>return B|return A
RR = {}|for X in A:|>RR[X] = len(X)|return RR
RR = L|for X in A:|>RR = RR + X + L|return RR
I = 0|while I < len(A):|>if A[I] == L:|>>return I|>I += N|return -1
X = sorted(A)|return X[:N]
return A.replace(L, B)
for X in A:|>if X not in B:|>>return False|return True
return sum(X for X in A) + N
RR = A[0]|for X in A:|>if X OP RR:|>>RR = X|return RR
return L.join(A)
X = len(A) - N|if X OP N:|>return L|return X
return A * N + B
RR = set()|for X in A:|>RR.add(X)|return len(RR)
RR = list(A)|RR.reverse()|return RR[:N]""".split("\n")


def word(rng: random.Random) -> str:
    """A made-up or ordinary word in quotation marks."""
    draw = rng.random()
    if draw < 0.35:
        return f"'{''.join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3)))}'"
    if draw < 0.75:
        return f"'{rng.choice(NOUNS)}'"
    return f"'{rng.choice(ADJECTIVES)}'" if draw < 0.9 else f"'{rng.choice('abcdefghjklmnpqrstvwxyz-_.,;:#+*/')}'"


def arguments(rng: random.Random, count: int) -> list[str]:
    """Distinct argument names."""
    names: list[str] = []
    while len(names) < count:
        name = variable(rng, rng.choice(["XS", "X"]))
        if name not in names:
            names.append(name)
    return names


def statement(rng: random.Random, args: list[str]) -> str:
    """A statement from phrase parts about the arguments."""
    noun = rng.choice(NOUNS)
    things = plural(noun)
    if rng.random() < 0.35:
        things = f"{rng.choice(ADJECTIVES)} {things}"
    low = rng.randint(2, 60)
    slots = {
        "things": things, "thing": noun, "arg": args[0], "arg2": args[1] if len(args) > 1 else str(rng.randint(2, 99)), "num": str(low),
        "num2": str(low + rng.randint(1, 50)), "lit": word(rng), "lit2": word(rng), "measure": rng.choice(parts.MEASURES),
        "adj": rng.choice(["best", "shortest", "oldest", "lightest", "cheapest", "newest", "longest"]), "adjp": rng.choice(["best", "oldest", "shortest", "newest", "largest"]),
        "nth": rng.choice(["second", "third", "fourth", "fifth", "sixth"]), "cadj": rng.choice(parts.QUALITIES), "cadj2": rng.choice(parts.QUALITIES),
    }  # fmt: skip
    if rng.random() < 0.25:
        slots["cond1"] = "in it"
        return rng.choice(parts.TRUTHS).format(**slots)
    text = f"{rng.choice(parts.HEADS)} {rng.choice(parts.WHERES)}"
    if rng.random() < 0.8:
        text += f" {rng.choice(parts.CONDS)}"
    tail = rng.choice(parts.EDGES)
    return (text + tail).format(**slots)


def program(rng: random.Random, args: list[str]) -> str:
    """A short plausible body that uses the arguments."""
    names = {
        "A": args[0],
        "B": args[-1] if len(args) > 1 else str(rng.randint(0, 9)),
        "N": str(rng.randint(1, 30)),
        "L": word(rng),
    }
    names |= {
        "RR": variable(rng),
        "CC": rng.choice(["count", "tally", "found"]),
        "TT": variable(rng),
        "X": variable(rng),
        "I": rng.choice(["i", "j", "pos", "index"]),
    }
    names["OP"] = rng.choice(["<", ">", "<=", ">=", "==", "!="])
    body = rng.choice(BODIES)
    for key in ("RR", "CC", "TT", "OP", "X", "I", "A", "B", "N", "L"):
        body = replace_token(body, key, f"@{key}@")
    for key, name in names.items():
        body = body.replace(f"@{key}@", name)
    return expand(body)


def replace_token(body: str, token: str, new: str) -> str:
    """Replace a capital token where it stands alone."""
    out, i = "", 0
    while i < len(body):
        before = body[i - 1] if i else " "
        after = body[i + len(token)] if i + len(token) < len(body) else " "
        if (
            body.startswith(token, i)
            and not (before.isalpha() or before == "@")
            and not (after.isalpha() or after == "@")
        ):
            out, i = out + new, i + len(token)
        else:
            out, i = out + body[i], i + 1
    return out


def formula(rng: random.Random) -> Task:
    """A small formula over the arguments, whose programs can be judged."""
    a, b, c = arguments(rng, 3)
    k, m, t = rng.randint(2, 40), rng.randint(2, 30), rng.randint(3, 50)
    x, y = word(rng), word(rng)
    names = [a, b]
    nums: Tests = [(rng.randint(-60, 60), rng.randint(-60, 60)) for _ in range(8)] + [
        (t, t + 1),
        (t - 1, t),
        (t + 1, t),
    ]
    text: Tests = [(p, q) for p in ("", "hm", "oak", "Sun") for q in ("a", "tree")]
    choices: list[tuple[str, str, Tests]] = [
        (f"{k} times {a} plus {b}, with {m} taken away from the result", f"{k} * {a} + {b} - {m}", nums),
        (f"the sum of {a} and {b}, multiplied by {k} and then reduced by {m}", f"({a} + {b}) * {k} - {m}", nums),
        (f"the difference of {a} and {k} times {b}, increased by {m}", f"{a} - {k} * {b} + {m}", nums),
        (
            f"True if {a} is more than {t} and {b} is at most {m}, and False otherwise",
            f"{a} > {t} and {b} <= {m}",
            nums,
        ),
        (f"True if {a} is below {t} or {b} equals {m}, and False otherwise", f"{a} < {t} or {b} == {m}", nums),
        (f"the string {x} followed by {a}, then {y}, and {b} at the end", f"{x} + {a} + {y} + {b}", text),
        (f"a list with {a}, {k} and {b}, in this order and nothing else", f"[{a}, {k}, {b}]", nums),
        (f"a dictionary mapping {x} to {a} and {y} to {b}", f"{{{x}: {a}, {y}: {b}}}", nums),
        (
            f"the remainder of {a} divided by {k}, plus the remainder of {b} divided by {m}",
            f"{a} % {k} + {b} % {m}",
            nums,
        ),
        (f"the length of the string {a} plus {k} times the length of {b}", f"len({a}) + {k} * len({b})", text),
    ]
    cases = [
        (f"{x} if {a} is more than {t}, {y} if {b} is more than {m}, and '' otherwise", f"if {a} > {t}:|>return {x}|if {b} > {m}:|>return {y}|return ''", f"compares {a} with {t} and {b} with {m}, and returns the matching text"),
        (f"{a} if {b} is at least {t}, and {k} times {a} otherwise", f"if {b} >= {t}:|>return {a}|return {k} * {a}", f"tests {b} >= {t}, and returns {a} or {k} * {a}"),
        (f"{b} plus {k} when {a} is less than {t}, and {b} minus {m} otherwise", f"if {a} < {t}:|>return {b} + {k}|else:|>return {b} - {m}", f"tests {a} < {t}, and returns {b} + {k} or {b} - {m}"),
    ]  # fmt: skip
    if rng.random() < 0.3:
        goal, code, say = rng.choice(cases)
        return Task(function_name(rng), ", ".join(names), goal, [*nums], [(expand(code), say)])
    goal, code, tests = rng.choice(choices)
    goods = [
        (f"    return {code}", f"computes {code}, and returns the result"),
        (f"    {c} = {code}\n    return {c}", f"stores {code} in {c}, and returns {c}"),
    ]
    return Task(function_name(rng), ", ".join(names), goal, tests, goods)


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The rows of restated tasks, about a quarter of them judged formulas."""
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    while len(rows) < count:
        if rng.random() < 0.25:
            for sample in samples_for(rng, formula(rng), 1):
                prompt, response = sample.pair()
                rows.append({"kind": "restate", "prompt": prompt, "response": response})
            continue
        name, args = function_name(rng), arguments(rng, rng.choice([1, 1, 2, 2, 3]))
        goal = statement(rng, args)
        if name in EXCLUDED or goal in seen or not 7 <= len(goal.split()) <= 28:
            continue
        seen.add(goal)
        prompt = prompt_of(Task(name, ", ".join(args), goal, [], []), program(rng, args))
        rows.append(
            {
                "kind": "restate",
                "prompt": f"{rng.choice(ASKS)}\n\n{prompt}",
                "response": f"The function {name} should return {goal}.",
            }
        )
    return rows[:count]
