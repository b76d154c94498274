"""TRL's side: SFT, a reward model, DPO and GRPO with TRL 1.16. Prints one JSON line, after what TRL prints.

It runs in an environment of its own (docs/performance.md). `seconds` is the whole job's `train()`. What is set favours
TRL: no gradient checkpointing, and DPO's reference log-probabilities come beforehand, outside the seconds.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel, Trainer

from benchmarks.measuring import memory
from benchmarks.peers.common import lora, weights_dtype
from benchmarks.workload import WORKLOADS, Workload

ROWS = 64
"""Prompts of a job; each has a chosen and a rejected response, and TRL adds an end token to a given response."""


def prompts(work: Workload) -> list[str]:
    return work.texts(ROWS, work.prompt, seed=0)


def responses(work: Workload) -> tuple[list[str], list[str]]:
    """Chosen and rejected."""
    return work.texts(ROWS, work.response, seed=1), work.texts(ROWS, work.response, seed=2)


def spaced(texts: list[str]) -> list[str]:
    """With a space behind: TRL joins prompt and completion as they are, and two words must not become one."""
    return [f"{text} " for text in texts]


def settings(dtype: torch.dtype) -> dict[str, Any]:
    """What the configurations of all four jobs have in common."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "learning_rate": 1e-5,
        "gradient_checkpointing": False,
        "bf16": dtype is torch.bfloat16,
        "use_cpu": not torch.cuda.is_available(),
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1000,
        "disable_tqdm": True,
    }


def language_model(work: Workload, dtype: torch.dtype) -> PreTrainedModel:
    return AutoModelForCausalLM.from_config(work.config(), dtype=dtype)


def sft(work: Workload, dtype: torch.dtype) -> Trainer:
    """10 epochs in batches of 16."""
    return trl.SFTTrainer(
        language_model(work, dtype),
        args=trl.SFTConfig(per_device_train_batch_size=16, num_train_epochs=10, max_length=None, **settings(dtype)),
        train_dataset=Dataset.from_dict({"prompt": spaced(prompts(work)), "completion": responses(work)[0]}),
        processing_class=work.tokenizer(),
        peft_config=LoraConfig(task_type="CAUSAL_LM", **lora(work)),
    )


def reward(work: Workload, dtype: torch.dtype) -> Trainer:
    """3 epochs in batches of 8 pairs."""
    chosen, rejected = (
        [prompt + response for prompt, response in zip(spaced(prompts(work)), side, strict=True)]
        for side in responses(work)
    )
    return trl.RewardTrainer(
        AutoModelForSequenceClassification.from_config(work.config(), dtype=dtype),
        args=trl.RewardConfig(per_device_train_batch_size=8, num_train_epochs=3, max_length=None, **settings(dtype)),
        train_dataset=Dataset.from_dict({"chosen": chosen, "rejected": rejected}),
        processing_class=work.tokenizer(),
        peft_config=LoraConfig(task_type="SEQ_CLS", **lora(work)),
    )


def dpo(work: Workload, dtype: torch.dtype) -> Trainer:
    """3 epochs in batches of 8 pairs; the trainer computes the reference's log-probabilities as it is made."""
    chosen, rejected = responses(work)
    return trl.DPOTrainer(
        language_model(work, dtype),
        args=trl.DPOConfig(
            per_device_train_batch_size=8,
            num_train_epochs=3,
            max_length=None,
            precompute_ref_log_probs=True,
            **settings(dtype),
        ),
        train_dataset=Dataset.from_dict({"prompt": spaced(prompts(work)), "chosen": chosen, "rejected": rejected}),
        processing_class=work.tokenizer(),
        peft_config=LoraConfig(task_type="CAUSAL_LM", **lora(work)),
    )


def grpo(work: Workload, dtype: torch.dtype) -> Trainer:
    """8 steps of 4 prompts with 4 responses, 4 inner epochs of one update; a drawn end token ends its response."""

    def distinct(completions: list[str], **_: object) -> list[float]:
        """A reward that costs next to nothing: distinct words by the response's length."""
        return [len(set(text.split())) / work.response for text in completions]

    return trl.GRPOTrainer(
        language_model(work, dtype),
        reward_funcs=distinct,
        args=trl.GRPOConfig(
            per_device_train_batch_size=16,
            num_generations=4,
            num_iterations=4,
            max_steps=32,
            max_completion_length=work.response,
            temperature=1.0,
            beta=0.01,
            **settings(dtype),
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts(work)}),
        processing_class=work.tokenizer(),
        peft_config=LoraConfig(task_type="CAUSAL_LM", **lora(work)),
    )


WORKS = {"sft": sft, "reward": reward, "dpo": dpo, "grpo": grpo}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--workload", choices=WORKLOADS, default="small")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="bfloat16 on a GPU, float32 on a CPU")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    trainer = WORKS[chosen.work](WORKLOADS[chosen.workload], weights_dtype(chosen.dtype))
    begun = time.perf_counter()
    trainer.train()
    result = {
        "side": f"trl 1.16 {chosen.work}",
        "workload": chosen.workload,
        "seconds": round(time.perf_counter() - begun, 3),
        **memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
