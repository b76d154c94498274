"""Downloads by the standard library; Parquet and the hub through `datasets`, imported when needed."""

import re
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError

HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(?::(?P<config>[\w.+-]+))?(?:#(?P<split>[\w.-]+))?")
"""owner/name, owner/name:config, owner/name#split, owner/name:config#split."""
PATIENCE = 60.0
"""Seconds without an answer after which a download is given up."""


def fetch(url: str) -> bytes:
    """Download `url`, following redirects."""
    request = urllib.request.Request(url, headers={"User-Agent": "topgraft"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        why = f"the server answers {error.code} {error.reason}"
    except (OSError, HTTPException, ValueError) as error:
        why = str(getattr(error, "reason", "") or error or type(error).__name__)
    raise UserError(
        f"{url} could not be downloaded: {why}. Open it in a browser to see whether the address is right and "
        f"needs no login, or download it by hand and give the file."
    )


def read_parquet(data: bytes, name: str) -> Table:
    """The rows of a Parquet file. The working copies of the library are removed again."""
    import datasets

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        file.write_bytes(data)
        try:
            return _rows(datasets.Dataset.from_parquet(str(file), cache_dir=folder, keep_in_memory=True), name)
        except Exception as error:  # Arrow and the library raise many kinds, none of them shared
            raise UserError(f"{name} is not a readable Parquet file: {_why(error)}. Is it whole?") from error


def read_hub(source: str) -> Table:
    """The rows of a data set of the hub: its "train" split, or the one named after "#"."""
    match = HUB_ID.fullmatch(source)
    if match is None:
        raise UserError(f"data.source = '{source}' is no hub id: write owner/name, owner/name:config#split.")
    import datasets

    try:
        table = datasets.load_dataset(match["id"], match["config"], split=match["split"] or "train")
    except Exception as error:  # the library raises many kinds; each is explained
        raise UserError(_hub_problem(source, error)) from error
    return _rows(table, source)


def _rows(table: Any, name: str) -> Table:
    return Table(RawRow(f"{name}, row {number}", row) for number, row in enumerate(table.to_list(), start=1))


def _hub_problem(source: str, error: Exception) -> str:
    kind, why = type(error).__name__, _why(error)
    if kind == "DatasetNotFoundError":
        return (
            f"data.source = '{source}' is no file in {Path.cwd()}, and the hub shows no such data set: "
            f"{why}. Check the spelling; a private or gated one needs `hf auth login` and its terms accepted."
        )
    if isinstance(error, ConnectionError) or "Connect" in kind or "Offline" in kind:
        return (
            f"data.source = '{source}' is no file in {Path.cwd()}, and the hub cannot be reached: {why}. "
            f"Check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or give a local file."
        )
    return (
        f"data.source = '{source}' could not be loaded from the hub: {why}. "
        f"Write owner/name:config for a configuration, owner/name#split for a split."
    )


def _why(error: Exception) -> str:
    """The error's own first words, without its full stop; the kind of error where it says nothing."""
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
