"""What a checkpoint holds besides what keeps itself: weights, the optimizer's moments, PyTorch's random generators."""

from typing import Any

import torch
from torch import nn

from topgraft.model.sharding import held_as


class Weights:
    """The weights that learn."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights = weights

    def state(self) -> list[torch.Tensor]:
        """Their values."""
        return [weight.detach() for weight in self.weights]

    @torch.no_grad()
    def restore(self, state: list[torch.Tensor]) -> None:
        """Give them these values."""
        for weight, value in zip(self.weights, state, strict=True):
            weight.copy_(held_as(value, weight))


class Moments:
    """What an optimizer remembers of each weight; its rate and other settings are the stage's."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def state(self) -> dict[str, Any]:
        """By the weight's number."""
        return {str(number): found for number, found in self.optimizer.state_dict()["state"].items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Remember these."""
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments = {int(number): _held_as(found, weights[int(number)]) for number, found in state.items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


def _held_as(found: dict[str, Any], weight: nn.Parameter) -> dict[str, Any]:
    """An optimizer's numbers for a weight; those of its shape are in shares where it is."""
    return {
        name: held_as(value, weight) if isinstance(value, torch.Tensor) and value.shape == weight.shape else value
        for name, value in found.items()
    }


class Generators:
    """The generator that responses are drawn by, and PyTorch's own ones, by which dropout is."""

    def __init__(self, drawing: torch.Generator) -> None:
        self.drawing = drawing

    def state(self) -> dict[str, Any]:
        """Where they stand."""
        devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"drawing": self.drawing.get_state(), "cpu": torch.get_rng_state(), "cuda": devices}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.drawing.set_state(state["drawing"])
        torch.set_rng_state(state["cpu"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
