"""Short everyday dialogues, stories, summaries, requests and emails."""

import random

NAMES = [
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Felix",
    "Grace",
    "Hugo",
    "Ida",
    "Jack",
    "Kate",
    "Leo",
    "Mary",
    "Nora",
    "Oscar",
    "Paula",
    "Rita",
    "Sam",
    "Tina",
    "Victor",
    "Wendy",
    "Zoe",
    "Alan",
    "Judy",
    "Peter",
    "Lucy",
]
PLACES = [
    "the station",
    "the library",
    "the market",
    "the park",
    "the harbor",
    "the museum",
    "the old bridge",
    "the school",
    "the bakery",
    "the town hall",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
TIMES = [
    "at nine",
    "at noon",
    "at half past three",
    "at six in the evening",
    "at ten",
    "in the afternoon",
    "after lunch",
    "at a quarter to eight",
]
THINGS = [
    "umbrella",
    "bicycle",
    "blue scarf",
    "notebook",
    "camera",
    "red kite",
    "small lamp",
    "leather bag",
    "map",
    "wooden box",
    "guitar",
    "ladder",
    "watch",
    "kettle",
]
FOODS = [
    "bread",
    "soup",
    "apple cake",
    "rice",
    "fish",
    "tomato salad",
    "cheese",
    "pancakes",
    "plums",
    "noodles",
]
WEATHER = ["rain", "snow", "fog", "strong wind", "hail", "a thunderstorm"]
TASKS = [
    "move the sofa",
    "paint the fence",
    "repair the bicycle",
    "clean the kitchen",
    "plan the trip",
    "write the invitation",
    "carry the boxes",
    "set up the tent",
]
TOPICS = [
    "the new timetable",
    "the budget",
    "the summer fair",
    "the broken heating",
    "the school trip",
    "the concert",
    "the reading list",
    "the garden project",
]
EVENTS = ["meeting", "concert", "lesson", "dinner", "excursion", "interview", "rehearsal", "visit"]

TALKS = [
    (
        "A: Where is the {thing}? B: I left it at {place}. A: Can we get it back today?",
        "B: Yes, {place} is open until six. Let us go {time}, before it gets dark.",
    ),
    ("A: Are you free on {day}?", "B: Yes, but only {time}. Shall we meet at {place}?"),
    (
        "A: What shall we cook tonight? B: I would like {food}.",
        "A: Good idea. Then I will buy {food2} as well, and we can eat {time}.",
    ),
    (
        "A: Did {name} call? B: Yes, about {topic}.",
        "A: Thank you. I will call back {time} and ask what we should prepare.",
    ),
    (
        "A: It looks like {weather} today. B: Should we stay at home?",
        "A: No, we can still go to {place}. Take the {thing} with you, just in case.",
    ),
    (
        "A: I cannot find my {thing}. B: Have you looked in the hall?",
        "A: Not yet. {name} may have put it there when we came back from {place}.",
    ),
    (
        "A: Could you help me to {task}? B: When do you need me?",
        "A: On {day} {time}, if that suits you. It should not take more than an hour.",
    ),
    (
        "A: How was the {event}? B: Longer than expected.",
        "A: Then you must be tired. Sit down, I have kept some {food} for you.",
    ),
    (
        "A: Excuse me, how do I get to {place}?",
        "B: Go straight on for five minutes and then turn left. You will see it behind the trees.",
    ),
    (
        "A: Has the {event} been moved? B: I heard it is now on {day}.",
        "A: In that case I should tell {name}, who wanted to come as well.",
    ),
    (
        "A: How much is this {thing}? B: It costs {n} euros.",
        "A: That is more than I expected. Would you sell it for {m} euros?",
    ),
    (
        "A: {name} is late again. B: The bus was probably stuck because of {weather}.",
        "A: You are right. Let us wait ten more minutes and then begin with {topic}.",
    ),
    (
        "A: Do you like {food}? B: Not really, I prefer {food2}.",
        "A: Then I will order one plate of each, and we can share.",
    ),
    (
        "A: Who is going to {task}? B: I thought {name} would do it.",
        "A: {name} is away until {day}. Perhaps we can do it together {time}.",
    ),
]
STORIES = [
    (
        "Write a very short story about {name} and a {thing}.",
        "{name} found a {thing} near {place}. Nobody knew whose it was, so {name} sat down and waited. At last {name2} came running and smiled with relief. They shared some {food} and became good friends.",
    ),
    (
        "Tell a small story that begins with {weather}.",
        "There was {weather} when {name} left the house. On the way to {place} a {thing} lay on the ground. {name} picked it up and brought it to {name2}, who had been looking for it since {day}.",
    ),
    (
        "Write three sentences about a day at {place}.",
        "On {day} {name} and {name2} went to {place}. They wanted to look around, but {weather} came up. So they sat inside, ate {food} and talked about {topic}.",
    ),
    (
        "Tell me a story about a lost {thing}.",
        "{name} lost a {thing} on {day}. First {name} searched the kitchen, and then {place}. In the end it was under the bed, next to a forgotten plate of {food}.",
    ),
    (
        "Continue the story: {name} opened the door and saw a {thing}.",
        "It lay in the middle of the room, and nobody was there. A note said that {name2} would come {time}. {name} put some {food} on the table and waited.",
    ),
    (
        "Write a short story in which {name} helps {name2}.",
        "{name2} had to {task} before {day}. It was too much for one person, so {name} came {time} with a {thing}. Together they were done before dinner, and they celebrated with {food}.",
    ),
]
SUMMARIES = [
    (
        "Summarize: {name} wanted to visit {place} on {day}, but because of {weather} the trip was moved to {day2}.",
        "Because of {weather}, the visit of {name} to {place} was moved from {day} to {day2}.",
    ),
    (
        "Summarize in one sentence: The group met {time}. They discussed {topic} for an hour. {name} will write a report by {day}.",
        "After a discussion of {topic}, it was agreed that {name} will write a report by {day}.",
    ),
    (
        "Give a summary: {name} bought {food} and {food2} for {n} euros, while {name2} paid {m} euros for a {thing}.",
        "{name} spent {n} euros on food, and {name2} spent {m} euros on a {thing}.",
    ),
    (
        "What happened, in one sentence? {name} missed the bus to {place}, walked through {weather} and arrived just as the {event} began.",
        "Although the bus was missed, {name} walked to {place} and arrived in time for the {event}.",
    ),
]
REQUESTS = [
    (
        "Make this polite: Give me the {thing}.",
        "Would you please hand me the {thing} when you have a moment?",
    ),
    (
        "Write a polite request to {task}.",
        "Dear {name}, would you be so kind as to help me {task} on {day} {time}? I would be very grateful.",
    ),
    (
        "Say more politely: Come to {place} on {day}.",
        "Would it be possible for you to come to {place} on {day}? {name} and I would be glad to see you.",
    ),
    (
        "Ask {name} politely for the {thing}.",
        "{name}, could I borrow your {thing} until {day}? I will return it in good condition.",
    ),
    (
        "Decline politely: an invitation to the {event} on {day}.",
        "Thank you for the invitation to the {event}. Unfortunately I cannot come on {day}, but I hope that we can meet soon.",
    ),
]
MAILS = [
    (
        "Write a short email to {name} about {topic}.",
        "Dear {name},\nI am writing about {topic}. Could we talk about it on {day} {time}? Please tell me whether this suits you.\nKind regards,\n{name2}",
    ),
    (
        "Write an email that moves the {event} to {day}.",
        "Dear all,\nthe {event} cannot take place as planned because of {weather}. It will now be held on {day} {time} at {place}.\nBest wishes,\n{name}",
    ),
    (
        "Write an email of thanks for the {thing}.",
        "Dear {name},\nthank you very much for the {thing}. It arrived on {day}, and I have already used it at {place}.\nWith best wishes,\n{name2}",
    ),
    (
        "Write a formal email to ask about a lost {thing}.",
        "Dear Sir or Madam,\non {day} I left my {thing} at {place}. I would be grateful if you could tell me whether it has been found.\nYours faithfully,\n{name}",
    ),
    (
        "Write an apology to {name} for missing the {event}.",
        "Dear {name},\nI am sorry that I missed the {event} on {day}. I was delayed by {weather} near {place}. May I suggest that we meet {time} on {day2}?\nYours sincerely,\n{name2}",
    ),
]
KINDS = [(TALKS, 0.4), (STORIES, 0.25), (SUMMARIES, 0.12), (REQUESTS, 0.11), (MAILS, 0.12)]


def values(rng: random.Random) -> dict[str, str]:
    """Random contents for the templates."""
    name, name2 = rng.sample(NAMES, 2)
    food, food2 = rng.sample(FOODS, 2)
    day, day2 = rng.sample(DAYS, 2)
    high = rng.randint(12, 90)
    return {
        "name": name,
        "name2": name2,
        "food": food,
        "food2": food2,
        "day": day,
        "day2": day2,
        "place": rng.choice(PLACES),
        "time": rng.choice(TIMES),
        "thing": rng.choice(THINGS),
        "weather": rng.choice(WEATHER),
        "task": rng.choice(TASKS),
        "topic": rng.choice(TOPICS),
        "event": rng.choice(EVENTS),
        "n": str(high),
        "m": str(high - rng.randint(3, 9)),
    }


def tidy(text: str) -> str:
    """Correct the article in front of a vowel."""
    for word in ("umbrella", "interview", "excursion"):
        text = text.replace(f" a {word}", f" an {word}")
    return text


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The dialogue rows."""
    rows: list[dict[str, str]] = []
    seen: set[tuple[str, str]] = set()
    while len(rows) < count:
        pool = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        prompt, response = rng.choice(pool)
        parts = values(rng)
        row = tidy(prompt.format(**parts)), tidy(response.format(**parts))
        if row not in seen:
            seen.add(row)
            rows.append({"kind": "dialogues", "prompt": row[0], "response": row[1]})
    return rows
