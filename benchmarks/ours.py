"""topgraft's side of a benchmark: the workload's model, template and actors."""

import torch
from transformers import AutoModelForCausalLM

from benchmarks.workload import ALPHA, RANK, TARGETS, Workload
from topgraft.algorithms.protocol import Actors
from topgraft.data.template import LengthSettings, Template
from topgraft.model.adapters import LoraSettings
from topgraft.model.split_model import SplitModel
from topgraft.rollout.cache import TrunkCache
from topgraft.rollout.choosing import SamplingSettings


def actors(work: Workload) -> Actors:
    """The split model with random weights; the end token is outside the vocabulary, so that no response ends early."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    base = AutoModelForCausalLM.from_config(work.config(), dtype=dtype).to(device)
    layers = list(range(work.layers - work.trained_layers, work.layers))
    model = SplitModel(base, layers, LoraSettings(rank=RANK, alpha=ALPHA, targets=TARGETS))
    lengths = LengthSettings(max_prompt_tokens=work.prompt, max_response_tokens=work.response, template="{prompt}")
    template = Template(work.tokenizer(), (work.vocabulary,), work.vocabulary, lengths)
    return Actors(
        model=model,
        template=template,
        cache=TrunkCache(model, template),
        sampling=SamplingSettings(rows_at_once=work.sequences),
        generator=torch.Generator().manual_seed(0),
    )
