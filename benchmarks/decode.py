"""Decoding beside its floor: python -m benchmarks.decode --workload small; prints one JSON line.

The floor is what no decoder of this model can leave out, at the same shapes in the same run: the bare matrix products
of a prefill and of every step, the head, and the draw of a token from each row of logits. No attention, norm, cache or
adapter is in it.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.measuring import machine, memory
from benchmarks.ours import actors
from benchmarks.workload import WORKLOADS
from topgraft.model.split_model import SplitModel
from topgraft.rollout.choosing import draw
from topgraft.rollout.sampling import sample


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes, the device's work included."""
    begun = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


@torch.no_grad()
def floor(model: SplitModel, rows: int, prompt: int, response: int) -> None:
    """The bare products of a prefill and of `response` steps, and a draw at each step."""
    matrices = [module.weight for module in model.parts.blocks.modules() if isinstance(module, nn.Linear)]
    head_VH, device, dtype = model.parts.output.weight, model.device, model.model.dtype
    widths = {matrix.shape[1] for matrix in matrices}
    for tokens in (rows * prompt, *[rows] * response):
        inputs = {width: torch.ones(tokens, width, dtype=dtype, device=device) for width in widths}
        for matrix in matrices:
            nn.functional.linear(inputs[matrix.shape[1]], matrix)
        if tokens == rows:
            logits_BV = nn.functional.linear(inputs[head_VH.shape[1]], head_VH).float()
            draw(logits_BV.softmax(-1), torch.rand(rows, dtype=torch.float64, device=device))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS, default="small")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="default: bfloat16 on a GPU, else float32")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    work = WORKLOADS[chosen.workload]
    made = actors(work, chosen.dtype)
    texts = work.texts(work.sequences, work.prompt, seed=0)
    prompts = [made.template.encode_prompt(text) for text in texts]
    decoding, bare = [], []
    for _ in range(chosen.rounds):
        bare.append(seconds(lambda: floor(made.model, work.sequences, work.prompt, work.response)))
        decoding.append(seconds(lambda: sample(made.model, made.template, prompts, made.sampling, made.generator)))
    middle, least = sorted(decoding)[len(decoding) // 2], sorted(bare)[len(bare) // 2]
    result = {
        "side": "topgraft decode",
        "workload": chosen.workload,
        "machine": machine(),
        "seconds": round(middle, 3),
        "floor_seconds": round(least, 3),
        "seconds / floor": round(middle / least, 2),
        "readings": {"decode": [round(value, 3) for value in decoding], "floor": [round(value, 3) for value in bare]},
        **memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
