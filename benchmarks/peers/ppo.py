"""TRL's side: a PPO iteration with TRL 1.12, the last release that has PPO. Prints one JSON line.

It runs in an environment of its own (docs/performance.md); `--trl` is the folder that holds the package. What is set
favours TRL: no gradient checkpointing, one minibatch, and a value model that is frozen but for the same adapter as the
policy's (TRL itself trains all of it) unless `--value full`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ |= {"TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trl", required=True)
    parser.add_argument("--workload", default="small")
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--policy", choices=["lora", "full"], default="lora")
    parser.add_argument("--value", choices=["lora", "full"], default="lora")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="bfloat16 on a GPU, float32 on a CPU")
    chosen = parser.parse_args()
    sys.path.insert(0, chosen.trl)

    import torch
    from datasets import Dataset
    from peft import LoraConfig, inject_adapter_in_model
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

    from benchmarks.measuring import memory
    from benchmarks.peers.common import lora, weights_dtype
    from benchmarks.workload import WORKLOADS

    work = WORKLOADS[chosen.workload]
    cuda = torch.cuda.is_available()
    torch.manual_seed(0)
    dtype = weights_dtype(chosen.dtype)
    policy = AutoModelForCausalLM.from_config(work.config(), dtype=dtype)
    reward = AutoModelForSequenceClassification.from_config(work.config(), dtype=dtype)
    value = AutoModelForSequenceClassification.from_config(work.config(), dtype=dtype)
    if chosen.value == "lora":
        inject_adapter_in_model(LoraConfig(**lora(work)), value)
        for name, weight in value.named_parameters():
            weight.requires_grad_("lora_" in name or "score" in name)

    decoding: list[float] = []
    plain = ppo_trainer.batch_generation

    def timed(*given: object, **named: object) -> object:
        begun = time.perf_counter()
        done = plain(*given, **named)
        decoding.append(time.perf_counter() - begun)
        return done

    ppo_trainer.batch_generation = timed
    tokenizer = work.tokenizer()
    texts = work.texts(work.sequences * (chosen.iterations + 1), work.prompt, seed=0)
    prompts = Dataset.from_dict({"input_ids": tokenizer(texts).input_ids})
    trainer = PPOTrainer(
        args=PPOConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=work.sequences,
            local_rollout_forward_batch_size=work.sequences,
            gradient_accumulation_steps=1,
            num_mini_batches=1,
            num_ppo_epochs=work.inner_epochs,
            total_episodes=work.sequences * chosen.iterations,
            response_length=work.response,
            learning_rate=1e-5,
            kl_coef=0.01,
            temperature=1.0,
            stop_token=None,
            num_sample_generations=0,
            gradient_checkpointing=False,
            bf16=dtype is torch.bfloat16,
            use_cpu=not cuda,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        processing_class=tokenizer,
        model=policy,
        ref_model=None,
        reward_model=reward,
        value_model=value,
        train_dataset=prompts,
        eval_dataset=prompts,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **lora(work)) if chosen.policy == "lora" else None,
    )
    begun = time.perf_counter()
    trainer.train()
    seconds = (time.perf_counter() - begun) / chosen.iterations
    result = {
        "side": "trl 1.12 ppo",
        "workload": chosen.workload,
        "policy": chosen.policy,
        "value": chosen.value,
        "seconds_per_iteration": round(seconds, 3),
        "generation_seconds": round(sum(decoding) / chosen.iterations, 3),
        **memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
