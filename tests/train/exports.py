"""Small trained runs to export: SFT for a step or two on a random model, with weights that change the logits."""

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from places import do, short_rows
from rich.console import Console
from transformers import PreTrainedTokenizerFast

from topgraft.recipe import to_toml
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole
from topgraft.train.exporting import checking, plain
from topgraft.train.exporting.steps import export
from topgraft.train.progress import Screen
from topgraft.train.settings import settings_of
from topgraft.train.workplace import prepare

QUIET = Screen(Console(quiet=True))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is read by the same code, without the seconds that a new process takes to import the libraries; that
    it does start, and without topgraft, is for the tests of the command line."""

    def read(folder: Path, policy: Any) -> dict[str, torch.Tensor]:
        return plain.read(checking.job_of(folder, policy))

    monkeypatch.setattr(checking, "_read_elsewhere", read)


def base(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    architecture: str = "llama",
    dtype: torch.dtype = torch.float32,
    **changed: Any,
) -> Path:
    """A random model with its tokenizer in `folder`."""
    tiny.model(architecture, dtype=dtype, **changed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def trained(folder: Path, model: Path, /, *, layers: str = "last-2", quantize: str = "none", **raw: Any) -> RunFolder:
    """A finished run of SFT, its adapter (or whole copy) far from where it began."""
    data = {"source": str(short_rows(folder.with_name("rows.jsonl"))), "max_response_tokens": 12, **raw.pop("data", {})}
    settings = {"name": str(model), "layers": layers, "quantize": quantize, "lora": {"rank": 4, "alpha": 8}}
    sft = {"epochs": 2, "batch_size": 7, "learning_rate": 0.02}
    recipe = {"name": "test", "stages": ["sft"], "model": settings, "data": data, "sft": sft, "cache": {"disk_gb": 0}}
    place = prepare(settings_of(recipe | raw), RunFolder(folder), QUIET)
    do(place)
    write_whole(place.run.recipe_file, to_toml(place.settings))
    return place.run


def exported(run: RunFolder, out: Path, *, arm: str = "", merge: bool = False, dtype: str = "auto") -> Path:
    """Export, and return the folder."""
    export(run, arm, out=out, merge=merge, dtype=dtype, sets=[], screen=QUIET)
    return out
