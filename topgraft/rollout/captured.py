"""Decoding steps of fixed shapes, recorded once as a CUDA graph and replayed: no Python between the kernels.

Tokens, positions, mask and the place to write to lie in tensors that a step changes in place; attention reads the whole
space of the cache behind a mask. (PyTorch's documentation, "CUDA Graphs": warm-up on a side stream, capture, replay.)
"""

import warnings

import torch
from transformers import DynamicCache

from topgraft.rollout.kv_cache import RoomyLayer
from topgraft.rollout.steps import GrowingSteps

ALIKE = {torch.float32: 1e-3}
"""A fixed step's states may differ from the growing one's by this share of a row's norm."""
ALIKE_IN_HALF = 0.05
WORTH_RECORDING = 16
"""Steps to come: recording does a step five times, and empties the device's cache of freed memory."""


def can_capture(cache: DynamicCache) -> bool:
    """Whether every layer keeps all tokens, in a space of fixed size, on a CUDA device."""
    return all(type(layer) is RoomyLayer and layer.all_keys.is_cuda for layer in cache.layers)


class CapturedSteps:
    """The same steps as `GrowingSteps`, recorded: the first of them, and the first after rows have left, is done both
    ways. Where the two differ or the step cannot be recorded, growing steps go on, with this model for good."""

    def __init__(self, growing: GrowingSteps) -> None:
        self.growing = growing
        self.fixed: _Fixed | None = None

    @property
    def retire_at(self) -> float:
        """Rows leave later than from growing steps: each departure records anew."""
        return 0.5 if self.growing.model.records_steps else self.growing.retire_at

    def feed(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> torch.Tensor:
        """The final states [B, H], to be read before the next step; `crossing` has those at the split."""
        if self.fixed is not None:
            return self.fixed.feed(ids_B, fed_B)
        final_BH = self.growing.feed(ids_B, fed_B)
        space, filled = self.growing.cache.layers[0].all_keys.shape[2], self.growing.real_BT.shape[1]
        if self.growing.model.records_steps and space - filled >= WORTH_RECORDING:
            self._try_fixed(ids_B, final_BH)
        return final_BH

    def cross(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> None:
        """The last step: as far as the split."""
        self._thaw()
        self.growing.cross(ids_B, fed_B)

    def keep(self, stay: torch.Tensor) -> None:
        """Go on with the rows of these numbers."""
        self._thaw()
        self.growing.keep(stay)

    def _try_fixed(self, ids_B: torch.Tensor, expected_BH: torch.Tensor) -> None:
        """Do the step once more in fixed shapes, which writes the same keys and values, and record it."""
        crossing, model = self.growing.crossing, self.growing.model
        crossed_BTH = crossing.hidden_BTH
        fixed = _Fixed(self.growing, ids_B)
        trouble = None
        try:
            fixed.record()
            gap = float(((fixed.final_BH - expected_BH).norm(dim=1) / expected_BH.norm(dim=1)).max())
            if not gap <= ALIKE.get(expected_BH.dtype, ALIKE_IN_HALF):
                trouble = f"its states differ by {gap:.2g}"
        except Exception as error:  # of whatever kind: this architecture cannot do the step so, or memory is short
            trouble = f"{type(error).__name__}: {error}".splitlines()[0]
        crossing.hidden_BTH = crossed_BTH
        if trouble is None:
            self.fixed = fixed
            return
        model.records_steps = False
        fixed.undo()
        warnings.warn(f"Decoding is slower than it could be, a step cannot be recorded: {trouble}", stacklevel=2)

    def _thaw(self) -> None:
        if self.fixed is not None:
            self.fixed.thaw()
            self.fixed = None


class _Fixed:
    """A step in tensors that do not move, taken over from growing steps after one of theirs."""

    def __init__(self, growing: GrowingSteps, ids_B: torch.Tensor) -> None:
        self.growing = growing
        rows, self.filled = growing.real_BT.shape
        layers, device = growing.cache.layers, growing.real_BT.device
        space, dtype = layers[0].all_keys.shape[2], growing.model.model.dtype
        self.ids_B1, self.positions_B1 = ids_B[:, None].clone(), growing.positions_B1.clone()
        self.place = torch.tensor([self.filled - 1], device=device)
        self.mask_B11C = torch.full((rows, 1, 1, space), -torch.inf, dtype=dtype, device=device)
        self.mask_B11C[:, 0, 0, : self.filled].masked_fill_(growing.real_BT, 0)
        for layer in layers:
            layer.fix(self.place)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.final_BH = self.crossing_BTH = torch.empty(0)

    def feed(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> torch.Tensor:
        """One token more for every row."""
        self.filled += 1
        self.ids_B1.copy_(ids_B[:, None])
        self.positions_B1.add_(1)
        self.place.add_(1)
        self.mask_B11C.index_fill_(3, self.place, 0)
        self.growing.model.meter.add(fed_B)
        if self.graph is None:
            self.run()
        else:
            self.graph.replay()
        self.growing.crossing.hidden_BTH = self.crossing_BTH
        return self.final_BH

    def run(self) -> None:
        """The step that the tensors now say."""
        with self.growing.model.meter.paused():
            self.final_BH = self.growing.model.parts.decoder(
                input_ids=self.ids_B1,
                attention_mask=self.mask_B11C,  # of four dimensions: the library takes it as it is
                position_ids=self.positions_B1,
                past_key_values=self.growing.cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
        self.crossing_BTH = self.growing.crossing.hidden_BTH

    def record(self) -> None:
        """Record the step, and do it. Raises what keeps it from being recorded."""
        stream, before = torch.cuda.Stream(), torch.cuda.current_stream()
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            self.run()
            self.run()
        before.wait_stream(stream)
        self._must_not_wait()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.run()
        finally:
            torch.cuda.set_stream(before)  # a capture that fails leaves its own behind
        graph.replay()
        self.graph = graph

    def _must_not_wait(self) -> None:
        """Do the step so that an operation which waits for the device raises: cheaper here than in a capture."""
        mode = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            self.run()
        finally:
            torch.cuda.set_sync_debug_mode(mode)

    def thaw(self) -> None:
        """Leave everything as growing steps would have left it."""
        self.growing.real_BT = self.mask_B11C[:, 0, 0, : self.filled] == 0
        self.growing.positions_B1 = self.positions_B1.clone()
        for layer in self.growing.cache.layers:
            layer.thaw(self.filled)

    def undo(self) -> None:
        """Leave everything as it was when the growing step had been done."""
        for layer in self.growing.cache.layers:
            layer.undo()
