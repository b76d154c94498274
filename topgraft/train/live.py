"""Count the bytes of live tensors while real operations run."""

import weakref
from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Live(TorchDispatchMode):
    """Inside this context every operation's new tensors count, until they are freed: `now`, and at their `peak`.

    Views count nothing, nor does what a kernel takes for itself and gives back before it returns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self._count: Counter[int] = Counter()
        self._most: Counter[int] = Counter()

    @property
    def spread(self) -> int:
        """The peak where a freed block is used again for a block of its own size only: what an allocator comes to that
        cannot move or join blocks. `peak` is what it comes to where every freed byte serves again."""
        return sum(size * most for size, most in self._most.items())

    def __torch_dispatch__(self, call: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        old = {tensor.untyped_storage()._cdata for tensor in _tensors((given, named))}
        made = call(*given, **(named or {}))
        for tensor in _tensors(made):
            storage = tensor.untyped_storage()
            if storage._cdata not in old and storage._cdata not in self._alive:
                self._add(storage)
        self.peak = max(self.peak, self.now)
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()

        def freed(_: object) -> None:
            self.now -= size
            self._count[size] -= 1
            del self._alive[key]

        self.now += size
        self._count[size] += 1
        self._most[size] = max(self._most[size], self._count[size])
        self._alive[key] = weakref.ref(storage, freed)


def _tensors(tree: Any) -> list[torch.Tensor]:
    """Ordinary tensors; those in oneDNN's own order have no storage to ask."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided]
