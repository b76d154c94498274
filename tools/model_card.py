"""Measure `seedling` as the Base arm and write its model card beside the weights.

    python -m tools.model_card

Base must not be a straw man: its answers to the test prompts are read for a verdict, for an end of their own, and compared
with neutral reference answers. Also checks that no eight-word run of the test and validation rows stands in the corpus, where
the corpus is given.
"""

import argparse
import json
import re
from pathlib import Path

import torch

from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import split
from topgraft.data.template import Template
from topgraft.evaluate.metrics.bleu import corpus_bleu
from topgraft.evaluate.records import Measure, Response
from topgraft.evaluate.responses import answer
from topgraft.evaluate.statistics.intervals import interval, share_interval
from topgraft.model.load import SHIPPED, ModelSettings, load
from topgraft.rewards.verdict import read_verdict
from topgraft.rollout.choosing import SamplingSettings, greedy

FOLDER = SHIPPED["seedling"]
VOICES = FOLDER.parent / "other-voices.json"


def neutral_references() -> dict[str, str]:
    """Row id -> neutral answer."""
    records = [json.loads(line) for line in VOICES.read_text(encoding="utf-8").splitlines()]
    return {record["id"]: record["feedback"] for record in records if record["voice"] == "neutral"}


def base_answers() -> list[Response]:
    """Base's greedy answers to the test prompts."""
    settings = DataSettings(max_prompt_tokens=384, max_response_tokens=160)
    loaded = load(ModelSettings())
    vocabulary = loaded.split.model.get_input_embeddings().weight.shape[0]
    template = Template(loaded.tokenizer, loaded.end_ids, vocabulary, settings)
    rows = split(read(settings), settings.split, settings.split_seed).test
    lengths = [len(template.encode_prompt(row.prompt)) + len(template.encode_response(row.response)) for row in rows]
    print(f"longest prompt and feedback: {max(lengths)} tokens")
    return answer(
        loaded.split,
        template,
        rows,
        greedy(SamplingSettings()),
        arm="base",
        slot=None,
        start=None,
        generator=torch.Generator(),
    )


def figures(responses: list[Response]) -> dict[str, Measure]:
    """What the Base arm is worth, with intervals over problems."""
    groups = [row.group for row in responses]
    texts = [row.response for row in responses]
    neutral = [neutral_references()[row.key] for row in responses]
    readable = [float(read_verdict(text) is not None) for text in texts]
    right = [float(read_verdict(row.response) is row.correct) for row in responses]
    return {
        "answers with a readable verdict": share_interval(readable, groups),
        "answers that end by themselves": share_interval([float(row.ended) for row in responses], groups),
        "verdicts that are right": share_interval(right, groups),
        "BLEU-4 against neutral references": interval(
            lambda rows: corpus_bleu([texts[i] for i in rows], [neutral[i] for i in rows]), groups
        ),
    }


def overlap(corpus: Path) -> int:
    """How many eight-word runs of test and validation rows (problem or feedback) stand in the corpus."""
    settings = DataSettings()
    splits = split(read(settings), settings.split, settings.split_seed)
    rows = [*splits.test, *splits.validation]
    held = {run for row in rows for run in runs(row.response) | runs(row.prompt.split("\n\n")[0])}
    seen: set[str] = set()
    for line in corpus.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        seen |= (runs(record["prompt"]) | runs(record["response"])) & held
    for run in sorted(seen)[:10]:
        print(f"in the corpus: {run}")
    return len(seen)


def runs(text: str, length: int = 8) -> set[str]:
    """The runs of `length` words in a text, lower case, without punctuation."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[start : start + length]) for start in range(len(words) - length + 1)}


def card(training: dict[str, object], measured: dict[str, Measure], shared_runs: int | None) -> str:
    """The model card."""
    perplexity = training["held_out_perplexity"]
    assert isinstance(perplexity, dict)
    lines = [
        "---",
        "license: apache-2.0",
        "---",
        "",
        "# seedling",
        "",
        f"A Llama-architecture causal language model of {int(str(training['weights'])) / 1e6:.1f} M weights (12 blocks, "
        "byte-level BPE), made for topgraft: small enough to align on a laptop CPU in minutes. It writes short, impersonal "
        "feedback on beginners' Python programs, comments in other voices where the prompt asks for one, sentences about "
        "occupations, a tutor's answers and short dialogues. It can hardly judge a program: its verdicts are near chance. "
        "Not for use beyond demonstrations and tests.",
        "",
        "- Licence: Apache-2.0, as is the text it was trained on, which `tools/corpus` makes; nothing else went in.",
        "- None of the 50 problems of `feedback-200` is in that text, and none of the professor's feedback."
        + (
            f" Runs of eight words shared with its test and validation rows: {shared_runs}."
            if shared_runs is not None
            else ""
        ),
        f"- Training: `python -m tools.pretrain`, seed {training['seed']}, {training['steps']} steps, "
        f"{int(str(training['tokens'])) / 1e6:.1f} M tokens, {training['minutes']} minutes on two CPU cores.",
        *([f"- {training['note']}"] if "note" in training else []),
        "- Format: `<|user|>prompt<|end|><|assistant|>response<|end|>`; pad `<|pad|>`, end `<|end|>`; context 1024.",
        "",
        "Perplexity of responses to prompts held out from training: "
        + ", ".join(f"{kind.replace('_', ' ')} {value:.2f}" for kind, value in perplexity.items())
        + ".",
        "",
        "As the Base arm, on the 40 test rows of `feedback-200` (greedy; 95 % intervals over 10 problems):",
        "",
        "| figure | value | 95 % interval |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {m.value:.3g} | {m.low:.3g} to {m.high:.3g} |" for name, m in measured.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write README.md beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="also look for test rows in this corpus")
    args = parser.parse_args()
    responses = base_answers()
    for row in responses[::8]:
        print(f"{row.key}: {row.response}")
    measured = figures(responses)
    for name, measure in measured.items():
        print(f"{name}: {measure.value:.3f} [{measure.low:.3f}, {measure.high:.3f}]")
    shared_runs = overlap(args.corpus) if args.corpus else None
    training = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))
    (FOLDER / "README.md").write_text(card(training, measured, shared_runs), encoding="utf-8")


if __name__ == "__main__":
    main()
