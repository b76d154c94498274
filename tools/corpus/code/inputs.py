"""Random test inputs of every type; each list is short enough to be quoted in a sentence."""

import random

WORDS = [
    "apple",
    "bee",
    "cat",
    "Dog",
    "egg",
    "fig",
    "Gold",
    "hat",
    "ice",
    "jam",
    "kite",
    "Lion",
    "moon",
    "nut",
    "Oak",
    "pear",
    "queen",
    "rain",
    "Sun",
    "tea",
    "up",
    "Van",
    "wolf",
    "yes",
    "zoo",
    "banana",
    "level",
    "radar",
    "Anna",
    "stone",
    "river",
    "cloud",
    "Paris",
    "ant",
    "be",
    "to",
    "of",
    "tiger",
    "noon",
    "lamp",
    "Milk",
    "door",
    "Rose",
    "eel",
    "oxen",
    "tree",
    "Iris",
    "salt",
    "peach",
    "bread",
    "echo",
    "oboe",
    "total",
    "civic",
]
TEXTS = [
    "",
    "a",
    "Hi",
    "abc",
    "Hello",
    "a1b2",
    "ab cd",
    "x-ray",
    "AAA",
    "moon",
    "Room 101",
    "no way!",
    "B4 5pm",
    "tree",
    "Yes, sir",
    "zz9",
    "Go  on",
    "eel",
    "2024",
    "Milk tea",
    "add it",
    "QUIET",
    "one two three",
    "l8r",
    "aabb",
    "pizza",
    "A b C",
    "hop.",
    "3 cats",
    "book",
    "Oslo",
    "k",
    "7",
    "12:30",
    "up up",
    "Anna",
    "low LOW",
    "end",
    "Eve",
    "a,b,c",
    "wow!!",
    "Tim ate 2",
    "ice",
    "oak",
    "UFO",
    "bee-hive",
]
KEYS = [
    "tea",
    "milk",
    "bread",
    "apple",
    "pen",
    "cup",
    "Ann",
    "Bob",
    "Eva",
    "Tom",
    "Mia",
    "Leo",
    "red",
    "blue",
    "rice",
    "soap",
    "hat",
    "lamp",
    "salt",
    "jam",
    "Zoe",
    "Kim",
    "Ben",
    "corn",
    "fish",
]


def near(rng: random.Random, points: list[int], low: int = -12, high: int = 30) -> int:
    """A number, often exactly at or next to one of the interesting points."""
    if points and rng.random() < 0.55:
        return rng.choice(points) + rng.choice([-1, 0, 0, 1])
    return rng.randint(low, high)


def numlist(rng: random.Random, points: list[int], size: int, low: int = -12, high: int = 30) -> list[int]:
    """A list of numbers around the interesting points."""
    return [near(rng, points, low, high) for _ in range(size)]


def numlists(
    rng: random.Random, points: list[int] | None = None, empty: bool = True, low: int = -12, high: int = 30
) -> list[list[int]]:
    """About a dozen lists of numbers with the empty one, single items and repeated values."""
    pts = points or [0, 1, 5]
    sizes = ([0] if empty else []) + [1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5]
    out = [numlist(rng, pts, size, low, high) for size in sizes]
    value = near(rng, pts, low, high)
    return [*out, [value, near(rng, pts, low, high), value]]


def texts(rng: random.Random, empty: bool = True, count: int = 12) -> list[str]:
    """A sample of short strings."""
    pool = TEXTS if empty else TEXTS[1:]
    return [*([""] if empty else []), *rng.sample(pool[1:], count)]


def wordlists(rng: random.Random, empty: bool = True) -> list[list[str]]:
    """A sample of short lists of words."""
    sizes = ([0] if empty else []) + [1, 1, 2, 2, 3, 3, 3, 4, 4, 4]
    out = [rng.sample(WORDS, size) for size in sizes]
    word = rng.choice(WORDS)
    return [*out, [word, rng.choice(WORDS), word]]


def numdicts(
    rng: random.Random, points: list[int] | None = None, empty: bool = True, low: int = 0, high: int = 30
) -> list[dict[str, int]]:
    """A sample of small dictionaries from names to whole numbers."""
    pts = points or [0, 5, 10]
    sizes = ([0] if empty else []) + [1, 1, 2, 2, 2, 3, 3, 3, 3, 4]
    return [{k: max(low, near(rng, pts, low, high)) for k in rng.sample(KEYS, size)} for size in sizes]


def grids(
    rng: random.Random,
    points: list[int] | None = None,
    square: bool = False,
    low: int = -5,
    high: int = 12,
    empty: bool = False,
) -> list[list[list[int]]]:
    """A sample of small tables of whole numbers."""
    pts = points or [0, 1, 5]
    shapes = [(1, 1), (2, 2), (2, 2), (3, 3)] if square else [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)]
    out = [[numlist(rng, pts, c, low, high) for _ in range(r)] for r, c in shapes + shapes]
    return [*([[]] if empty else []), *out]


def ints(rng: random.Random, low: int, high: int, count: int = 10, points: list[int] | None = None) -> list[int]:
    """Whole numbers in a range, the ends and the interesting points among them."""
    base = [low, low + 1, high, *[p for p in points or [] if low <= p <= high]]
    for point in points or []:
        base += [p for p in (point - 1, point + 1) if low <= p <= high]
    return list(dict.fromkeys(base + [rng.randint(low, high) for _ in range(count)]))
