"""An unsplit float64 model of the library, for what is worked out apart from the package."""

from pathlib import Path
from typing import NamedTuple

import tiny
import torch
from torch import nn

from topgraft.model.split_model import SplitModel

DOUBLE = torch.float64
MADE = {"dtype": DOUBLE, "attention": "sdpa"}
"""Eager attention takes its softmax in fp32, where a float64 mask is minus infinity: padding becomes NaN."""


class Reading(NamedTuple):
    """At each token of a response: its log-probability, the entropy of what it was chosen from, and the final state
    that predicts it."""

    logprobs_L: torch.Tensor
    entropies_L: torch.Tensor
    states_LH: torch.Tensor


class Plain:
    """The model as `slot` of `made` adapts it at this moment. It reads one row at a time, whole and without padding."""

    def __init__(self, made: SplitModel, slot: str | None, folder: Path, architecture: str) -> None:
        self.model = tiny.unsplit(made, slot, folder, architecture, **MADE)
        for name, module in list(self.model.named_modules()):
            if type(module).__name__ == "LlamaRMSNorm":  # computes in fp32, whatever it is given
                norm = nn.RMSNorm(len(module.weight), eps=module.variance_epsilon, dtype=DOUBLE)
                norm.weight = module.weight
                self.model.set_submodule(name, norm)
        self.weights = {
            name.removeprefix("base_model.model.").replace(".default.", "."): weight.requires_grad_()
            for name, weight in self.model.named_parameters()
            if "lora_" in name
        }

    def named(self, made: SplitModel, slot: str) -> list[torch.Tensor]:
        """The adapter's weights, in the order in which the slot has them."""
        return [self.weights[name] for name, _ in made.slots.named_weights(slot)]

    def read(self, ids: list[int], response: int, temperature: float = 1.0) -> Reading:
        """Of the last `response` ids."""
        out = self.model(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False)
        before = slice(len(ids) - response - 1, len(ids) - 1)
        states_LH, logits_LV = out.hidden_states[-1][0, before], out.logits[0, before]
        torch.testing.assert_close(self.model.get_output_embeddings()(states_LH), logits_LV)
        all_LV = torch.log_softmax(logits_LV / temperature, -1)
        logprobs_L = all_LV.gather(1, torch.tensor(ids[-response:])[:, None]).squeeze(1)
        return Reading(logprobs_L, -(all_LV.exp() * all_LV).sum(-1), states_LH)
