"""Every learner with a rule that can be read at a glance, on a model that tells children's stories.

python -m tools.stories MODEL OUT      # MODEL: stories260K in the hub's layout; OUT: a folder for data and runs

The reward is 1 where a story speaks of somebody's joy, else 0. Prompts are beginnings made here; pairs are two samples
of the base model to one prompt, of which the rule prefers one. Runs `stories.toml` beside this file with three seeds and
prints a table: held-out prompts were in no training row, every arm draws one story with the same random numbers.
"""

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from topgraft.data.template import LengthSettings, Template
from topgraft.model.load import ModelSettings, load
from topgraft.recipe import build, read_toml
from topgraft.rewards.words import Words
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

RECIPE = Path(__file__).with_suffix(".toml")
SEEDS = (1, 2, 3)
NAMES = (
    "Lily",
    "Tom",
    "Ben",
    "Sue",
    "Max",
    "Anna",
    "Tim",
    "Mia",
    "Sam",
    "Lucy",
    "Jack",
    "Amy",
    "Bob",
    "Jane",
    "Leo",
    "Kim",
)
WHO = ("little girl", "little boy", "dog", "cat", "bird", "bear", "mouse", "rabbit")
WHERE = ("park", "garden", "forest", "house", "school", "river", "farm", "beach")
PROMPTS, RESPONSE = 1024, 48
"""Prompts in all, half of them held out; tokens of a story at most."""


def prompts() -> list[str]:
    """Beginnings of stories, no two alike."""
    every = [
        f"Once upon a time, there was a {who} named {name}. One day, {name} went to the {where}."
        for name, who, where in itertools.product(NAMES, WHO, WHERE)
    ]
    return random.Random(0).sample(every, PROMPTS)


@torch.no_grad()
def write_rows(model: Path, path: Path) -> None:
    """Two different samples of the base model to every prompt, the one with the higher reward as the response."""
    rule = build(Words, read_toml(RECIPE)["rewards"]["joy"]["options"])
    loaded = load(ModelSettings(name=str(model)))
    settings = LengthSettings(max_prompt_tokens=64, max_response_tokens=RESPONSE, template="{prompt}")
    template = Template(loaded.tokenizer, loaded.end_ids, loaded.split.vocabulary, settings, 512)
    asked = [prompt for prompt in prompts() for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    ids = [template.encode_prompt(prompt) for prompt in asked]
    texts = sample(loaded.split, template, ids, SamplingSettings(rows_at_once=256), generator).texts
    with path.open("w", encoding="utf-8") as file:
        for number in range(0, len(asked), 2):
            both = sorted(texts[number : number + 2], key=lambda text: -rule(asked[number], text))
            values = [rule(asked[number], text) for text in both]
            row = {"id": str(number), "prompt": asked[number], "response": both[0], "rejected": both[1]}
            file.write(json.dumps({**row, "strength": float(values[0] > values[1])}) + "\n")


def main() -> None:
    """Make the data, run three seeds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    data = asked.out / "stories.jsonl"
    if not data.exists():
        write_rows(asked.model, data)
    runs = [asked.out / f"seed-{seed}" for seed in SEEDS]
    for seed, run in zip(SEEDS, runs, strict=True):
        command = [sys.executable, "-m", "topgraft", "run", str(RECIPE), "--out", str(run), "--resume"]
        sets = [f"model.name={asked.model}", f"data.source={data}", f"seed={seed}"]
        subprocess.run([*command, *(word for text in sets for word in ("--set", text))], check=True)
    print(table(runs))


def table(runs: list[Path]) -> str:
    """An arm a line: reward, gain over Base in standard deviations, margin, KL and seconds, seed by seed."""
    results = [json.loads((run / "evaluation" / "results.json").read_text()) for run in runs]
    spreads = [statistics.pstdev(_rewards(run, "base")) for run in runs]
    lines = [
        "| arm | reward | gain / deviation of Base | margin, nats | KL, nats a response | highest of a step | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for arm in results[0]["arms"]:
        found = [result["arms"][arm]["metrics"] for result in results]
        base = [result["arms"]["base"]["metrics"] for result in results]
        gains = [
            (own["reward"]["value"] - before["reward"]["value"]) / spread
            for own, before, spread in zip(found, base, spreads, strict=True)
        ]
        cells = [
            ", ".join(_cell(metrics["reward"]) for metrics in found),
            ", ".join(f"{gain:+.2f}" for gain in gains) if arm != "base" else "",
            ", ".join(_cell(metrics["margin"]) for metrics in found if "margin" in metrics),
            ", ".join(f"{metrics['kl']['value']:.1f}" for metrics in found if "kl" in metrics),
            ", ".join(filter(None, (_highest(run, arm, "kl/response") for run in runs))),
            ", ".join(filter(None, (_seconds(run, arm) for run in runs))),
        ]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(entry: dict[str, float]) -> str:
    return f"{entry['value']:.2f} [{entry['low']:.2f}, {entry['high']:.2f}]"


def _rewards(run: Path, arm: str) -> list[float]:
    lines = map(json.loads, (run / "evaluation" / "responses.jsonl").read_text().splitlines())
    return [line["reward"] for line in lines if line["arm"] == arm]


def _highest(run: Path, arm: str, name: str) -> str:
    """The highest value of a step metric, where the arm logs it."""
    path = run / "stages" / arm / "metrics.jsonl"
    values = (
        [line[name] for line in map(json.loads, path.read_text().splitlines()) if name in line] if path.exists() else []
    )
    return f"{max(values):.1f}" if values else ""


def _seconds(run: Path, arm: str) -> str:
    path = run / "stages" / arm / "stage.json"
    return f"{json.loads(path.read_text())['seconds']:.0f}" if path.exists() else ""


if __name__ == "__main__":
    main()
