"""vLLM loads what is exported and answers as the run does. Only where vLLM is installed; it needs minutes."""

from pathlib import Path

import pytest
from exports import QUIET, base, exported, in_this_process, trained  # noqa: F401  (a fixture)

from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample
from topgraft.train.exported import open_arms

vllm = pytest.importorskip("vllm", reason="vLLM is not installed here (pip install vllm)")
SIZES = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 2, "num_key_value_heads": 2}


@pytest.mark.slow
@pytest.mark.parametrize("merge", [True, False])
def test_vllm_answers_as_the_run_does(merge, tmp_path: Path, tokenizer):
    import torch
    from vllm.lora.request import LoRARequest

    model = base(tmp_path / "base", tokenizer, **SIZES)
    run = trained(tmp_path / "run", model, data={"template": "{prompt}:"})
    out = exported(run, tmp_path / "out", merge=merge)
    arms = open_arms(out, [], QUIET)
    arm = arms.plan.arms["sft"]
    place = arms.open(arm)
    prompts = [place.template.encode_prompt(f"Q{number}?") for number in range(6)]
    with place.model.slots.use(arm.policy):
        ours = sample(place.model, place.template, prompts, greedy(place.settings.sampling), torch.Generator())
    expected = [row[counted].tolist() for row, counted in zip(ours.tokens.ids_BT, ours.tokens.counted_BT, strict=True)]
    options = {} if merge else {"enable_lora": True, "max_lora_rank": 8}
    served = vllm.LLM(model=str(out if merge else model), dtype="float32", enforce_eager=True, **options)
    asked = [{"prompt_token_ids": prompt} for prompt in prompts]
    settings = vllm.SamplingParams(temperature=0, max_tokens=12, stop_token_ids=[place.template.end_ids[0]])
    lora = None if merge else LoRARequest("sft", 1, str(out))
    found = [list(row.outputs[0].token_ids) for row in served.generate(asked, settings, lora_request=lora)]
    same = sum(a == b for row, other in zip(found, expected, strict=True) for a, b in zip(row, other, strict=False))
    assert same >= 0.95 * sum(map(len, expected))  # other kernels: a near tie may fall the other way
