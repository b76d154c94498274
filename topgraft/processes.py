"""Several processes at one run: who works on which rows, and how all learn what came of every row.

A batch is one, whatever the number of processes. Each of them samples some of its rows, keeps their trunk states and
makes their part of the gradient. Lengths, scores and log-probabilities of all rows are then known to all, so that
everything that follows from them (advantages, whitening, beta, what is logged) is the same everywhere.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, gather, reduce
from torch import distributed, nn

from topgraft.errors import UserError

T = TypeVar("T")
BYTES_AT_ONCE = 1 << 25
"""Of gradients that are added up together."""
LARGEST = ("rollout/logprob_gap",)
"""Metrics whose largest value counts; the others are parts of a sum."""


@dataclass(frozen=True)
class Processes:
    """How many there are, and which of them this is, from 0."""

    count: int = 1
    rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this one writes, and speaks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.count == 1

    @staticmethod
    def here() -> "Processes":
        """As `torchrun`, `accelerate launch` or --processes started them; one where nobody did."""
        state = PartialState(cpu=not torch.accelerator.is_available())
        return Processes(state.num_processes, state.process_index)

    def blocks(self, items: int) -> "Shares":
        """Items in succession, as many to each process as to any other."""
        return self._shares([item * self.count // items for item in range(items)])

    def even(self, sizes: Sequence[int]) -> "Shares":
        """About the same sum of sizes to each process: the largest item first, each to the one that has least so
        far."""
        loads, owners = [0] * self.count, [0] * len(sizes)
        for item in sorted(range(len(sizes)), key=lambda item: -sizes[item]):
            owners[item] = loads.index(min(loads))
            loads[owners[item]] += sizes[item]
        return self._shares(owners)

    def _shares(self, owners: Sequence[int]) -> "Shares":
        """Where there is not an item for each, every process takes all of them."""
        return Shares(self, tuple(owners) if len(owners) >= self.count else (self.rank,) * len(owners))

    def everyone(self, value: Any) -> list[Any]:
        """What each process has, in their order: JSON values."""
        if self.alone:
            return [value]
        device = PartialState().device
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8).to(device)
        rows = _gathered(data, self.count).cpu()
        return [json.loads(bytes(row.tolist()).rstrip(b"\0")) for row in rows]

    def sent(self, tensor: torch.Tensor, sender: int) -> torch.Tensor:
        """The sender's tensor, to all; the others give room of its shape and kind."""
        sent: torch.Tensor = tensor if self.alone else broadcast(tensor, sender)
        return sent

    def agree(self, found: Any) -> Any:
        """What the first of the processes has that found something; None where none did."""
        return next((value for value in self.everyone(found) if value is not None), None)

    def most(self, number: int) -> int:
        """The largest number that any of the processes gives."""
        if self.alone:
            return number
        found = torch.tensor(number, device=PartialState().device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return int(found)

    def in_step(self, parts: Sequence[T]) -> Iterator[T]:
        """This process's parts and then, while others still have some, the last one again.

        For processes that gather weights from one another (topgraft.model.sharding): a pass of one is a pass of all."""
        for turn in range(self.most(len(parts))):
            yield parts[min(turn, len(parts) - 1)]

    def part_dropout(self, seed: int, step: int) -> None:
        """Let each process draw other numbers than the others, the same each time that it comes to the step."""
        if not self.alone:
            torch.manual_seed(((seed + step) * 1_000_003 + self.rank) % 2**63)

    def wait(self) -> None:
        """Until all are here."""
        if not self.alone:
            PartialState().wait_for_everyone()

    def together(self, metrics: dict[str, float]) -> dict[str, float]:
        """A minibatch's metrics from those of its parts."""
        found: dict[str, float] = {}
        for part in self.everyone(metrics):
            for name, value in part.items():
                found[name] = max(found.get(name, value), value) if name in LARGEST else found.get(name, 0.0) + value
        return found

    def refuse_idle(self, stage: str, items: int) -> None:
        """Raise UserError where a stage's batches have fewer items than there are processes."""
        if items < self.count:
            raise UserError(
                f"Stage '{stage}' learns from {items} items at a step, and there are {self.count} processes: some "
                f"would have nothing to do. Raise {stage}.batch_size, or start fewer processes."
            )

    @torch.no_grad()
    def add_up(self, weights: Sequence[nn.Parameter]) -> None:
        """Give every process the sum of all processes' gradients; a weight without one counts as 0."""
        if self.alone:
            return
        part: list[nn.Parameter] = []
        for weight in weights:
            part.append(weight)
            if sum(other.nbytes for other in part) >= BYTES_AT_ONCE or weight is weights[-1]:
                _add_up(part)
                part = []


ALONE = Processes()
"""One process."""


@dataclass(frozen=True)
class Shares:
    """Which process works on which item of a batch, as this process sees it."""

    processes: Processes
    owners: tuple[int, ...]

    @property
    def cut(self) -> bool:
        """Whether others work on some of them."""
        return any(owner != self.processes.rank for owner in self.owners)

    @property
    def mine(self) -> list[int]:
        """This process's items."""
        return [item for item, owner in enumerate(self.owners) if owner == self.processes.rank]

    def of(self, items: Sequence[int]) -> "Shares":
        """Those of some of the items."""
        return Shares(self.processes, tuple(self.owners[item] for item in items))

    def rows(self, siblings: int) -> "Shares":
        """Those of the rows, of which each item has as many."""
        return Shares(self.processes, tuple(owner for owner in self.owners for _ in range(siblings)))

    def all(self, own: torch.Tensor) -> torch.Tensor:
        """Rows [B, ...] of all processes from this one's; a second dimension may differ, and is padded with 0."""
        if not self.cut:
            return own
        return _gathered(own, self.processes.count)[list(self.owners), self._places()]

    def records(self, own: Sequence[Any]) -> list[Any]:
        """JSON values of all rows from those of this process's."""
        if not self.cut:
            return list(own)
        found = self.processes.everyone(list(own))
        return [found[owner][place] for owner, place in zip(self.owners, self._places(), strict=True)]

    def _places(self) -> list[int]:
        """The place of each item among those of its process."""
        counts = [0] * self.processes.count
        found = []
        for owner in self.owners:
            found.append(counts[owner])
            counts[owner] += 1
        return found


def _gathered(own: torch.Tensor, count: int) -> torch.Tensor:
    """[count, ...] of all processes; the first two dimensions may differ, and are padded with 0."""
    shapes = gather(torch.tensor([own.shape], device=own.device))
    largest = [*shapes.amax(0).tolist()[:2], *own.shape[2:]]
    padded = own.new_zeros(largest)
    padded[tuple(slice(size) for size in own.shape)] = own
    return gather(padded).view(count, *largest)


def _add_up(weights: list[nn.Parameter]) -> None:
    grads = [weight.grad if weight.grad is not None else torch.zeros_like(weight) for weight in weights]
    whole = reduce(torch.cat([grad.flatten() for grad in grads]), "sum")
    for weight, part in zip(weights, whole.split([weight.numel() for weight in weights]), strict=True):
        weight.grad = part.view_as(weight)
