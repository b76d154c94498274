"""What a run's reward model says of held-out pairs: every pair with both scores, and where the model errs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from safetensors.torch import load_file

from topgraft.evaluate.records import Response
from topgraft.evaluate.reward_errors import RewardPair, analyse
from topgraft.records import Demonstration
from topgraft.rewards.combination import Scorer
from topgraft.rewards.learned import LearnedReward
from topgraft.rollout.rows import Pair
from topgraft.runs.writing import as_json
from topgraft.train.pairing import comparisons
from topgraft.train.workplace import Workplace

SCORED_AT_ONCE = 64
"""Answers whose states are held together."""
Both = tuple[Demonstration, str, Pair, Pair]
"""A row, its part of the split, and its prompt with the preferred and with the other answer."""


def examine(place: Workplace, base: Sequence[Response]) -> dict[str, Any]:
    """Score the held-out pairs, write evaluation/reward_pairs.jsonl (the most confidently wrong first) and
    evaluation/reward_model.json, and return what is said of the reward model as an instrument."""
    rows = place.splits.test
    own = any(row.rejected is not None and row.strength > 0 for row in rows)
    both = _own(place) if own else _against_base(place, base)
    pairs = sorted(_scored(place, both), key=lambda pair: pair.margin)
    lines = [json.dumps(asdict(pair) | {"right": pair.right}, ensure_ascii=False) for pair in pairs]
    place.run.write(place.run.reward_pairs_file, "".join(line + "\n" for line in lines))
    of = "the data's own pairs" if own else "reference against Base's answer"
    found = {"pairs": of, **analyse(pairs, place.settings.seed)}
    place.run.write(place.run.reward_model_file, as_json(found))
    measured = found["arms"]["test"]["metrics"]
    return {
        "held_out_accuracy": measured["accuracy"],
        "longer_wins": measured["longer_wins"],
        "pairs": of,
        "n": float(measured["accuracy"]["n"]),
    }


def _own(place: Workplace) -> list[Both]:
    """The data's own pairs but for ties."""
    return [
        (row, part, (row.prompt, row.response), (row.prompt, row.rejected))
        for part in ("test", "validation")
        for row in place.splits.parts()[part]
        if row.rejected is not None and row.strength > 0
    ]


def _against_base(place: Workplace, base: Sequence[Response]) -> list[Both]:
    """The references of the test rows against Base's answers, and of the validation rows against what Base was sampled
    to say, where there is a stage `pairs`."""
    both: list[Both] = [
        (row, "test", (row.prompt, row.response), (row.prompt, other.ids))
        for row, other in zip(place.splits.test, base, strict=True)
        if row.response
    ]
    rows = {row.key: row for row in place.splits.validation}
    sampled = [pair for pair in comparisons(place.run, "pairs") if pair.key in rows and pair.strength > 0]
    return both + [(rows[pair.key], "validation", *pair.pairs) for pair in sampled]


def _scored(place: Workplace, both: Sequence[Both]) -> list[RewardPair]:
    answers = [answer for _, _, *two in both for answer in two]
    scores = _learned_scores(place, place.rewards["reward"], answers)
    # Normalising has scaled the scores for policies; sigmoid speaks of the scale on which the pairs were learned.
    gain = load_file(place.run.stage("reward").checkpoints / "last" / "head.safetensors")["gain"].item()
    return [
        RewardPair(
            id=row.key,
            problem=row.group,
            part=part,
            category=row.category,
            strength=row.strength,
            prompt=row.prompt,
            chosen=_text(place, chosen),
            rejected=_text(place, rejected),
            chosen_score=scores[2 * number],
            rejected_score=scores[2 * number + 1],
            margin=(scores[2 * number] - scores[2 * number + 1]) / gain,
            chosen_tokens=len(place.cache.ids(chosen)[1]),
            rejected_tokens=len(place.cache.ids(rejected)[1]),
        )
        for number, (row, part, chosen, rejected) in enumerate(both)
    ]


def _text(place: Workplace, pair: Pair) -> str:
    """The answer as text, that of a sample decoded."""
    answer = pair[1]
    return answer if isinstance(answer, str) else place.template.decode(list(answer))


def _learned_scores(place: Workplace, model: LearnedReward | Scorer, answers: Sequence[Pair]) -> list[float]:
    """The reward model's scores of prompts with their answers."""
    if not isinstance(model, LearnedReward):
        return model([prompt for prompt, _ in answers], [_text(place, pair) for pair in answers])
    found: list[float] = []
    for start in range(0, len(answers), SCORED_AT_ONCE):
        found += model(*place.cache.get(answers[start : start + SCORED_AT_ONCE])).tolist()
    return found
