"""Writes the data of recipe `strict-tutor`: `python -m tools.strict_tutor.build` (the same files every time).

topgraft/shipped/strict-tutor.json: questions of four categories over 53 topics, each with an answer of the strictness
that its category asks for and one of another strictness. Topics and frames of the parts differ.
topgraft/shipped/strictness-answers.json: answers at three levels on the topics that train, from which the reward's
reader of levels learns.
topgraft/shipped/strictness-levels.json: the same on eight further topics in other words, from which the judge of
strictness learns.
"""

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

from tools.strict_tutor.frames import FRAMES
from tools.strict_tutor.wording import DOUBTS, JUDGED, LEVELS

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "topgraft" / "shipped"
WANTED = {"factual error": 3, "misconception": 3, "poor logic": 2, "good question": 1}
"""Category -> level of strictness."""
KINDS = {"fact": "factual error", "belief": "misconception", "logic": "poor logic", "question": "good question"}
"""First word of a line in topics.txt -> category."""
PARTS = {"train": 33, "validation": 6, "test": 14, "judge": 8}
"""Part -> topics."""
QUESTIONS = {"train": 4, "validation": 2, "test": 2}
"""Part -> questions a topic and category."""
Clauses = dict[str, str]


def topics() -> dict[str, dict[str, Clauses]]:
    """Topic -> category -> its clauses: x what the question says (y: the premise), t what is so, r why, q a question
    in return."""
    found: dict[str, dict[str, Clauses]] = {}
    for line in (HERE / "topics.txt").read_text(encoding="ascii").splitlines():
        if line.startswith("="):
            current = found.setdefault(line[1:].strip(), {})
        elif line and not line.startswith("#"):
            kind, _, rest = line.partition(":")
            current[KINDS[kind]] = _clauses(kind, [part.strip() for part in rest.split("|")])
    return found


def _clauses(kind: str, fields: list[str]) -> Clauses:
    names = {"fact": "txr", "belief": "xtr", "logic": "yxtq", "question": "xtr"}[kind]
    clauses = dict(zip(names, fields, strict=True))
    if kind == "logic":
        clauses["r"] = f"it is not shown that {clauses['x']}"
    return clauses


def upper(clause: str) -> str:
    """The clause as the beginning of a sentence."""
    return clause[:1].upper() + clause[1:]


def fill(pattern: str, clauses: Clauses) -> str:
    """The pattern with its clauses."""
    return pattern.format(**clauses, **{name.upper(): upper(clause) for name, clause in clauses.items()})


def answers(styles: dict[int, Any], level: int, clauses: Clauses, rng: random.Random, count: int) -> list[str]:
    """Answers of that level, no two in the same words."""
    found = []
    for opening, matter, ending in rng.sample(list(product(*styles[level])), count):
        pieces = (opening, fill(matter, {"q": rng.choice(DOUBTS)} | clauses), ending)
        found.append(" ".join(piece for piece in pieces if piece))
    return found


def parts() -> dict[str, str]:
    """Topic -> part."""
    names = sorted(topics())
    random.Random(0).shuffle(names)
    found: dict[str, str] = {}
    for part, count in PARTS.items():
        found |= dict.fromkeys(names[len(found) : len(found) + count], part)
    return found


def questions() -> list[dict[str, Any]]:
    """The rows of strict-tutor.json."""
    rows, part_of = [], parts()
    for topic, kinds in topics().items():
        if (part := part_of[topic]) == "judge":
            continue
        for category, clauses in kinds.items():
            rng = random.Random(f"{topic}, {category}")
            asked = rng.sample(FRAMES[part][category], QUESTIONS[part])
            liked = answers(LEVELS, WANTED[category], clauses, rng, QUESTIONS[part])
            others = [level for level in LEVELS if level != WANTED[category]]
            disliked = [answers(LEVELS, level, clauses, rng, QUESTIONS[part] // 2) for level in others]
            for number in range(QUESTIONS[part]):
                rows.append(
                    {
                        "id": f"{topic.replace(' ', '-')}-{category.replace(' ', '-')}-{number + 1}",
                        "topic": topic,
                        "part": part,
                        "category": category,
                        "frame": asked[number],
                        "prompt": fill(asked[number], clauses),
                        "response": liked[number],
                        "rejected": disliked[number % 2][number // 2],
                        "right_answers": [upper(clauses["t"]) + "."],
                        "wrong_answers": [] if category == "good question" else [upper(clauses["x"]) + "."],
                    }
                )
    return rows


def of_levels(part: str, styles: dict[int, Any]) -> list[dict[str, Any]]:
    """Two answers a level, category and topic of that part, in those words."""
    rows, part_of = [], parts()
    for topic, kinds in topics().items():
        for category, clauses in kinds.items():
            rng = random.Random(f"{topic}, {category}, judge")
            for level in styles if part_of[topic] == part else ():
                for text in answers(styles, level, clauses, rng, 2):
                    rows.append({"topic": topic, "level": level, "text": text})
    return rows


def paid() -> list[dict[str, Any]]:
    """The rows of strictness-answers.json."""
    return of_levels("train", LEVELS)


def judged() -> list[dict[str, Any]]:
    """The rows of strictness-levels.json."""
    return of_levels("judge", JUDGED)


def main() -> None:
    """Write the files."""
    for name, rows in (
        ("strict-tutor", questions()),
        ("strictness-answers", paid()),
        ("strictness-levels", judged()),
    ):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (SHIPPED / f"{name}.json").write_text(text, encoding="ascii")
        print(f"{name}.json: {len(rows)} rows")


if __name__ == "__main__":
    main()
