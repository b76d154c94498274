"""Folders with a file for each part of the split: those of `topgraft data prepare`, and any that are named so.

A prepared folder has a manifest with the digest of every file: rows that were changed since are refused, so that a
folder stands for the same rows as long as it can be read.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.records import Demonstration
from topgraft.runs.writing import write_json, write_whole

MANIFEST = "manifest.json"
NAMES = {
    "train": ("train", "training"),
    "test": ("test", "eval"),
    "validation": ("validation", "valid", "val", "dev"),
}
"""Part -> what its file is called before the suffix."""


def part_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Part -> its file, for a folder that has one for each of the three; nothing for any other."""
    found: dict[str, Path] = {}
    for part, stems in NAMES.items():
        fitting = [name for name in names if name.split(".")[0].lower() in stems]
        if len(fitting) > 1:
            raise UserError(f"{folder} has several files for the part {part}: {', '.join(fitting)}. Leave one there.")
        if fitting:
            found[part] = folder / fitting[0]
    return found if len(found) == len(NAMES) else {}


def verify(folder: Path, name: str, data: bytes) -> bool:
    """Whether a file is one that a manifest vouches for. Raises UserError where it has another digest."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        wanted = manifest["files"][name]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder / MANIFEST} does not describe {name} ({type(error).__name__}). Prepare the folder anew."
        ) from error
    if hashlib.sha256(data).hexdigest() != wanted:
        raise UserError(
            f"{folder / name} was changed since it was prepared: its digest is not that of {MANIFEST}. Prepare the "
            f"data anew; or, to use what is there now, remove {MANIFEST}."
        )
    return True


def write_folder(
    folder: Path, parts: Mapping[str, Sequence[Demonstration]], record: Any, about: dict[str, Any]
) -> dict[str, Any]:
    """Write a file of JSON lines (`record` of every row) for each part, and then the manifest: `about`, and rows,
    groups and digest of each file. Returns the manifest."""
    files = {}
    for part, rows in parts.items():
        text = "".join(json.dumps(record(row), ensure_ascii=False) + "\n" for row in rows)
        write_whole(folder / f"{part}.jsonl", text)
        files[f"{part}.jsonl"] = {
            "rows": len(rows),
            "groups": len({row.group for row in rows}),
            "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        }
    manifest = {**about, "files": files}
    write_json(folder / MANIFEST, manifest)
    return manifest
