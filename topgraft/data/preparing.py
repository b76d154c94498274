"""A source made ready once: its rows, split, as JSON lines with a manifest. The folder is then a source itself."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from topgraft import __version__
from topgraft.data.folders import write_folder
from topgraft.data.formats.prepared import record
from topgraft.data.reading import DataSettings, Reading, digest
from topgraft.data.splitting import Splits
from topgraft.data.table import Fault
from topgraft.errors import UserError
from topgraft.runs.writing import write_whole

LEFT_OUT = "left_out.jsonl"
"""What the file of rows left out is called, wherever it is written."""


def prepare(settings: DataSettings, reading: Reading, splits: Splits, folder: Path) -> dict[str, Any]:
    """Write the parts into `folder`, which must be new or empty, and return its manifest. Its digest is that of a run
    on the folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already, and nothing in it is overwritten. Give another folder with --out.")
    parts = {name: [replace(row, part=name) for row in rows] for name, rows in splits.parts().items()}
    about = {
        "topgraft": __version__,
        "source": settings.source,
        "format": reading.format,
        "remarks": reading.remarks,
        "digest": digest([row for rows in parts.values() for row in rows]),
        "rows_found": reading.found,
        "rows_left_out": len(reading.left_out),
        "settings": settings.model_dump(mode="json"),
    }
    write_left_out(folder, reading.left_out)
    return write_folder(folder, parts, record, about)


def write_left_out(folder: Path, faults: Sequence[Fault]) -> Path | None:
    """Write the rows left out, with their places and why, and return the file; None where there are none."""
    if not faults:
        return None
    lines = (json.dumps(asdict(fault), ensure_ascii=False) + "\n" for fault in faults)
    text = "".join(lines).encode("utf-8", errors="backslashreplace")
    write_whole(folder / LEFT_OUT, text)
    return folder / LEFT_OUT
