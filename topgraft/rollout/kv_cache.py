"""A key/value cache that is allocated once and written in place.

The library's own grows by concatenation, which copies everything at every token. Layers with a sliding window keep the
library's class: they hold a window only.
"""

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, [B, heads, capacity, D]; `keys` and `values` are views of the filled part."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new states behind the old ones; the first call makes room for `room` more tokens."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.all_keys, self.all_values = self._space(key_states), self._space(value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self.all_keys[:, :, start:end] = key_states
        self.all_values[:, :, start:end] = value_states
        self._view(end)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep the rows `indices`."""
        end = self.get_seq_length()
        self.all_keys, self.all_values = self.all_keys[indices], self.all_values[indices]
        self._view(end)

    def _space(self, states: torch.Tensor) -> torch.Tensor:
        rows, heads, length, width = states.shape
        return states.new_empty(rows, heads, length + self.room, width)

    def _view(self, end: int) -> None:
        self.keys, self.values = self.all_keys[:, :, :end], self.all_values[:, :, :end]


def make_cache(config: PreTrainedConfig, room: int) -> DynamicCache:
    """A cache for one decoding: the prompt's tokens and `room` more."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
