"""A small PPO with rules to be scored by, and the unsplit models to compare it with."""

from pathlib import Path

import tiny
import torch

from topgraft.algorithms.ppo import PPO, Options
from topgraft.records import Batch, Demonstration, Scores
from topgraft.rollout.choosing import SamplingSettings

ROWS = [
    Demonstration(key=str(number), group="g", prompt=prompt, response="")
    for number, prompt in enumerate(["one", "two and two", "3", "four", "five hundred", "six", "7!", "eight?"])
]
ENDS = (tiny.END, 20, 21, 22, 23)
LENGTH = 8


def by_length(prompts, responses, tokens, trunk) -> Scores:
    """A rule to be scored by: the number of response tokens over four."""
    total = tokens.counted_BT.sum(1) / 4
    return Scores(total_B=total, parts={"length": total})


def letters(prompts, responses, tokens, trunk) -> Scores:
    """A rule to be learned: the share of response tokens that are lower-case letters."""
    first = tiny.FIRST + tiny.CHARACTERS.index("a")
    hits = (tokens.ids_BT >= first) & (tokens.ids_BT < first + 26) & tokens.counted_BT
    total = hits.sum(1) / tokens.counted_BT.sum(1)
    return Scores(total_B=total, parts={"letters": total})


def make(
    architecture: str = "llama",
    *,
    temperature: float = 1.0,
    reference: str | None = "sft",
    score=by_length,
    ends: tuple[int, ...] = ENDS,
    attention: str = "eager",
    dtype: torch.dtype = torch.float32,
    shaping: dict | None = None,
    gradient_checkpointing: bool = False,
    **options,
) -> PPO:
    made = tiny.split(architecture, attention=attention, dtype=dtype, gradient_checkpointing=gradient_checkpointing)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    sampling = SamplingSettings(temperature=temperature, **(shaping or {}))
    actors = tiny.actors(made, tiny.characters(), score=score, response=LENGTH, sampling=sampling, end_ids=ends)
    algorithm = PPO(actors, Options(**options), "ppo", reference=reference)
    algorithm.head.to(dtype)
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@torch.no_grad()
def whole_logprobs(algorithm: PPO, batch: Batch, slot: str | None, folder: Path, temperature: float) -> torch.Tensor:
    """[B, T] log-probabilities of the response tokens from an unsplit model."""
    whole = tiny.unsplit(algorithm.actors.model, slot, folder, "llama")
    tokens, found = batch.tokens, torch.zeros(batch.tokens.ids_BT.shape)
    for row, logits in enumerate(tiny.whole_logits(whole, tokens, left=True)):
        full = torch.log_softmax(logits / temperature, -1)
        for place in tokens.counted_BT[row].nonzero().flatten().tolist():
            found[row, place] = full[place - 1, tokens.ids_BT[row, place]]
    return found
