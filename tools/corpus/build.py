"""Command line: writes the corpus as JSON lines."""

import argparse
import json
import random
import time
from pathlib import Path

from tools.corpus import dialogues, extra, occupations, restate, tutor
from tools.corpus.code import engine
from tools.corpus.voices import compose

SHARES = {"code_feedback": 0.42, "voices": 0.20, "restate": 0.10, "occupations": 0.07, "tutor": 0.13, "dialogues": 0.08}


def build(seed: int, total: int, extra_dir: Path | None) -> list[dict[str, str]]:
    """All rows in random order; rows from other sources take the place of tutor and dialogue rows."""
    rng = random.Random(seed)
    more = extra.load(extra_dir)[: total // 10] if extra_dir and extra_dir.is_dir() else []
    want = {kind: round(total * share) for kind, share in SHARES.items()}
    for row in more:
        want[row["kind"]] -= 1
    makers = {
        "code_feedback": engine.generate,
        "voices": compose.generate,
        "restate": restate.generate,
        "occupations": occupations.generate,
        "tutor": tutor.generate,
        "dialogues": dialogues.generate,
    }
    rows = list(more)
    for kind, maker in makers.items():
        rows += maker(random.Random(rng.getrandbits(64)), max(0, want[kind]))
    rng.shuffle(rows)
    return rows


def summary(rows: list[dict[str, str]]) -> str:
    """Counts per kind."""
    lines = []
    for kind in SHARES:
        part = [r for r in rows if r["kind"] == kind]
        words = sum(len(r["prompt"].split()) + len(r["response"].split()) for r in part) / max(1, len(part))
        unique = len({r["response"] for r in part})
        lines.append(
            f"{kind}: {len(part)} rows, {len({r['prompt'] for r in part})} prompts, {unique} responses, {words:.1f} words"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments, write the file and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rows", type=int, default=24000)
    parser.add_argument("--extra", type=Path)
    args = parser.parse_args()
    begin = time.time()
    rows = build(args.seed, args.rows, args.extra)
    with args.out.open("w", encoding="ascii") as handle:
        for row in rows:
            handle.write(json.dumps({key: row[key] for key in ("kind", "prompt", "response")}) + "\n")
    print(f"{summary(rows)}\n{len(rows)} rows in {time.time() - begin:.1f} s")


if __name__ == "__main__":
    main()
