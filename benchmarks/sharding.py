"""Memory of a base by one process and in shares by two: python -m benchmarks.sharding

A model of the geometry of TinyLlama (1.1 B weights, bfloat16, random) is written to disk and loaded. Writes
benchmarks/results/sharding.json: bytes of the base that a process holds, and what the process holds beside what it held
before, after loading.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from benchmarks.measuring import base_bytes, machine
from benchmarks.workload import Workload
from topgraft.model.load import ModelSettings, load

TOKENIZER = Workload(1, 64, 32000, 1, 1, 1, 1, 1, feed_forward=64)
CONFIG = LlamaConfig(
    vocab_size=32000,
    hidden_size=2048,
    intermediate_size=5632,
    num_hidden_layers=22,
    num_attention_heads=32,
    num_key_value_heads=4,
    tie_word_embeddings=False,
)
"""https://huggingface.co/TinyLlama/TinyLlama-1.1B-Chat-v1.0, config.json"""


def load_here(folder: str) -> None:
    """Load the model, among the processes that torchrun started, and say what it takes."""
    before = psutil.Process().memory_info().rss
    made = load(ModelSettings(name=folder, dtype="bfloat16", layers="last-4", sharded=True)).split
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    found = {"base_gb": base_bytes(made.model), "grown_gb": grown}
    print(json.dumps({name: round(size / 1e9, 3) for name, size in found.items()}), flush=True)


def measured(folder: str, count: int) -> list[dict[str, Any]]:
    """What each of the processes takes."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    words = [sys.executable, *start, "-m", "benchmarks.sharding", "--load", folder]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, env=alone, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        load_here(asked.load)
        return
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(CONFIG, dtype=torch.bfloat16).save_pretrained(folder)
        TOKENIZER.tokenizer().save_pretrained(folder)
        runs = {count: measured(folder, count) for count in (1, 2)}
    ratios = {name: round(max(one[name] for one in runs[2]) / runs[1][0][name], 3) for name in ("base_gb", "grown_gb")}
    result = {"machine": machine(), "runs": runs, "ratios": ratios}
    (Path(__file__).with_name("results") / "sharding.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
