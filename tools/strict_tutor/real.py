"""How the categoriser does on questions that people wrote: `python -m tools.strict_tutor.real FOLDER`.

FOLDER holds truthfulqa/TruthfulQA.csv, math-misconceptions/data.json and bridge-math-remediation/test.json. None of them
has our categories, so rows are taken whose category follows from what they are; "strict" means factual error or
misconception, which ask for the same level.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

from topgraft.data import categories
from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import split
from topgraft.evaluate.statistics.intervals import share_interval

STRICT = ("factual error", "misconception")
Rows = list[tuple[str, str]]
"""(what is one problem, text)."""


def truthfulqa(folder: Path) -> dict[str, tuple[tuple[str, ...], Rows]]:
    """Its questions are good ones; the common wrong answers to them, put as statements, are to be corrected."""
    with (folder / "truthfulqa" / "TruthfulQA.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [(row["Question"], row["Best Incorrect Answer"] + ".") for row in rows]
    beliefs = [text for text, row in zip(wrong, rows, strict=True) if row["Category"] == "Misconceptions"]
    return {
        "TruthfulQA, questions": (("good question",), [(row["Question"], row["Question"]) for row in rows]),
        "TruthfulQA, wrong answers": (STRICT, wrong),
        "TruthfulQA, wrong answers of its category Misconceptions": (STRICT, beliefs),
    }


def mathematics(folder: Path) -> dict[str, tuple[tuple[str, ...], Rows]]:
    """Pupils' wrong solutions, and their last line in a chat with a tutor."""
    solved = json.loads((folder / "math-misconceptions" / "data.json").read_text(encoding="utf-8"))
    chats = json.loads((folder / "bridge-math-remediation" / "test.json").read_text(encoding="utf-8"))
    wrong = [(row["Misconception ID"], f"{row['Question']} {row['Incorrect Answer']}") for row in solved]
    last = [(row["c_id"], [turn["text"] for turn in row["c_h"] if turn["user"] == "student"][-1:]) for row in chats]
    return {
        "math-misconceptions, exercise and wrong answer": (STRICT, wrong),
        "bridge, the pupil's last line": (STRICT, [(chat, text[0]) for chat, text in last if text]),
    }


def main(folder: Path) -> None:
    """Print a line for each set."""
    settings = DataSettings(source="strict-tutor", group="topic")
    parts = split(read(settings), settings.split, settings.split_seed)
    categoriser = categories.fit(parts.train)
    test: Rows = [(row.group, row.prompt) for row in parts.test]
    said = categoriser([text for _, text in test])
    hits = [float(name == row.category) for (name, _), row in zip(said, parts.test, strict=True)]
    print(line("strict-tutor, test questions", hits, test, Counter(name for name, _ in said)))
    for name, (wanted, rows) in (truthfulqa(folder) | mathematics(folder)).items():
        found = [category for category, _ in categoriser([text for _, text in rows])]
        print(line(name, [float(category in wanted) for category in found], rows, Counter(found)))


def line(name: str, hits: list[float], rows: Rows, said: Counter[str]) -> str:
    """One set: the share that is right, its interval over problems, and what was said."""
    share = share_interval(hits, [group for group, _ in rows])
    shown = ", ".join(f"{category} {count}" for category, count in said.most_common())
    return f"{name}: {share.value:.2f} [{share.low:.2f}, {share.high:.2f}], n = {share.n} ({shown})"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
