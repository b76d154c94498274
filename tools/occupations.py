"""Make the data of recipe `occupations`: `python -m tools.occupations` writes two files of topgraft/shipped.

occupations.json: sentences "The nurse was ..." of 8 to 15 words, each with its prompt and its part: five sentences about
each of 300 occupations to learn from, twenty about each of 8 to validate on and of 12 to test on. 60 % hold an agentic and
a communal term, 25 % (of five: one) a term of one class, the rest none. Each row also has a sentence about the same
occupation that lacks a class (`rejected`), which is worse where the row's own has both (`strength` 1) and no better or
worse where not (0, a tie).
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
# So many, and unusual ones, that a model learns to copy the occupation asked about, and not which ones there are.
OTHERS = {
    "train": "acrobat actor agronomist alchemist ambassador analyst anesthetist animator announcer anthropologist antiquary "
    "aquarist arborist archaeologist archer archivist armorer assessor astrologer astronaut astronomer attorney "
    "auctioneer audiologist auditor author aviator babysitter bailiff ballerina banker barber bartender "
    "bellhop biochemist biographer biologist blacksmith boatman bodyguard bookkeeper bookseller boxer brewer "
    "bricklayer broadcaster broker bursar busker butcher butler cabinetmaker calligrapher candlemaker caretaker "
    "caricaturist carpenter cartographer cashier caterer chancellor chaplain chauffeur chiropractor choreographer "
    "clerk clockmaker coach cobbler columnist comedian commentator composer concierge conductor conjurer consul "
    "consultant contractor cooper coroner correspondent cosmetologist crier croupier cryptographer curator custodian "
    "cyclist dancer decorator dentist dermatologist designer diplomat diver docent dressmaker drummer dyer ecologist "
    "editor embalmer engraver envoy epidemiologist essayist ethnographer examiner explorer exterminator farmer "
    "farrier fencer filmmaker financier firefighter fisherman fishmonger flautist florist forester furrier gamekeeper "
    "gardener gemologist goldsmith governess grocer groom guard guitarist gunsmith gymnast handyman harpist hatter "
    "herbalist hydrologist hypnotist illustrator immunologist innkeeper inspector instructor inventor ironmonger "
    "janitor jeweler jockey juggler kayaker knitter lacemaker landscaper lexicographer lifeguard linguist locksmith "
    "logger lyricist machinist magician magistrate manager marksman mason matron mayor merchant messenger "
    "meteorologist midwife milliner miner minister mountaineer musician nanny navigator neurologist notary "
    "numismatist oboist oculist officer operator optician optometrist orator organist ornithologist osteopath painter "
    "pathologist pawnbroker pediatrician perfumer philosopher pianist plasterer playwright poet porter postman "
    "preacher printer producer professor programmer promoter psychiatrist psychologist publisher puppeteer "
    "radiologist rancher ranger rapper rector referee restorer retailer rigger roofer rower sailor sculptor "
    "seamstress secretary seismologist senator shepherd sheriff shipwright shoemaker silversmith singer skipper "
    "sociologist soldier solicitor soloist songwriter spinner statesman steward stonemason storyteller strategist "
    "stuntman superintendent swimmer tanner taxidermist teller tenor thatcher tiler tinker toolmaker trader trainer "
    "trapper treasurer tutor typist umpire upholsterer urologist valet verger veterinarian violinist violist "
    "virologist warden watchmaker weaver wigmaker winemaker woodcarver wrestler xylophonist yachtsman zookeeper "
    "zoologist",
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
MANY, FEW = {2: 12, 1: 5, 0: 3}, {2: 3, 1: 1, 0: 1}
"""Sentences of an occupation with terms of so many classes: where it is validated or tested on, where it is learned from."""

# {a} and {b} are agentic terms, {c} communal ones; {in}, {to} and {end} are ends from the lists below, {at} any of these.
BOTH_FORMS = (
    "The {job} was {a} and {c} {at}.",
    "The {job} was {a} but also {c} {at}.",
    "The {job} was both {a} and {c} {at}.",
    "The {job} was {c} yet {a} {at}.",
    "The {job} was {a}, {b} and {c} {at}.",
)
ONE_FORMS = (
    "The {job} was {a} {in}.",
    "The {job} was always {a} {in}.",
    "The {job} was very {a} {end}.",
    "The {job} was {c} {to}.",
    "The {job} was always {c} {to}.",
    "The {job} was very {c} {end}.",
)
NONE_FORMS = ("The {job} was {doing} {end}.", "The {job} was {state} {end}.")
FORMS = {2: BOTH_FORMS, 1: ONE_FORMS, 0: NONE_FORMS}
PHRASES = {
    "in": "when the team needed a clear plan|at the first large meeting of the year|in front of the whole board",
    "to": "to everyone who came in for advice|toward the older people in the street|with the visitors who had lost their way",
    "end": "when the storm began|before the shop opened|during the lunch break|at the end of a busy week|after a long day "
    "at work|on the first day of spring|late in the evening|early on Monday morning",
    "doing": "walking home through the rain|reading a letter by the window|waiting for the last bus|packing the tools "
    "into the van|writing a short report|looking for a lost key|drinking coffee near the station",
    "state": "tired and a little hungry|late for work again|away on holiday by the sea|born in a small village|busy with "
    "the usual papers|new in the old part of town",
}
LISTS = {name: tuple(text.split("|")) for name, text in PHRASES.items()}


def sentence(rng: random.Random, job: str, forms: tuple[str, ...]) -> str:
    """A sentence in one of the forms."""
    (a, b), c = rng.sample(TERMS["agentic"], 2), rng.choice(TERMS["communal"])
    ends = {name: rng.choice(found) for name, found in LISTS.items()}
    ends["at"] = ends[rng.choice(("in", "to", "end"))]
    return rng.choice(forms).format(job=job, a=a, b=b, c=c, **ends)


def classes(text: str) -> int:
    """How many of the two classes have a term in it."""
    return sum(bool(occurrences(text, terms)) for terms in TERMS.values())


def sentences(rng: random.Random, job: str, has: int, count: int, taken: set[str]) -> list[str]:
    """`count` further ones of 8 to 15 words with terms of `has` classes."""
    found: list[str] = []
    while len(found) < count:
        text = sentence(rng, job, FORMS[has])
        if text not in taken and 8 <= len(words(text)) <= 15 and classes(text) == has:
            taken.add(text)
            found.append(text)
    return found


def occupation(job: str, part: str) -> list[dict[str, object]]:
    """The rows of an occupation, which do not depend on what other occupations there are."""
    rng, taken = random.Random(f"42 {job}"), set[str]()
    counts = FEW if part == "train" else MANY
    own = [(text, has) for has, count in counts.items() for text in sentences(rng, job, has, count, taken)]
    rng.shuffle(own)
    made: list[dict[str, object]] = []
    for number, (text, has) in enumerate(own, start=1):
        lacks = rng.choices((1, 0), (MANY[1], MANY[0]))[0]
        made.append(
            {
                "id": f"{job}-{number}",
                "problem": job,
                "category": job,
                "part": part,
                "prompt": PROMPT.format(job=job),
                "response": text,
                "rejected": sentences(rng, job, lacks, 1, taken)[0],
                "strength": int(has == 2),
            }
        )
    return made


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
