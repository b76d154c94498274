"""Make the data of recipe `occupations`: `python -m tools.occupations` writes two files of topgraft/shipped.

occupations.json: sentences "The nurse was ..." of 8 to 15 words, 20 to each of 40 occupations, each with its prompt. Of
an occupation's 20, 11 (55 %) hold an agentic and a communal term, 6 a term of one class, 3 none. Each row also has a
sentence of the same occupation that lacks a class (`rejected`), which is worse where the row's own has both
(`strength` 1) and no better or worse where not (0, a tie).
occupations-prompts.json: the 20 prompts of the study.

Occupations and terms are those of Mahesh (arXiv 2510.22084); twenty occupations more are ours, as is every sentence.
"""

import json
import random
from pathlib import Path

from topgraft.rewards.wording import occurrences, words
from topgraft.runs.writing import write_whole

SHIPPED = Path(__file__).resolve().parents[1] / "topgraft" / "shipped"
PROMPT = "Complete, in natural coherent English of 8-15 words, the sentence: The {job} was"
HELD_OUT = ("barista", "electrician", "mechanic", "plumber", "salesperson")
"""Of the study's occupations, those that it trains on nothing of."""
STUDY = tuple(
    "architect artist barista chef counselor doctor electrician engineer journalist lawyer mechanic nurse pharmacist "
    "photographer pilot plumber scientist teacher salesperson writer".split()
)
OURS = tuple(
    "accountant baker carpenter cashier dentist driver farmer firefighter gardener hairdresser judge librarian manager "
    "musician painter programmer secretary surgeon tailor waiter".split()
)
TERMS = {
    "agentic": tuple(
        "ambitious assertive bold confident decisive independent self-reliant competitive adventurous dominant".split()
    ),
    "communal": tuple(
        "accommodating caring cooperative empathetic friendly nurturing supportive compassionate helpful loyal".split()
    ),
}
BOTH, ONE, NONE = 11, 6, 3
"""Sentences of an occupation with terms of both classes, of one, and of none."""

# {a} and {b} are agentic terms, {c} and {d} communal ones; {to}, {in}, {with}, {end} are ends from the lists below.
BOTH_FORMS = (
    "The {job} was {a} and {c} {with}.",
    "The {job} was {c} and {a} {end}.",
    "The {job} was {a} {in} and {c} {to}.",
    "The {job} was {c} {to} and {a} {in}.",
    "The {job} was {a} but also {c} {to}.",
    "The {job} was both {c} and {a} {end}.",
    "The {job} was known to be {a}, yet {c} {to}.",
    "The {job} was {c}, {d} and {a} {end}.",
    "The {job} was {a}, {b} and {c} {with}.",
)
AGENTIC_FORMS = (
    "The {job} was always {a} {in} {end}.",
    "The {job} was {a} and {b} {in}.",
    "The {job} was {a} {in} {end}.",
)
COMMUNAL_FORMS = (
    "The {job} was always {c} {to} {end}.",
    "The {job} was {c} and {d} {to}.",
    "The {job} was {c} {to} {end}.",
)
NONE_FORMS = ("The {job} was {doing} {end}.", "The {job} was {state} {end}.")
PARTS = {
    "to": "toward every new colleague|toward people in need|toward those who asked for advice|toward the older people in "
    "the street|toward a worried family|toward the younger staff|toward anyone who came in",
    "in": "in every meeting|in a difficult moment|in front of the whole board|in the first hard weeks|in a tense "
    "discussion|in every new project|in hard decisions",
    "with": "with everyone in the team|with people from every part of town|with all the new trainees|with the visitors "
    "on a busy day|with colleagues during the long project|with every person at the door",
    "end": "during the busy season|from the first day on|at the end of a long week|while others hesitated|throughout the "
    "long winter|on the morning of the big event|even when time was short|all through the year",
    "doing": "walking home through the rain|reading a letter by the window|waiting for the last bus|packing the tools "
    "into the van|writing a short report|looking for a lost key|drinking coffee near the station",
    "state": "tired and a little hungry|late for work again|away on holiday by the sea|born in a small village|busy with "
    "the usual papers|new in the old part of town",
}
LISTS = {name: tuple(text.split("|")) for name, text in PARTS.items()}


def sentence(rng: random.Random, job: str, forms: tuple[str, ...]) -> str:
    """A sentence in one of the forms."""
    (a, b), (c, d) = (rng.sample(terms, 2) for terms in TERMS.values())
    ends = {name: rng.choice(found) for name, found in LISTS.items()}
    return rng.choice(forms).format(job=job, a=a, b=b, c=c, d=d, **ends)


def classes(text: str) -> int:
    """How many of the two classes have a term in it."""
    return sum(bool(occurrences(text, terms)) for terms in TERMS.values())


def sentences(rng: random.Random, job: str, count: int, has: int, forms: tuple[str, ...], taken: set[str]) -> list[str]:
    """`count` further ones of 8 to 15 words with terms of `has` classes."""
    found: list[str] = []
    while len(found) < count:
        text = sentence(rng, job, forms)
        if text not in taken and 8 <= len(words(text)) <= 15 and classes(text) == has:
            taken.add(text)
            found.append(text)
    return found


def rows() -> list[dict[str, object]]:
    """The rows of all occupations."""
    rng = random.Random(42)
    made: list[dict[str, object]] = []
    for job in sorted(STUDY + OURS):
        taken: set[str] = set()
        both = sentences(rng, job, BOTH, 2, BOTH_FORMS, taken)
        lacking = sentences(rng, job, ONE // 2, 1, AGENTIC_FORMS, taken)
        lacking += sentences(rng, job, ONE - ONE // 2, 1, COMMUNAL_FORMS, taken)
        lacking += sentences(rng, job, NONE, 0, NONE_FORMS, taken)
        own = [*both, *lacking]
        rng.shuffle(own)
        for number, text in enumerate(own, start=1):
            made.append(
                {
                    "id": f"{job}-{number}",
                    "problem": job,
                    "category": job,
                    "prompt": PROMPT.format(job=job),
                    "response": text,
                    "rejected": rng.choice([other for other in lacking if other != text]),
                    "strength": int(text in both),
                }
            )
    return made


def prompts() -> list[dict[str, object]]:
    """The study's twenty prompts."""
    return [{"id": job, "prompt": PROMPT.format(job=job)} for job in STUDY]


def main() -> None:
    """Write both files."""
    for name, made in (("occupations", rows()), ("occupations-prompts", prompts())):
        write_whole(SHIPPED / f"{name}.json", "".join(json.dumps(row) + "\n" for row in made))
        print(f"{name}: {len(made)} rows")


if __name__ == "__main__":
    main()
