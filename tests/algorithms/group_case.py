"""Small learners that compare the responses to a prompt, with rules to be scored by."""

from typing import Any

import tiny
from ppo_case import ENDS, by_length

from topgraft.algorithms import grpo, rloo
from topgraft.rollout.choosing import SamplingSettings

LENGTH, GROUP = 8, 3
LEARNERS = {"grpo": (grpo.GRPO, grpo.Options), "rloo": (rloo.RLOO, rloo.Options)}


def make(name: str, architecture: str = "llama", *, score=by_length, temperature: float = 1.0, **options: Any) -> Any:
    """A learner in slot "policy" that starts from slot "sft"."""
    made = tiny.split(architecture)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    sampling = SamplingSettings(temperature=temperature)
    actors = tiny.actors(made, tiny.characters(), score=score, response=LENGTH, sampling=sampling, end_ids=ENDS)
    learner, settings = LEARNERS[name]
    algorithm = learner(actors, settings(group_size=GROUP, **options), "policy", reference="sft")
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm
