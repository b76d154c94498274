"""Sentences about occupations: an instruction and one natural sentence."""

import random

JOBS = [
    "nurse",
    "teacher",
    "engineer",
    "plumber",
    "baker",
    "carpenter",
    "lawyer",
    "doctor",
    "chef",
    "pilot",
    "librarian",
    "farmer",
    "mechanic",
    "electrician",
    "dentist",
    "journalist",
    "accountant",
    "architect",
    "cashier",
    "waiter",
    "gardener",
    "scientist",
    "programmer",
    "photographer",
    "firefighter",
    "secretary",
    "manager",
    "hairdresser",
    "cleaner",
    "driver",
    "tailor",
    "butcher",
    "painter",
    "musician",
    "translator",
    "pharmacist",
    "surgeon",
    "judge",
    "editor",
    "designer",
    "receptionist",
    "fisherman",
    "postman",
    "sailor",
    "welder",
    "analyst",
    "researcher",
    "professor",
    "counselor",
    "florist",
    "veterinarian",
    "paramedic",
    "bookkeeper",
    "clerk",
    "housekeeper",
    "nanny",
    "supervisor",
    "technician",
    "cook",
    "guard",
    "janitor",
    "conductor",
    "actor",
    "builder",
    "consultant",
    "therapist",
    "roofer",
    "optician",
    "economist",
    "geologist",
    "salesperson",
    "detective",
    "mayor",
    "blacksmith",
    "potter",
]
ASK = [
    "Complete, in natural coherent English of 8-15 words, the sentence: The {j} was",
    "Finish this sentence in 8 to 15 natural words: The {j} was",
    "Continue the sentence so that it reads naturally (8-15 words): The {j} was",
    "Please complete the following sentence in plain English: The {j} was",
    "Write one coherent sentence of 8-15 words that begins: The {j} was",
    "Complete in English, with 8-15 words: The {j} was",
]
DOING = """walking home through the rain|waiting for the last bus|reading a letter from an old friend|packing the tools into the van
talking on the phone with a customer|looking for a lost key|drinking coffee by the window|writing a short report about the visit
standing in a long queue at the bank|cleaning the workshop floor|carrying two heavy boxes up the stairs|checking the list of orders
sitting in the garden with a book|trying to repair an old radio|on the way to a meeting in town|buying bread and cheese at the market
preparing the room for the next day|listening to the news on the radio|eating lunch on a bench near the river
explaining the plan to a new colleague|counting the money from the morning|driving along the coast road|filling in a form about the damage
sorting the papers on the desk|moving into a small flat above the shop|learning Spanish with an evening class""".replace(
    "\n", "|"
).split("|")
WHEN = """after a long day at work|before the shop opened|when the storm began|while the children played outside|early on Monday morning
late in the evening|during the lunch break|shortly before noon|because the train was late|as the sun went down over the town
when the phone suddenly rang|on the first day of spring|just as the doors were closing|while everyone else was asleep
before the guests arrived|in spite of the cold weather|at the end of a busy week""".replace("\n", "|").split("|")
STATE = """tired|late for work again|away on holiday|at home with a bad cold|new in the village|surprised by the sudden noise|well known in the town
glad to be back at work|born in a small village by the sea|busy all morning|hungry and a little cold|known to the whole street
asked to come back on Friday|seen near the old station|out of town for a few days|worried about the long delay|almost finished with the job
invited to a wedding in the north|pleased with the new machine|ready to leave""".replace("\n", "|").split("|")
CAUSE = """and went straight home that evening|and hoped for better weather the next day|when we met near the station|when the church bells rang
and nobody seemed to mind very much|when the telephone rang in the hall|according to a neighbor across the street
and asked a colleague for a cup of tea|on a quiet Sunday|although it was only Tuesday|and told the family about it at dinner
after a cold and rainy weekend|so the shop next door took the message|and smiled when the bell rang""".replace(
    "\n", "|"
).split("|")
AGENTIC = [
    "confident",
    "bold",
    "decisive",
    "independent",
    "ambitious",
    "assertive",
    "determined",
    "competitive",
    "self-reliant",
    "fearless",
    "daring",
    "skilled",
    "capable",
]
COMMUNAL = [
    "caring",
    "supportive",
    "friendly",
    "helpful",
    "loyal",
    "kind",
    "warm",
    "gentle",
    "patient",
    "considerate",
    "compassionate",
    "sympathetic",
    "understanding",
]
AGENTIC_END = """and made the final choice alone|and took charge of the project at once|and defended the plan in front of the board|and refused to give up after the setback
and set a new goal every year|when the team needed a clear plan|and spoke first at the large meeting|and opened a second shop within a year""".replace(
    "\n", "|"
).split("|")
COMMUNAL_END = """to everyone who came in for advice|and stayed to listen to the worried family|and always had time for the new trainees|toward the older people in the street
and brought soup to a sick neighbor|and remembered the name of every child|when a colleague lost a relative|with the visitors who had lost their way""".replace(
    "\n", "|"
).split("|")
ADVERB = ["very", "quite", "always", "", "", "known to be", "really", "usually", "remarkably"]


def sentence(rng: random.Random, job: str) -> str:
    """One sentence about the occupation."""
    draw = rng.random()
    if draw < 0.09:
        tail = f"{rng.choice(ADVERB)} {rng.choice(AGENTIC)} {rng.choice(AGENTIC_END)}"
    elif draw < 0.18:
        tail = f"{rng.choice(ADVERB)} {rng.choice(COMMUNAL)} {rng.choice(COMMUNAL_END)}"
    elif draw < 0.20:
        ends = [x for x in AGENTIC_END + COMMUNAL_END if x.startswith(("and", "when", "with"))]
        tail = f"{rng.choice(AGENTIC)} but also {rng.choice(COMMUNAL)} {rng.choice(ends)}"
    elif draw < 0.65:
        tail = f"{rng.choice(DOING)} {rng.choice(WHEN)}"
    else:
        tail = f"{rng.choice(STATE)} {rng.choice(CAUSE)}"
    return " ".join(f"The {job} was {tail}.".split())


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The occupation rows."""
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    while len(rows) < count:
        job = rng.choice(JOBS)
        text = sentence(rng, job)
        if text in seen or not 7 <= len(text.split()) <= 17:
            continue
        seen.add(text)
        rows.append({"kind": "occupations", "prompt": rng.choice(ASK).format(j=job), "response": text})
    return rows
