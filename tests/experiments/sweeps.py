"""Small sweeps: the tiny model on short rows, asked for as a recipe file or as settings."""

import json
from pathlib import Path
from typing import Any

from topgraft.experiments.folder import Sweep, ask, open_folder
from topgraft.experiments.space import parse_grid, parse_search
from topgraft.recipe import overlay
from topgraft.train.settings import RunSettings, settings_of


def recipe(model: Path, folder: Path, /, **changes: Any) -> dict[str, Any]:
    """SFT, pairs and DPO in a few steps; an evaluation that reads lengths only."""
    rows = [{"id": f"r{n}", "problem": f"p{n // 2}", "prompt": f"Q{n}?", "response": f"A {n}."} for n in range(20)]
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lengths = {"max_prompt_tokens": 60, "max_response_tokens": 8}
    small = {
        "name": "small",
        "stages": ["sft", "pairs", "dpo"],
        "samples_shown": 0,
        "model": {"name": str(model), "layers": "last-2"},
        "cache": {"disk_gb": 0},
        "data": {"source": str(data), "split": [0.6, 0.2, 0.2], **lengths},
        "sft": {"epochs": 1, "batch_size": 12},
        "dpo": {"epochs": 1, "batch_size": 6},
        "reward": {"epochs": 1},
        "evaluate": {"metrics": ["length"]},
    }
    return overlay(small, changes)


def settings(model: Path, folder: Path, /, **changes: Any) -> RunSettings:
    return settings_of(recipe(model, folder, **changes))


def grid(asked: RunSettings, path: Path, *texts: str, **more: Any) -> Sweep:
    """A grid whose folder is begun."""
    sweep = ask(asked, path, [parse_grid(text) for text in texts], trials=None, **more)
    open_folder(sweep)
    return sweep


def search(asked: RunSettings, path: Path, *texts: str, trials: int) -> Sweep:
    """A search whose folder is begun."""
    sweep = ask(asked, path, [parse_search(text) for text in texts], trials=trials)
    open_folder(sweep)
    return sweep


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary(path: Path, trial: int, stage: str) -> dict[str, Any]:
    """A stage's summary in a trial of the sweep in `path`."""
    return json.loads((path / "trials" / str(trial) / "stages" / stage / "stage.json").read_text(encoding="utf-8"))
