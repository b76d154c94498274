"""The weight of the KL to the reference, steered to a target from rollout to rollout."""

import math

from pydantic import Field

from topgraft.objectives.kl import next_beta
from topgraft.recipe import Settings


class KLControl(Settings):
    """[ppo.kl], [grpo.kl], [rloo.kl]"""

    target: float = Field(0.0, ge=0)
    """KL to the reference, in nats per response token, to which beta is steered; 0 leaves beta as it is."""
    horizon: int = Field(10000, ge=1)
    """Responses over which beta moves by the KL's relative error, of which 0.2 counts at most: the larger, the
    slower."""


class KLController:
    """Holds beta, which is all its state."""

    def __init__(self, beta: float, settings: KLControl) -> None:
        self.beta, self.settings = beta, settings

    def update(self, kl: float, responses: int) -> None:
        """Move beta after a rollout of `responses` responses with `kl` nats per token, where that is a number."""
        target, horizon = self.settings.target, self.settings.horizon
        if target and math.isfinite(kl):
            self.beta = next_beta(self.beta, kl, target=target, horizon=horizon, responses=responses)
