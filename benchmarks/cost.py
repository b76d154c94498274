"""What a PPO iteration costs by the number of devices: compute, memory and traffic, in closed form.

Everything is counted from the geometry of the base and the work of an iteration; a `Device` has four rates. Products
are counted with 2 operations a weight and token. `benchmarks.scaling` sets them beside what was measured.
"""

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.workload import RANK, Workload

READS = 2
"""Branch passes without gradients: reference and reward. The policy's log-probabilities are those of decoding."""
HEAD_PASSES = 3
"""Products of states and output matrix in an update: logits, again for the backward pass, and the states' gradient."""
MOMENTS = 4
"""Numbers kept of each weight that learns: itself, its gradient and two moments, in float32."""


@dataclass(frozen=True)
class Base:
    """A llama-like base."""

    layers: int
    width: int
    feed_forward: int
    kv_width: int
    vocabulary: int
    tied: bool
    bytes_each: int
    """Of a weight."""

    @property
    def block(self) -> int:
        """Weights of a block."""
        return 2 * self.width * (self.width + self.kv_width) + 3 * self.width * self.feed_forward

    @property
    def blocks(self) -> int:
        """Weights of all blocks."""
        return self.layers * self.block

    @property
    def matrix(self) -> int:
        """Weights of the output matrix."""
        return self.vocabulary * self.width

    @property
    def weights(self) -> int:
        """All of them."""
        return self.blocks + self.matrix * (1 if self.tied else 2)


@dataclass(frozen=True)
class Work:
    """An iteration: `sequences` of all devices together, and `trained` blocks."""

    sequences: int
    prompt: int
    response: int
    inner_epochs: int
    trained: int

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.prompt + self.response


@dataclass(frozen=True)
class Device:
    """What one device does."""

    flops: float
    """Operations a second in large products."""
    reads: float
    """Bytes a second of weights while decoding."""
    link: float
    """Bytes a second that it sends while all exchange."""
    latency: float
    """Seconds of the smallest exchange."""
    holds: float
    """Bytes of its memory."""
    hour: float
    """What an hour costs."""


@dataclass(frozen=True)
class Cost:
    """Of one iteration on one device."""

    decode: float
    """Seconds, sending included, and so are the next two; nothing overlaps."""
    read: float
    update: float
    memory: float
    """Bytes at the peak, about: base, kept states, keys and values, what learns, a micro-batch."""
    base: float
    """Bytes of it that are weights of the base."""
    traffic: float
    """Bytes that the device sends."""

    @property
    def seconds(self) -> float:
        """In all."""
        return self.decode + self.read + self.update


def of(workload: Workload, bytes_each: int = 4) -> tuple[Base, Work]:
    """Base and iteration of a workload of the benchmarks."""
    kv_width = (workload.kv_heads or workload.width // workload.head_width) * workload.head_width
    geometry = workload.layers, workload.width, workload.feed_forward, kv_width, workload.vocabulary, True, bytes_each
    lengths = workload.sequences, workload.prompt, workload.response, workload.inner_epochs, workload.trained_layers
    return Base(*geometry), Work(*lengths)


def adapters(base: Base, work: Work) -> int:
    """Weights of an adapter on query, value and down projection of the trained blocks."""
    return work.trained * RANK * (4 * base.width + base.kv_width + base.feed_forward)


class Gathers(NamedTuple):
    """Passes that gather all blocks, or as many of them as together are all."""

    decode: float
    read: float
    update: float


def cost(base: Base, work: Work, device: Device, devices: int, *, sharded: bool, micro: int = 4096) -> Cost:
    """Of an iteration that so many devices share; `micro` tokens in one backward pass."""
    rows = work.sequences / devices
    part, tokens, answered = work.trained / base.layers, rows * work.length, rows * work.response
    read_once = base.bytes_each * (base.blocks + base.matrix)
    step = max(2 * rows * (base.blocks + base.matrix) / device.flops, read_once / device.reads)
    keys = 2 * base.layers * base.kv_width * base.bytes_each  # of a token
    step += rows * (work.prompt + work.response / 2) * keys / device.reads
    decode = work.response * step + 2 * rows * work.prompt * base.blocks / device.flops
    read = READS * 2 * tokens * part * base.blocks / device.flops + 2 * answered * base.matrix / device.flops
    update = work.inner_epochs * (4 * tokens * part * base.blocks + HEAD_PASSES * 2 * answered * base.matrix)
    micro_batches = max(1.0, tokens / micro)
    ring = (devices - 1) / devices
    # Gradients of what learns go over the wire once an update, a few numbers of every row once an iteration.
    learn, small = adapters(base, work), work.inner_epochs + 10 if devices > 1 else 0
    gradients = 2 * ring * 4 * learn * work.inner_epochs
    # In shares a pass gathers every block that it runs: decoding all of them at every token.
    gathers, held = Gathers(0.0, 0.0, 0.0), float(base.weights)
    if sharded and devices > 1:
        gathers = Gathers(work.response + 1.0, part * READS, part * 2 * micro_batches * work.inner_epochs)
        held = base.weights - base.blocks + base.blocks / devices + base.block
    sent = ring * base.bytes_each * base.blocks  # in a pass through all blocks
    gather = sent / device.link + base.layers * device.latency
    update_exchange = gradients / device.link + small * device.latency + gathers.update * gather
    kept = tokens * base.width * base.bytes_each
    memory = base.bytes_each * held + kept + tokens * keys + 4 * MOMENTS * learn
    memory += min(tokens, micro) * work.trained * 16 * base.width * base.bytes_each  # what a backward pass holds
    return Cost(
        decode=decode + gathers.decode * gather,
        read=read + gathers.read * gather,
        update=update / device.flops + update_exchange,
        memory=memory,
        base=base.bytes_each * held,
        traffic=gradients + sum(gathers) * sent,
    )
