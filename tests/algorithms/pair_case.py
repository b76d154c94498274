"""Pairs, learners from them, and the log-probabilities of every answer by an unsplit model."""

from pathlib import Path
from typing import Any

import tiny
import torch

from topgraft.algorithms import dpo, kto, orpo
from topgraft.records import Comparison

ROWS = [
    Comparison(key=str(number), prompt=prompt, chosen=chosen, rejected=rejected)
    for number, (prompt, chosen, rejected) in enumerate(
        [("one", "aa", "zzzz"), ("two", "aba", "z"), ("three?", "a", "zxz"), ("4", "aaaa", "xx"), ("5", "ab", "zy")]
    )
]
LEARNERS = {
    "dpo": (dpo.DPO, dpo.Options),
    "ipo": (dpo.DPO, lambda **options: dpo.Options(loss="ipo", **options)),
    "orpo": (orpo.ORPO, orpo.Options),
    "kto": (kto.KTO, kto.Options),
}


def make(
    name: str,
    architecture: str = "llama",
    reference: str | None = "sft",
    *,
    attention: str = "eager",
    dtype: torch.dtype = torch.float32,
    gradient_checkpointing: bool = False,
    **options: object,
) -> Any:
    """A learner in slot "policy" that starts from slot "sft"."""
    made = tiny.split(architecture, attention=attention, dtype=dtype, gradient_checkpointing=gradient_checkpointing)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    actors = tiny.actors(made, tiny.characters(), response=10)
    learner, settings = LEARNERS[name]
    algorithm = learner(actors, settings(**options), "policy", reference=reference)
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


@torch.no_grad()
def whole_logprobs(
    algorithm: Any, slot: str | None, folder: Path, architecture: str, pairs: list[tuple[str, Any]]
) -> list[torch.Tensor]:
    """Float64 log-probabilities of the tokens of every answer by the unsplit model, row by row."""
    whole = tiny.unsplit(algorithm.actors.model, slot, folder, architecture)
    template, found = algorithm.actors.template, []
    for asked, answer in pairs:
        prompt, ids = template.encode_prompt(asked), template.encode_response(answer)
        logits = whole(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        found.append(torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(ids)[:, None])[:, 0])
    return found
