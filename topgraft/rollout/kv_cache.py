"""A key/value cache that is allocated once and written in place.

The library's own grows by concatenation, which copies everything at every token. Layers with a sliding window keep the
library's class: they hold a window only.
"""

import copy

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, [B, heads, capacity, D]; `keys` and `values` are views of the filled part.

    Fixed, it writes new states to a place that a tensor says, and hands out all of its space.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_keys = self.all_values = torch.empty(0)
        self._place: torch.Tensor | None = None
        self._last = (torch.empty(0), torch.empty(0))

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new states behind the old ones; the first call keeps them as they are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.all_keys, self.all_values = key_states, value_states
            self._view(key_states.shape[-2])
            return self.keys, self.values
        if self._place is not None:
            self.all_keys.index_copy_(2, self._place, key_states)
            self.all_values.index_copy_(2, self._place, value_states)
            return self.all_keys, self.all_values
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self.all_keys[:, :, start:end] = key_states
        self.all_values[:, :, start:end] = value_states
        self._view(end)
        return self.keys, self.values

    def spread(self, rows: torch.Tensor, room: int) -> None:
        """Copy the rows `rows` (one may be asked for often) to where `room` more tokens fit behind them."""
        end = self.get_seq_length()
        self.all_keys, self.all_values = (
            self._space(self.all_keys, rows, room),
            self._space(self.all_values, rows, room),
        )
        self._view(end)

    def fix(self, place: torch.Tensor) -> None:
        """From now on write at `place` [1], which may move. What is not filled becomes 0: a mask hides no NaN."""
        end, self._place = self.get_seq_length(), place
        self._last = self.keys[:, :, -1].clone(), self.values[:, :, -1].clone()
        self.all_keys[:, :, end:] = self.all_values[:, :, end:] = 0

    def thaw(self, end: int) -> None:
        """Grow again, behind `end` tokens."""
        self._place = None
        self._view(end)

    def undo(self) -> None:
        """Put back what stood at the newest token when the layer was fixed; then grow again behind it."""
        self.thaw(self.get_seq_length())
        self.keys[:, :, -1], self.values[:, :, -1] = self._last

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Keep the rows `beam_idx`."""
        end = self.get_seq_length()
        self.all_keys, self.all_values = self.all_keys[beam_idx], self.all_values[beam_idx]
        self._view(end)

    def _space(self, states: torch.Tensor, rows: torch.Tensor, room: int) -> torch.Tensor:
        _, heads, length, width = states.shape
        space = states.new_empty(len(rows), heads, length + room, width)
        space[:, :, :length] = states[rows]
        return space

    def _view(self, end: int) -> None:
        self.keys, self.values = self.all_keys[:, :, :end], self.all_values[:, :, :end]


def make_cache(config: PreTrainedConfig) -> DynamicCache:
    """An empty cache."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def spread(cache: DynamicCache, rows: torch.Tensor, room: int) -> DynamicCache:
    """A cache of the prompts that `rows` names, one after another, with room for `room` more tokens.

    The cache that it was made from stays as it is, for more rows of the same prompts.
    """
    made = copy.copy(cache)
    made.layers = [
        copy.copy(layer) if isinstance(layer, RoomyLayer) else copy.deepcopy(layer) for layer in cache.layers
    ]
    for layer in made.layers:
        if isinstance(layer, RoomyLayer):
            layer.spread(rows, room)
        else:
            layer.reorder_cache(rows)
    return made
