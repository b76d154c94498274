"""A decoding step: every live row is fed its newest token, and gives the state that predicts the next one."""

from functools import partial

import torch
from transformers import DynamicCache

from topgraft.model.crossing import Crossing
from topgraft.model.split_model import SplitModel


def run_decoder(
    model: SplitModel,
    ids_BT: torch.Tensor,
    real_BT: torch.Tensor,
    positions_BT: torch.Tensor,
    cache: DynamicCache,
    *,
    fed_BT: torch.Tensor,
) -> torch.Tensor:
    """Feed tokens through the whole decoder, those counted that `fed_BT` names; the final state [B, H] at the last.

    `real_BT` covers what the cache holds too.
    """
    with model.meter.counting(fed_BT):
        return model.parts.decoder(
            input_ids=ids_BT,
            attention_mask=real_BT.long(),
            position_ids=positions_BT,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]


class GrowingSteps:
    """Each step reads the keys and values so far, one token more than the step before."""

    retire_at: float = 0.75
    """Ended rows leave the batch when at most this share of it is still open: each departure copies the cache."""

    def __init__(
        self,
        model: SplitModel,
        crossing: Crossing,
        cache: DynamicCache,
        real_BT: torch.Tensor,
        positions_B1: torch.Tensor,
    ) -> None:
        self.model, self.crossing, self.cache = model, crossing, cache
        self.real_BT, self.positions_B1 = real_BT, positions_B1

    def feed(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> torch.Tensor:
        """The final states [B, H]; `crossing` has those at the split. `fed_B`: which rows are still open."""
        return self._ready(ids_B, fed_B)()

    def cross(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> None:
        """The last step: as far as the split."""
        self.crossing.reach_only(self._ready(ids_B, fed_B))

    def keep(self, stay: torch.Tensor) -> None:
        """Go on with the rows of these numbers."""
        self.cache.reorder_cache(stay)
        self.real_BT, self.positions_B1 = self.real_BT[stay], self.positions_B1[stay]

    def _ready(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> "partial[torch.Tensor]":
        self.real_BT = torch.cat([self.real_BT, self.real_BT.new_ones(len(ids_B), 1)], dim=1)
        self.positions_B1 = self.positions_B1 + 1
        return partial(
            run_decoder,
            self.model,
            ids_B[:, None],
            self.real_BT,
            self.positions_B1,
            self.cache,
            fed_BT=fed_B[:, None],
        )
