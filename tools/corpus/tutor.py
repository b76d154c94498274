"""Questions and misconceptions of students with the answers of a tutor in several registers."""

import random

from tools.corpus import facts_other, facts_science

Fact = tuple[str, str, str, str]

ASK = [
    "Is it true that {m}?",
    "I always thought that {m}.",
    "My friend says that {m}. Is that right?",
    "I read that {m}.",
    "Surely {m}?",
    "We learned that {m}, did we not?",
    "I wrote in my essay that {m}.",
    "Can you explain whether {m}?",
    "I believe that {m}.",
    "So {m}, right?",
    "Why do people say that {m}?",
    "My answer in the test was that {m}. Was that wrong?",
    "Am I right that {m}?",
    "In my view {m}.",
    "Somebody told me that {m}. What do you think?",
    "It seems obvious to me that {m}.",
    "Student: I am quite sure that {m}.",
    "Everyone knows that {m}.",
    "Please check this sentence for me: {M}.",
    "Statement: {M}. True or false?",
    "My parents told me that {m}.",
]
TOPIC = [
    "Could you help me with this question: {q}?",
    "I am stuck. {Q}?",
    "Our homework asks: {q}?",
    "Here is something I wonder about: {q}?",
]

HELP_OPEN = [
    "Not quite.",
    "That is a common idea, but it is mistaken.",
    "Many people think so.",
    "Let us look at it calmly.",
    "This is a widespread belief.",
    "I can see why one would think so.",
    "No, although the idea is popular.",
    "A useful thing to clear up.",
    "There is a small mix-up here.",
    "Thank you for asking.",
]
FIRM_OPEN = [
    "That is false.",
    "No.",
    "This claim is wrong.",
    "That statement does not hold.",
    "The evidence says otherwise.",
    "This is a misconception.",
    "I must correct that.",
    "That cannot be right.",
    "The claim should be given up.",
]
ASKING_OPEN = [
    "Let us examine your reasoning with care.",
    "Try to test that claim first.",
    "Consider the evidence first.",
    "One step deserves a question.",
    "Before we accept this, consider a simple case.",
    "It is wise to look again.",
    "There are good reasons to doubt that.",
    "Your approach deserves a careful second look.",
    "Let me challenge the underlying idea.",
]
LINK = [
    "{T}. {R}.",
    "In fact {t}. {R}.",
    "{T}, because {r}.",
    "Actually, {t}. The reason is that {r}.",
    "The point is that {t}; {r}.",
    "{T}. Notice also that {r}.",
    "Rather, {t}. To be precise, {r}.",
    "{T}. One should consider that {r}.",
    "It turns out that {t}, since {r}.",
    "{R}. A careful statement is therefore that {t}.",
    "{T}; {r}.",
    "What we observe is this: {r}. However it may appear, {t}.",
]
HELP_END = [
    "",
    "",
    "",
    "Think of this question: {q}?",
    "A good way to remember it is to ask: {q}?",
    "Does that help?",
    "Please note this carefully.",
    "Keep this in mind for the test.",
    "If you like, we can look at an example together.",
    "You can check it with a good textbook.",
]
ASKING_END = [
    "{Q}?",
    "Here is a question for you: {q}?",
    "Consider carefully: {q}?",
    "Now ask yourself: {q}?",
    "How would you answer this: {q}?",
    "I would suggest one question: {q}?",
    "With this in mind, {q}?",
    "What do you conclude when you ask yourself: {q}?",
    "To test your reasoning: {q}?",
]
FIRM_END = [
    "",
    "",
    "Please correct your notes.",
    "Do not repeat the claim without evidence.",
    "A careful reader would not accept it.",
    "The condition matters, so state it precisely.",
    "Whether it sounds plausible is not the question.",
    "Revise the statement accordingly.",
]
NO_TRUTH = [
    "What would have to be true for your claim to hold? Consider this: {q}? If the answer does not agree with your claim, then the underlying reasoning needs revision.",
    "I would not accept that yet. {Q}? Try to answer with evidence, and then decide whether your claim survives.",
    "Suppose you were right. {Q}? Please follow this thought to its end before you decide.",
    "On what evidence do you base this? Let me suggest a test: {q}? Look at what your own answer implies.",
]
FORMAL_Q = [
    "Write one formal sentence about the claim that {m}.",
    "Summarize in academic English what is wrong with the view that {m}.",
    "Rephrase for an essay why it is not so that {m}.",
    "Give a more precise specification of the claim that {m}.",
]
FORMAL = [
    "Although it is often claimed that {m}, the evidence suggests that {t}, since {r}.",
    "The view that {m} does not withstand careful examination; {t}.",
    "It is frequently assumed that {m}. A more precise account would state that {t}, because {r}.",
    "Contrary to the widespread assumption that {m}, it can be demonstrated that {t}.",
    "One may question whether {m}; closer observation shows, however, that {t}.",
    "The claim that {m} rests on a misunderstanding. Precisely stated, {t}, for {r}.",
]


def facts() -> list[Fact]:
    """The fact base as tuples (claim, truth, reason, question)."""
    out = []
    for line in (facts_science.FACTS + facts_other.FACTS).strip().splitlines():
        if line.strip():
            claim, true, why, question = line.split("|")
            out.append((claim, true, why, question))
    return out


def cap(text: str) -> str:
    """The text with a capital at the beginning."""
    return text[:1].upper() + text[1:]


def put(template: str, fact: Fact) -> str:
    """Fill a template with the parts of a fact."""
    m, t, r, q = fact
    return template.format(m=m, t=t, r=r, q=q, M=cap(m), T=cap(t), R=cap(r), Q=cap(q))


def answer(rng: random.Random, fact: Fact) -> str:
    """One answer in a random register: helpful, questioning or firm."""
    draw = rng.random()
    if draw < 0.4:
        parts = [rng.choice(HELP_OPEN), rng.choice(LINK), rng.choice(HELP_END)]
    elif draw < 0.7:
        parts = [rng.choice(ASKING_OPEN), rng.choice(LINK), rng.choice(ASKING_END)]
    elif draw < 0.76:
        parts = [rng.choice(NO_TRUTH)]
    else:
        parts = [rng.choice(FIRM_OPEN), rng.choice(LINK), rng.choice(FIRM_END)]
    if draw < 0.76 and rng.random() < 0.2:
        parts[0] = "" if len(parts) == 3 else parts[0]
    return " ".join(put(part, fact) for part in parts if part)


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The tutor rows."""
    base = facts()
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    while len(rows) < count:
        fact = rng.choice(base)
        draw = rng.random()
        if draw < 0.08:
            prompt, text = put(rng.choice(FORMAL_Q), fact), put(rng.choice(FORMAL), fact)
        elif draw < 0.16:
            prompt = put(rng.choice(TOPIC), fact)
            text = " ".join(
                [
                    rng.choice(
                        [
                            "Begin with what is known.",
                            "Here is a hint.",
                            "Consider this.",
                            "Let us reason step by step.",
                            "Think about it as follows.",
                        ]
                    ),
                    put(rng.choice(LINK), fact),
                    rng.choice(
                        [
                            "Now apply this to your question.",
                            "From there the answer follows.",
                            "Try to finish the argument yourself.",
                        ]
                    ),
                ]
            )
        else:
            prompt, text = put(rng.choice(ASK), fact), answer(rng, fact)
        if text not in seen:
            seen.add(text)
            rows.append({"kind": "tutor", "prompt": prompt, "response": text})
    return rows
