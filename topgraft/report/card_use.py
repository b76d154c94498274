"""How an exported folder is loaded: with transformers and peft, by vLLM, by topgraft itself."""

from typing import Any

from topgraft.report.formats.markdown import paragraph

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM's --max-lora-rank takes."""
PLAIN = """from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

folder = "FOLDER"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto"OPTIONS)
"""
ADAPTED = """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer, GenerationConfig

folder = "FOLDER"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoPeftModelForCausalLM.from_pretrained(folder, dtype="auto"OPTIONS)
"""
ANSWER = """turn = [{"role": "user", "content": "Your prompt"}]
inputs = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
settings = GenerationConfig.from_pretrained(folder)
ids = model.generate(**inputs, generation_config=settings)
print(tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
"""


def use(about: dict[str, Any]) -> str:
    """Commands and code; FOLDER stands for where the folder is."""
    made, adapter = about["made"], about["weights"] == "adapter"
    attention = f', attn_implementation="{made["attention"]}"' if made["attention"] != "auto" else ""
    code = (ADAPTED if adapter else PLAIN).replace("OPTIONS", attention) + (ANSWER if made["chat_template"] else "")
    own = "With topgraft: `topgraft chat FOLDER`, `topgraft generate FOLDER --data prompts.jsonl`."
    parts = [f"```python\n{code}```", *_vllm(about), own]
    if adapter and not made["base"]["hub"]:
        said = (
            "The base is a folder on the machine where this was exported, and adapter_config.json names it by its path "
            "there (base_model_name_or_path). Elsewhere change that line, or export with --merge."
        )
        parts.append(paragraph(said))
    return "\n\n".join(parts)


def _vllm(about: dict[str, Any]) -> list[str]:
    made = about["made"]
    if about["weights"] != "adapter":
        return ["With vLLM:", "```\nvllm serve FOLDER\n```"]
    rank = next((rank for rank in RANKS if rank >= made["lora"]["rank"]), None)
    if rank is None:
        return [f"vLLM takes adapters of rank {RANKS[-1]} at most: export with --merge for it."]
    base = made["base"]["hub"] or "BASE"
    template = " --chat-template FOLDER/chat_template.jinja" if made["template"] and made["chat_template"] else ""
    modules = f"--lora-modules {about['arm']}=FOLDER{template}"
    return [
        "With vLLM, for architectures whose adapters it takes (else export with --merge):",
        f"```\nvllm serve {base} --enable-lora --max-lora-rank {rank} {modules}\n```",
        f'Requests name the model "{about["arm"]}".',
    ]
