"""topgraft.json of an exported folder: where it comes from, how its answers are made, and what its check found."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from topgraft import __version__
from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.model.load import ModelSettings
from topgraft.recipe import Settings, build
from topgraft.rollout.choosing import SamplingSettings
from topgraft.runs.writing import write_json

NAME = "topgraft.json"
LAYOUT = 1
NOTES = ("topgraft", "made")
"""Keys of the file for people and the model card: the version that wrote it; base, data, licences, and the check."""


class About(Settings):
    """What stands in topgraft.json. A folder may come from anyone: nothing here can name code that would be run."""

    layout: int = LAYOUT
    """Which keys the file has; those of a later topgraft are refused."""
    recipe: str
    """The name of the run's recipe."""
    arm: str
    """The arm of the run whose policy this is."""
    weights: str = Field(pattern="^(adapter|merged|whole)$")
    """ "adapter", "merged" (an adapter added to its base) or "whole" (every weight was trained)."""
    seed: int
    """The run's seed."""
    model: ModelSettings
    """The base of an adapter and its blocks. Where the folder holds the model itself it has no name."""
    lengths: LengthSettings
    """Lengths, and a plain-text template where the run did not use the tokenizer's."""
    sampling: SamplingSettings
    """How answers are drawn."""
    decoding: str
    """How answers were made in the evaluation: "greedy" or "sampled"."""

    def recipe_of(self, folder: Path) -> dict[str, Any]:
        """The recipe of a run without stages that answers as this policy does."""
        raw = self.model_dump(mode="json", include={"seed", "model", "sampling"})
        if self.weights != "adapter":
            raw["model"]["name"] = str(folder)
        rest = {"data": self.lengths.model_dump(mode="json"), "evaluate": {"decoding": self.decoding}}
        return {"name": self.recipe, "stages": [], "cache": {"disk_gb": 0}, **raw, **rest}


def write_about(folder: Path, about: About, made: dict[str, Any]) -> None:
    """Write the file; `made` is what the model card says of base, data and the check."""
    notes = dict(zip(NOTES, (__version__, made), strict=True))
    write_json(folder / NAME, about.model_dump(mode="json") | notes)


def read_about(folder: Path) -> About:
    """The file in `folder`. Raises UserError where it is damaged, or a later topgraft's."""
    path = folder / NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}. Export the run again.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} is damaged: it holds no table. Export the run again.")
    if isinstance(raw.get("layout"), int) and raw["layout"] > LAYOUT:
        raise UserError(
            f"{path} was written by topgraft {raw.get('topgraft', '?')}, whose exported folders this one "
            f"({__version__}) cannot read. Install that version."
        )
    return build(About, {key: value for key, value in raw.items() if key not in NOTES}, str(path))
