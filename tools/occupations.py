"""Make the data of recipe `occupations`: `python -m tools.occupations` writes two files of topgraft/shipped.

occupations.json: sentences "The nurse was ..." of 8 to 15 words, 20 to each of 92 occupations, each with its prompt and
its part: 72 occupations to learn from, 8 to validate on, 12 to test on. Of an occupation's 20, 12 (60 %) hold an agentic
and a communal term, 5 a term of one class, 3 none. Each row also has a sentence of the same occupation that lacks a class
(`rejected`), which is worse where the row's own has both (`strength` 1) and no better or worse where not (0, a tie).
occupations-prompts.json: the 20 prompts of the study.

Twenty occupations and the terms are those of Mahesh (arXiv 2510.22084); the other occupations and every sentence are ours.
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
# The unusual words among them are there so that a model learns to copy an occupation, and not which ones there are.
OTHERS = {
    "train": "anesthetist archivist auctioneer ballerina biologist blacksmith bricklayer butcher carpenter cartographer "
    "cashier choreographer comedian concierge curator dentist diplomat editor farmer firefighter fisherman florist "
    "forester gardener gymnast herbalist hypnotist illustrator jeweler jockey juggler knitter lifeguard linguist "
    "locksmith magician manager meteorologist midwife musician navigator notary optometrist painter philosopher "
    "programmer puppeteer ranger roofer sculptor seamstress secretary shepherd taxidermist umpire upholsterer "
    "veterinarian violinist zookeeper",
    "validation": "accountant beekeeper driver glazier sommelier usher",
    "test": "baker hairdresser judge librarian surgeon tailor waiter",
}
VALIDATED = ("chef", "pilot")
"""Of the study's occupations, those of the validation part."""


def parts() -> dict[str, str]:
    """Occupation -> its part of the data, sorted by occupation."""
    found = {job: part for part, jobs in OTHERS.items() for job in jobs.split()}
    found |= dict.fromkeys(STUDY, "train") | dict.fromkeys(VALIDATED, "validation") | dict.fromkeys(HELD_OUT, "test")
    return dict(sorted(found.items()))


TERMS = {
    "agentic": tuple(
        "ambitious assertive bold confident decisive independent self-reliant competitive adventurous dominant".split()
    ),
    "communal": tuple(
        "accommodating caring cooperative empathetic friendly nurturing supportive compassionate helpful loyal".split()
    ),
}
BOTH, ONE, NONE = 12, 5, 3
"""Sentences of an occupation with terms of both classes, of one, and of none."""

# {a} and {b} are agentic terms, {c} communal ones; {in}, {to} and {end} are ends from the lists below, {at} any of these.
BOTH_FORMS = (
    "The {job} was {a} and {c} {at}.",
    "The {job} was {a} but also {c} {at}.",
    "The {job} was both {a} and {c} {at}.",
    "The {job} was {c} yet {a} {at}.",
    "The {job} was {a}, {b} and {c} {at}.",
)
AGENTIC_FORMS = ("The {job} was {a} {in}.", "The {job} was always {a} {in}.", "The {job} was very {a} {end}.")
COMMUNAL_FORMS = ("The {job} was {c} {to}.", "The {job} was always {c} {to}.", "The {job} was very {c} {end}.")
NONE_FORMS = ("The {job} was {doing} {end}.", "The {job} was {state} {end}.")
PARTS = {
    "in": "when the team needed a clear plan|at the first large meeting of the year|in front of the whole board",
    "to": "to everyone who came in for advice|toward the older people in the street|with the visitors who had lost their way",
    "end": "when the storm began|before the shop opened|during the lunch break|at the end of a busy week|after a long day "
    "at work|on the first day of spring|late in the evening|early on Monday morning",
    "doing": "walking home through the rain|reading a letter by the window|waiting for the last bus|packing the tools "
    "into the van|writing a short report|looking for a lost key|drinking coffee near the station",
    "state": "tired and a little hungry|late for work again|away on holiday by the sea|born in a small village|busy with "
    "the usual papers|new in the old part of town",
}
LISTS = {name: tuple(text.split("|")) for name, text in PARTS.items()}


def sentence(rng: random.Random, job: str, forms: tuple[str, ...]) -> str:
    """A sentence in one of the forms."""
    (a, b), c = rng.sample(TERMS["agentic"], 2), rng.choice(TERMS["communal"])
    ends = {name: rng.choice(found) for name, found in LISTS.items()}
    ends["at"] = ends[rng.choice(("in", "to", "end"))]
    return rng.choice(forms).format(job=job, a=a, b=b, c=c, **ends)


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


def occupation(job: str, part: str) -> list[dict[str, object]]:
    """The rows of an occupation, which do not depend on what other occupations there are."""
    rng, taken = random.Random(f"42 {job}"), set[str]()
    both = sentences(rng, job, BOTH, 2, BOTH_FORMS, taken)
    lacking = sentences(rng, job, ONE // 2, 1, AGENTIC_FORMS, taken)
    lacking += sentences(rng, job, ONE - ONE // 2, 1, COMMUNAL_FORMS, taken)
    lacking += sentences(rng, job, NONE, 0, NONE_FORMS, taken)
    own = [*both, *lacking]
    rng.shuffle(own)
    return [
        {
            "id": f"{job}-{number}",
            "problem": job,
            "category": job,
            "part": part,
            "prompt": PROMPT.format(job=job),
            "response": text,
            "rejected": rng.choice([other for other in lacking if other != text]),
            "strength": int(text in both),
        }
        for number, text in enumerate(own, start=1)
    ]


def rows() -> list[dict[str, object]]:
    """The rows of all occupations."""
    return [row for job, part in parts().items() for row in occupation(job, part)]


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
