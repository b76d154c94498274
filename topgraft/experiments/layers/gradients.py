"""Where the loss pulls before anything is trained: the gradient of every block's adapter at its initial values."""

import math
from dataclasses import replace
from typing import Any

from topgraft.experiments.layers.probes import other_answers
from topgraft.model.adapters import Slots
from topgraft.records import Demonstration
from topgraft.train.gradient import Budget, gradient
from topgraft.train.workplace import Workplace


def gradients(place: Workplace, seed: int) -> dict[str, Any]:
    """Root mean square [depth] of the gradient of the SFT loss over all training rows, per adapter weight that has one.

    Beside it the same for answers in other voices to the same prompts. peft begins with B = 0, so that the gradient of
    A is 0 and all of it is that of B, through the random A of this seed.
    """
    rows = place.splits.train
    others = other_answers(place, rows, seed)
    texts = {key: text if isinstance(text, str) else place.template.decode(list(text)) for key, text in others.items()}
    other_rows = [replace(row, response=texts[row.key]) for row in rows if row.key in texts]
    return {"gradient": _sizes(place, rows, seed), "control": _sizes(place, other_rows, seed), "n": len(rows)}


def _sizes(place: Workplace, rows: list[Demonstration], seed: int) -> list[float]:
    here = place.under(place.settings.model_copy(update={"seed": seed}))
    slot = f"gradient-{len(place.model.slots.names)}"
    learner = here.settings.learner("sft")(here.actors("sft"), here.settings.sft, slot)
    weights, slots = learner.trainable(), place.model.slots
    assert isinstance(slots, Slots)
    for weight in weights:
        weight.requires_grad_(True)
    budget = Budget(place.settings.sft.micro_batch_tokens, place.screen)
    batch = learner.collect(rows)
    gradient(learner, batch, budget, weights, place.accelerator, batch)
    found = []
    for _, inside in sorted(slots.by_block(slot).items()):
        parts = [weight.grad for name, weight in inside.items() if ".lora_B." in name and weight.grad is not None]
        total, many = sum(part.double().square().sum().item() for part in parts), sum(part.numel() for part in parts)
        found.append(math.sqrt(total / many))
    for weight in weights:
        weight.grad = None
        weight.requires_grad_(False)
    return found
