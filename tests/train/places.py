"""Real workplaces: the tiny model, prepared as a run prepares it, with a quiet screen."""

import json
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from topgraft.runs import RunFolder
from topgraft.train.plan import Plan, Step
from topgraft.train.progress import Screen
from topgraft.train.settings import settings_of
from topgraft.train.stages import carry_out
from topgraft.train.workplace import Workplace, prepare


def wide(model_folder: Path, folder: Path) -> Path:
    """The tiny model with a context of 2048 tokens, for long prompts."""
    made = Path(shutil.copytree(model_folder, folder / "wide"))
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 2048}))
    return made


def short_rows(path: Path) -> Path:
    """20 short rows of 10 problems."""
    rows = [{"id": f"r{n}", "problem": f"p{n // 2}", "prompt": f"Q{n}?", "response": f"A {n}."} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def open_place(folder: Path, model: Path, *, lora: dict[str, Any] | None = None, **raw: Any) -> Workplace:
    """What `topgraft run` works in, for a recipe given as a dictionary; alone, unless [cache] is given."""
    model_settings = {"name": str(model), "layers": "last-2", "lora": lora or {}}
    recipe = {"name": "test", "model": model_settings, "cache": {"disk_gb": 0}, **raw}
    return prepare(settings_of(recipe), RunFolder(folder), Screen(Console(quiet=True)))


def steps(place: Workplace) -> dict[str, Step]:
    """The steps of the recipe, in order."""
    return Plan(place.settings).steps


def do(place: Workplace, *names: str) -> None:
    """Do the steps of the recipe in order, or those called `names`; what is finished is reloaded."""
    for step in steps(place).values():
        if not names or step.name in names:
            carry_out(place, step)
