"""A discovery's folder, and what was asked of it.

<run>/layers/asked.json         model, data, settings and digests that every measurement depends on
<run>/layers/measures.jsonl     one line for each finished measurement
<run>/layers/stages/<name>/     the log of each training; its weights are dropped once it is measured
<run>/layers/results.json       what all of it comes to, and the blocks that it recommends
<run>/layers/figures/           the figure "layer impact"
<run>/layers/log.txt            what the trainings said
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from topgraft.data.reading import digest
from topgraft.errors import UserError
from topgraft.recipe import differences
from topgraft.runs.writing import append_line, read_lines, write_json
from topgraft.train.settings import RunSettings
from topgraft.train.workplace import Workplace

FOLDER = "layers"
WINDOW, SEEDS, EPOCHS = 4, 3, 3
"""Blocks in a window, seeds, and passes of a short training over the rows, unless asked for otherwise."""
NOT_ASKED = {"epochs", "patience", "load", "micro_batch_tokens"}
"""Settings of SFT that do not touch a short training."""
BESIDE_THE_POINT = {"layers", "gradient_checkpointing"}
"""Settings of the model that a discovery sets itself, and that change nothing."""


@dataclass(frozen=True)
class Discovery:
    """What was asked: the recipe, in run folder `run`; `window` blocks train together (0: WINDOW, or half of the
    model's where that is less), for `epochs` passes."""

    run: Path
    settings: RunSettings
    window: int = 0
    seeds: int = SEEDS
    epochs: int = EPOCHS

    def fitted(self, depth: int) -> "Discovery":
        """The same for a model of `depth` blocks. Raises UserError for a window that does not fit it."""
        window = self.window or min(WINDOW, max(1, depth // 2))
        if not 1 <= window < depth:
            raise UserError(f"--window {window} does not fit {depth} blocks. Give a number from 1 to {depth - 1}.")
        return replace(self, window=window)

    @property
    def path(self) -> Path:
        """The discovery's own folder."""
        return self.run / FOLDER

    @property
    def seed_numbers(self) -> list[int]:
        """The seeds of whatever is random, the recipe's first."""
        return [self.settings.seed + number for number in range(self.seeds)]

    def begin(self, place: Workplace) -> None:
        """Write what was asked, or check that it is what the folder was begun with; only seeds may be added.

        Raises UserError where the folder holds a discovery with other settings, model or data.
        """
        file, now = self.path / "asked.json", json.loads(json.dumps(self._asked(place)))
        if file.exists():
            changed = differences(json.loads(file.read_text(encoding="utf-8")), now)
            if changed:
                raise UserError(
                    f"{self.path} holds measurements with other settings, so it cannot be gone on with:\n  "
                    + "\n  ".join(changed)
                    + "\nRestore them, remove that folder, or give another with --out."
                )
        write_json(file, now)

    def _asked(self, place: Workplace) -> dict[str, Any]:
        settings = self.settings
        return {
            "recipe": settings.name,
            "seed": settings.seed,
            "window": self.window,
            "epochs": self.epochs,
            "model": settings.model.model_dump(mode="json", exclude=BESIDE_THE_POINT),
            "data": settings.data.model_dump(mode="json"),
            "sft": settings.sft.model_dump(mode="json", exclude=NOT_ASKED),
            "other_voices": settings.evaluate.other_voices,
            "digests": digests(place),
        }


def digests(place: Workplace) -> dict[str, str]:
    """What a recommendation holds for: the base model and the data."""
    splits = place.splits
    return {"model": place.model.base_digest, "data": digest([*splits.train, *splits.test, *splits.validation])}


class Book:
    """The finished measurements, each under its kind, its blocks and its seed."""

    def __init__(self, path: Path) -> None:
        self.file = path / "measures.jsonl"
        self.records: list[dict[str, Any]] = list(read_lines(self.file))

    def has(self, kind: str, blocks: list[int], seed: int | None) -> bool:
        """Whether a measurement is there."""
        return any((one["kind"], one["blocks"], one["seed"]) == (kind, blocks, seed) for one in self.records)

    def add(self, kind: str, blocks: list[int], seed: int | None, found: dict[str, Any]) -> None:
        """Write a measurement down."""
        record = {"kind": kind, "blocks": blocks, "seed": seed, **found}
        append_line(self.file, record)
        self.records.append(record)

    def of(self, kind: str, seeds: list[int]) -> Iterator[dict[str, Any]]:
        """The measurements of a kind with one of these seeds, or without any."""
        return (one for one in self.records if one["kind"] == kind and one["seed"] in (None, *seeds))
