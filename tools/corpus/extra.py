"""Question and answer rows from public data sets in a folder, when it exists."""

import csv
import json
import re
import unicodedata
from pathlib import Path

Row = dict[str, str]


def fold(text: str) -> str:
    """ASCII text with plain quotes and single spaces."""
    for old, new in (
        ("\u2019", "'"),
        ("\u2018", "'"),
        ("\u201c", '"'),
        ("\u201d", '"'),
        ("\u2013", "-"),
        ("\u2014", "-"),
        ("\u2026", "..."),
    ):
        text = text.replace(old, new)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"\s+", " ", text).strip()


def truthful(path: Path) -> list[Row]:
    """Questions with their best answers."""
    rows = []
    with path.open(encoding="utf-8", newline="") as handle:
        for item in csv.DictReader(handle):
            question, answer = fold(item["Question"]), fold(item["Best Answer"])
            if question and answer and "no comment" not in answer.lower():
                rows.append(
                    {
                        "kind": "tutor",
                        "prompt": question,
                        "response": answer if answer[-1] in ".!?" else answer + ".",
                    }
                )
    return rows


def assistant(path: Path) -> list[Row]:
    """Short first turns of conversations with an assistant."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        messages = json.loads(line)["messages"]
        if len(messages) != 2:
            continue
        question, answer = (fold(m["content"]) for m in messages)
        code = any(mark in question + answer for mark in ("```", "def ", "{", "http"))
        if not code and len(question.split()) <= 60 and 3 <= len(answer.split()) <= 90:
            rows.append({"kind": "dialogues", "prompt": question, "response": answer})
    return rows


def bridge(folder: Path) -> list[Row]:
    """Chats about school mathematics with the reply of an expert."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        for item in json.loads(path.read_text(encoding="utf-8")):
            talk = "\n".join(
                f"{'Student' if t['user'] == 'student' else 'Tutor'}: {fold(t['text'])}" for t in item["c_h"][-4:]
            )
            reply = fold(" ".join(t["text"] for t in item["c_r_"]))
            if reply and "[" not in talk + reply and len(talk.split()) <= 90 and len(reply.split()) >= 4:
                rows.append({"kind": "tutor", "prompt": talk, "response": reply})
    return rows


def load(folder: Path) -> list[Row]:
    """All rows that the folder offers."""
    rows: list[Row] = []
    if (folder / "truthfulqa" / "TruthfulQA.csv").exists():
        rows += truthful(folder / "truthfulqa" / "TruthfulQA.csv")
    if (folder / "oasst-eval100" / "sft.jsonl").exists():
        rows += assistant(folder / "oasst-eval100" / "sft.jsonl")
    if (folder / "bridge-math-remediation").is_dir():
        rows += bridge(folder / "bridge-math-remediation")
    return rows
