"""Puts sentences of one voice together to an answer about a program."""

import random
import string

from tools.corpus.code.engine import Sample, samples
from tools.corpus.voices import points, verdicts
from tools.corpus.voices.facts import facts_of
from tools.corpus.voices.orders import ASK_SHAPES, ASKED, ORDERS

SECTIONS = {
    "praise": verdicts.PRAISE, "does": verdicts.DOES, "check": verdicts.CHECK, "next": verdicts.NEXT,
    "fail": verdicts.FAIL, "cause": verdicts.CAUSE, "advice": verdicts.ADVICE, "good": verdicts.GOOD, "bad": verdicts.BAD,
    "ask": points.ASK, "askbad": points.ASK_BAD, "spot": points.POINT_BAD, "point": points.POINT,
    "hint": points.HINT_LEAD, "hintbad": points.HINT_BAD, "hintgood": points.HINT_GOOD, "lead": points.LEAD,
    "hi": ["Hello!", "Hi there.", "Thanks for showing me this.", "I had a look.", "Let me tell you what I think.", "I read your code twice.", "Thank you for sharing this.", "", ""],
    "dear": ["Dear student, thank you for your program.", "Dear student, I have read your solution with care.", "Dear student, here is my opinion on your work.", "I have examined your function with interest.", "Thank you for submitting your solution.", "Having read your work, I should like to comment briefly.", "Dear student, I write about your recent program.", "With regard to your function, I have the following remarks."],
}  # fmt: skip
GRANTED = [
    ("None", "none"), ("else branch", "has_else"), ("omprehension", "comp"), ("single expression", "comp"), ("longer loop", "builtin"),
    ("no return statement", "no_ret"), ("showing a value", "prt"), ("every path", "none"), ("every pass", "loop"), ("each pass", "loop"), ("Trace the loop", "loop"),
    ("the loop ends", "cond_while"), ("loop and the return", "acc"), ("for three elements", "seq"), ("loop never ran", "acc"), ("where the return", "ret"),
]  # fmt: skip
PRAISE_GOOD_ONLY = (
    "reaches every element",
    "Leaving early",
    "Every",
    "no line is unnecessary",
    "each line has a purpose",
    "loop and the return",
)
CALLED = {
    "you": [
        "your program",
        "your function",
        "your code",
        "your solution",
        "the program",
        "this solution",
        "your function {name}",
        "what you wrote",
        "your answer",
        "the function {name}",
    ],
    "it": [
        "the program",
        "the function",
        "this solution",
        "the submission",
        "the function {name}",
        "this program",
        "the code",
        "{name} as written",
        "the submitted program",
    ],
}


def needs(pattern: str) -> frozenset[str]:
    """The slots of a pattern, and those facts that its wording takes for granted."""
    slots = {name for _, name, _, _ in string.Formatter().parse(pattern) if name}
    return frozenset(slots | {fact for phrase, fact in GRANTED if phrase in pattern})


TABLE = {kind: [(text, needs(text)) for text in texts] for kind, texts in SECTIONS.items()}
PARTS = frozenset(
    ["acc", "seq", "item", "upd", "app_list", "cond", "builtin", "method", "mod", "early", "cond_while", "comp"]
)
USED_TWICE = ("line", "ret", "cond", "acc", "rng", "upd", "spot", "seq", "early", "app", "comp", "ok_in")


def choose(rng: random.Random, kind: str, facts: dict[str, str], done: set[str], distant: bool) -> str | None:
    """A pattern of the kind whose slots are all known, rather one that names the code in a new way."""
    own = {"p", "P"}
    fit = [(text, need) for text, need in TABLE[kind] if need - own <= facts.keys() and not (done & need)]
    if distant:
        fit = [(t, n) for t, n in fit if not {"you", "your"} & set(t.lower().replace(",", "").replace(":", "").split())]
    if kind == "praise" and "right" in facts:
        wrong = facts["changed"]
        fit = [
            (t, n)
            for t, n in fit
            if not any(facts[k] in wrong for k in n & PARTS) and not any(x in t for x in PRAISE_GOOD_ONLY)
        ]
    near = [
        (t, n)
        for t, n in fit
        if n & facts.keys() and not n <= {"arg", "args", "line", "a_list", "a_text", "a_dict", "a_num"}
    ]
    if near and kind in ("point", "ask", "praise", "advice", "next") and rng.random() < 0.72:
        fit = near
    if not fit:
        return None
    text, need = rng.choice(fit)
    done |= need & set(USED_TWICE)
    if kind in ("hintbad", "askbad", "fail", "advice"):
        done |= need & {"given"}
    return text


def quoted(rng: random.Random, facts: dict[str, str]) -> dict[str, str]:
    """The slots, with whole lines in quotation marks in some answers."""
    if rng.random() < 0.3:
        keys = ("line", "spot", "upd", "app", "early", "prt", "loop")
        return {**facts, **{k: f'"{facts[k]}"' for k in keys if k in facts}}
    return facts


def answer(rng: random.Random, voice: str, sample: Sample) -> str | None:
    """One answer, or None where a needed sentence cannot be said about this program."""
    facts = facts_of(rng, sample)
    order = rng.choice(ORDERS[voice][sample.failure is not None]).split()
    distant = voice in ("reviewer", "examiner")
    called = list(CALLED["it" if distant else "you"])
    rng.shuffle(called)
    shown, done, parts = quoted(rng, facts), set[str](), []
    for kind in order:
        if distant and kind in ("ask", "askbad") and rng.random() < 0.7:
            continue
        text = choose(rng, kind, facts, done, distant)
        if text is None:
            if kind in ("ask", "askbad") and voice in ("questioner", "hint"):
                return None
            if kind in ("fail", "cause", "good", "bad", "hintbad"):
                return None
            continue
        phrase = called.pop().format(name=facts["name"])
        head = phrase if phrase.startswith(facts["name"]) else phrase[0].upper() + phrase[1:]
        parts.append(text.format(**{**shown, "p": phrase, "P": head}))
    return " ".join(part for part in parts if part)


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The rows of feedback in other voices."""
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    for sample in samples(rng):
        if len(rows) >= count:
            break
        prompt, _ = sample.pair()
        for voice in rng.sample(sorted(ORDERS), 2):
            text = answer(rng, voice, sample)
            if text is None or text in seen or not 24 <= len(text.split()) <= 72 or not text.isascii():
                continue
            seen.add(text)
            asked = rng.choice(ASK_SHAPES).format(a=rng.choice(ASKED[voice]))
            rows.append({"kind": "voices", "prompt": f"{asked}\n\n{prompt}", "response": text})
    return rows[:count]
