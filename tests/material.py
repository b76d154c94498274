"""The rows that commands are tried with, and the tiny model in a folder."""

import json
from pathlib import Path

import tiny

ANSWERS = ["Your program is correct", "I regret: it is incorrect", "Correct, and brief", "It is not correct"]


def rows(count: int = 20) -> list[dict]:
    """Two rows for each problem, with labels."""
    return [
        {
            "id": f"row-{place}",
            "problem": f"p{place // 2}",
            "prompt": f"Is {place} {'even' if place % 2 else 'odd'}?",
            "correct": place % 4 in (0, 2),
            "response": f"{ANSWERS[place % 4]}: {place}.",
        }
        for place in range(count)
    ]


def write_rows(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def model_in(folder: Path) -> Path:
    """A tiny random llama with its tokenizer, in the hub's layout."""
    tiny.model("llama").save_pretrained(folder)
    tiny.characters().save_pretrained(folder)
    return folder
