"""Read an exported folder with transformers and peft alone, in a process of its own: no module of topgraft comes in.

    python -P plain.py JOB.json LOGITS.safetensors

The job is {"folder", "dtype", "device", "attention", "cases": [{"prompt", "prompt_ids", "response_ids"}, ...]}. Logits
[1 + L, V] of every case are written, from its prompt's last token on, and beside them, as "prompt.N", the ids that the
folder's own tokenizer and chat template make of the prompt.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import AutoPeftModelForCausalLM
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


@torch.no_grad()
def read(job: dict[str, Any]) -> dict[str, torch.Tensor]:
    """ "logits.N" [1 + L, V] in float32 and "prompt.N" [P] (where there is a chat template) of every case N."""
    folder = job["folder"]
    adapter = (Path(folder) / "adapter_config.json").exists()
    options = {"attn_implementation": job["attention"]} if job["attention"] else {}
    model = (AutoPeftModelForCausalLM if adapter else AutoModelForCausalLM).from_pretrained(
        folder, dtype=getattr(torch, job["dtype"]), trust_remote_code=False, **options
    )
    model = model.to(job["device"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    found: dict[str, torch.Tensor] = {}
    for number, case in enumerate(job["cases"]):
        ids = case["prompt_ids"] + case["response_ids"]
        logits_TV = model(input_ids=torch.tensor([ids], device=job["device"])).logits[0]
        found[f"logits.{number}"] = logits_TV[len(case["prompt_ids"]) - 1 :].float().cpu().contiguous()
        if tokenizer.chat_template:
            turn = [{"role": "user", "content": case["prompt"]}]
            text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
            found[f"prompt.{number}"] = torch.tensor(tokenizer(text, add_special_tokens=False).input_ids)
    return found


if __name__ == "__main__":
    save_file(read(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sys.argv[2])
