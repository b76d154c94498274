"""Downloads by the standard library; Parquet through pyarrow and the hub through `datasets`, imported when needed.

A URL is written into run folders and reports as the recipe has it. So it may hold no secret: where one is needed,
"${TOPGRAFT_DATA_TOKEN}" stands in its place, or another name that begins so, and only the request gets what the
environment calls so. No other name will do: a recipe from elsewhere must not be able to send one's other secrets away.
"""

import os
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError

HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(?::(?P<config>[\w.+-]+))?(?:#(?P<split>[\w.-]+))?")
"""owner/name, owner/name:config, owner/name#split, owner/name:config#split."""
PATIENCE = 60.0
"""Seconds without an answer after which a download is given up."""
LARGEST = 2 << 30
"""Bytes of a download."""
PLACE = re.compile(r"\$\{(\w*)\}")
OURS, EXAMPLE = "TOPGRAFT_DATA_", "TOPGRAFT_DATA_TOKEN"
"""How the names of secrets begin that a URL may hold, and one of them."""
SECRETS = ("key", "token", "secret", "password", "passwd", "signature", "sig", "credential", "auth")
"""How names of a URL's parameters end whose values are nobody else's business."""
SMALL, MOST_TIMES, ROW, CELL = 512 << 20, 200, 200, 50
"""Bytes that the rows of any Parquet file may take, and how many times the file's size beyond that; about what a row
and a cell of it take besides their content."""


def is_url(source: str) -> bool:
    """Whether a source is to be downloaded."""
    return source.lower().startswith(("http://", "https://"))


def refuse_secrets(url: str) -> None:
    """Raise UserError for a URL with a name, a password or a key in it; the message does not repeat them."""
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query)
    except ValueError as error:
        raise UserError(f"A URL of the data cannot be understood ({error}). Copy it again.") from None
    if "@" in parts.netloc:
        raise UserError(
            "The URL of the data holds a name or a password before '@', which recipe, run folder and report would "
            "show. Download the file by hand and give it."
        )
    for name, value in asked:
        if name.lower().endswith(SECRETS) and not PLACE.fullmatch(value):
            raise UserError(
                f"The URL of the data on {parts.hostname} holds '{name}', which recipe, run folder and report would "
                f"show. Put its value into the environment (export {EXAMPLE}=...) and write {name}=${{{EXAMPLE}}} "
                f"instead."
            )


def fetch(url: str) -> bytes:
    """Download `url`, following redirects, with its secrets from the environment."""
    refuse_secrets(url)
    hidden = {name: _secret(name, url) for name in PLACE.findall(url)}
    real = PLACE.sub(lambda place: hidden[place[1]], url)
    try:
        request = urllib.request.Request(real, headers={"User-Agent": "topgraft"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            if (answer.length or 0) <= LARGEST:  # where the length is told, only a reading of all tells a part from it
                found: bytes = answer.read(None if answer.length else LARGEST + 1)
                if len(found) <= LARGEST:
                    return found
        why = f"it has more than {LARGEST >> 30} GB"
    except urllib.error.HTTPError as error:
        why = f"the server answers {error.code} {error.reason}"
    except (OSError, HTTPException, ValueError) as error:
        why = str(getattr(error, "reason", "") or error or type(error).__name__)
    for name, value in hidden.items():
        why = why.replace(value, f"${{{name}}}")
    raise UserError(
        f"{url} could not be downloaded: {why}. Open it in a browser to see whether the address is right and "
        f"needs no login, or download it by hand and give the file."
    )


def _secret(name: str, url: str) -> str:
    """What the environment has for a URL. Raises UserError where that is not meant for one, missing, or none."""
    if not name.startswith(OURS):
        raise UserError(f"{url} asks for {name or 'nothing'}; names of secrets in a URL begin with {OURS}: {EXAMPLE}.")
    found = os.environ.get(name, "").strip()
    if not found:
        raise UserError(f"{url} needs {name} from the environment, which has none. Set it: export {name}=...")
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UserError(f"What the environment has as {name} cannot stand in a URL: it holds blanks or other signs.")
    return found


def read_parquet(data: bytes, name: str) -> Table:
    """The rows of a Parquet file, read in small parts: a file may hold far more than its size lets one think."""
    import pyarrow
    import pyarrow.parquet

    rows, size, most = list[dict[str, Any]](), 0, max(SMALL, MOST_TIMES * len(data))
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        for part in file.iter_batches(batch_size=256):
            size += part.nbytes + part.num_rows * (ROW + CELL * part.num_columns)
            if size > most:
                break
            rows += part.to_pylist()
    except Exception as error:  # Arrow raises many kinds, none of them shared
        raise UserError(f"{name} is not a readable Parquet file: {_why(error)}. Is it whole?") from error
    if size > most:
        raise UserError(
            f"{name} holds rows of over {most >> 20:,} MB, more than {MOST_TIMES} times its size: they would fill the "
            f"memory. If it is yours, give it as JSON lines."
        )
    return _table(rows, name)


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
    return _table(table.to_list(), source)


def _table(rows: list[dict[str, Any]], name: str) -> Table:
    return Table(RawRow(f"{name}, row {number}", row) for number, row in enumerate(rows, start=1))


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
