"""topgraft's side of a benchmark: the workload's model, template and actors."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.peers.common import weights_dtype
from benchmarks.workload import ALPHA, RANK, TARGETS, Workload
from topgraft.algorithms import on_policy
from topgraft.algorithms.protocol import Actors
from topgraft.data.template import LengthSettings, Template
from topgraft.model.adapters import LoraSettings
from topgraft.model.sharding import shard
from topgraft.model.split_model import SplitModel
from topgraft.processes import ALONE, Processes
from topgraft.rollout.cache import TrunkCache
from topgraft.rollout.choosing import SamplingSettings
from topgraft.train.allocator import keep_freed_memory
from topgraft.train.checkpoint import Checkpoints


@contextmanager
def timed(model: SplitModel) -> Iterator[dict[str, float]]:
    """Seconds spent in the trunk (over dataset rows), in decoding, in the head and in checkpoints, while the context is
    open."""
    spent = {"trunk": 0.0, "decode": 0.0, "head": 0.0, "checkpoints": 0.0}

    def watch(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            done = call(*given, **named)
            spent[name] += time.perf_counter() - begun
            return done

        return watched

    places = [
        (model, "trunk", "trunk"),
        (model, "logprobs", "head"),
        (on_policy, "sample", "decode"),
        (Checkpoints, "write", "checkpoints"),
    ]
    plain = [getattr(place, attribute) for place, attribute, _ in places]
    for (place, attribute, name), call in zip(places, plain, strict=True):
        setattr(place, attribute, watch(name, call))
    try:
        yield spent
    finally:
        for (place, attribute, _), call in zip(places, plain, strict=True):
            setattr(place, attribute, call)


def actors(
    work: Workload, dtype_name: str | None = None, *, ends: bool = False, whole: bool = False, sharded: bool = False
) -> Actors:
    """The split model with random weights. Unless `ends`, the end token is outside the vocabulary, so that no response
    ends early; with `ends` every given response has one, as on the peer's side. With `whole` every weight is
    trained; with `sharded` the processes hold the blocks in shares."""
    keep_freed_memory()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = weights_dtype(dtype_name)
    base = AutoModelForCausalLM.from_config(work.config(), dtype=dtype).to(device)
    layers = list(range(0 if whole else work.layers - work.trained_layers, work.layers))
    lora = None if whole else LoraSettings(rank=RANK, alpha=ALPHA, targets=TARGETS)
    if sharded:
        for block in base.model.layers:
            shard(block, device)
    model = SplitModel(base, layers, lora, together=Processes.here() if sharded else ALONE)
    lengths = LengthSettings(
        max_prompt_tokens=work.prompt, max_response_tokens=work.response + ends, template="{prompt}"
    )
    template = Template(work.tokenizer(), (2 if ends else work.vocabulary,), work.vocabulary, lengths)
    return Actors(
        model=model,
        template=template,
        cache=TrunkCache(model, template),
        sampling=SamplingSettings(rows_at_once=work.sequences),
        generator=torch.Generator().manual_seed(0),
    )
