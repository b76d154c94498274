"""Saved reward models, their base and their scores, in tests/fixtures/reward, and how they were made.

PYTHONPATH=tests python tests/algorithms/reward_fixture.py writes them anew. That is for a change of the format that is
meant: what older versions saved is then no longer read.
"""

import json
import sys
from pathlib import Path

import tiny
import torch
from transformers import AutoModelForCausalLM

from topgraft.algorithms.reward_model import Options, RewardModel
from topgraft.model.adapters import LoraSettings
from topgraft.model.split_model import SplitModel
from topgraft.records import Comparison

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "reward"
ROWS = [
    Comparison(key=str(number), prompt=prompt, chosen=chosen, rejected=rejected)
    for number, (prompt, chosen, rejected) in enumerate(
        [("one", "aa", "zzzz"), ("two?", "A bad, bad answer", "z"), ("3", "ab", "\n!"), ("a longer one", "x", "y y")]
    )
]
OPTIONS = {
    "linear": {"head": "linear", "reads": "last"},
    "mlp": {"head": "mlp", "reads": "mean", "normalise": "references"},
}


def reward_model(kind: str) -> RewardModel:
    """On the stored base, with new weights."""
    base = AutoModelForCausalLM.from_pretrained(FOLDER / "base", dtype=torch.float32, attn_implementation="eager")
    base.name_or_path = "base"  # what is saved names its base, and not by a path of this machine
    made = SplitModel(base.eval(), [1], LoraSettings(rank=2, alpha=4))
    return RewardModel(tiny.actors(made, tiny.characters(), response=20), Options(**OPTIONS[kind]), "reward")


@torch.no_grad()
def scores(algorithm: RewardModel) -> torch.Tensor:
    """Of the chosen and the rejected answers [P, 2]."""
    batch = algorithm.collect(ROWS)
    return algorithm.reward(batch.tokens, batch.trunk).view(-1, 2)


def write() -> None:
    """Base, both reward models and scores.json. Large matrices have four weights an output, so that they pack well."""
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1}
    tiny.model("llama", num_hidden_layers=2, **sizes).save_pretrained(FOLDER / "base")
    found = {}
    for kind in OPTIONS:
        algorithm, generator = reward_model(kind), torch.Generator().manual_seed(3)
        tiny.fill(algorithm.actors.model, "reward")
        with torch.no_grad():
            for weight in algorithm.head.parameters():
                drawn = torch.randn(weight.shape, generator=generator)
                if weight.dim() == 2 and len(weight) > 1:
                    drawn[torch.rand(weight.shape, generator=generator) > 4 / weight.shape[1]] = 0
                weight.copy_(drawn / 2)
        algorithm.finish(ROWS)
        algorithm.save(FOLDER / kind)
        (FOLDER / kind / "README.md").unlink(missing_ok=True)  # peft's model card
        found[kind] = scores(algorithm).tolist()
    (FOLDER / "scores.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
