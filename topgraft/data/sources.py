"""A source's name -> its raw rows: a shipped set, a local file or folder, a URL, or a data set of the hub."""

import os
from pathlib import Path

from topgraft.data.csv_rows import read_csv
from topgraft.data.files import decode, unzip
from topgraft.data.folders import part_files, verify
from topgraft.data.json_rows import read_json, read_json_lines
from topgraft.data.remote import HUB_ID, fetch, is_url, read_hub, read_parquet
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError, nearest

SHIPPED = Path(__file__).resolve().parents[1] / "shipped"
READERS = {
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".csv": read_csv,
    ".tsv": read_csv,
}
"""Suffix -> reader of (text, name for messages)."""
KINDS = ".json, .jsonl, .csv, .tsv, .parquet"


def raw_rows(source: str, encoding: str = "utf-8", *, tolerant: bool = False) -> Table:
    """The rows of `source`. Local names come first; only an "owner/name" that is no file is looked up. With `tolerant`
    what can be saved of a damaged file is read."""
    path = shipped_sets().get(source, Path(os.path.expanduser(source)))
    if is_url(source):
        _kind(source)
        return _parse(fetch(source), source, encoding, tolerant)
    if os.path.isfile(path):  # which, other than the path's own, takes whatever was written
        name = path.name if source in shipped_sets() else source
        _kind(name)
        return _parse(_bytes(path, name), name, encoding, tolerant)
    if os.path.isdir(path):
        return _folder(path, source, encoding, tolerant)
    if HUB_ID.fullmatch(source) and not suffix_of(source)[0]:
        return read_hub(source)
    raise UserError(_not_found(source, path))


def shipped_sets() -> dict[str, Path]:
    """Name -> file of the data that comes with topgraft."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.json"))}


def suffix_of(name: str) -> tuple[str, bool]:
    """("rows.csv.gz") -> (".csv", True); an unknown suffix is "". In a URL, what follows ? or # is cut."""
    plain = name.split("?")[0].split("#")[0].lower() if "://" in name else name.lower()
    suffix = Path(plain.removesuffix(".gz")).suffix
    return (suffix if suffix in (*READERS, ".parquet") else "", plain.endswith(".gz"))


def _folder(path: Path, source: str, encoding: str, tolerant: bool) -> Table:
    """The rows of a folder's parts, each with its part; of a prepared one after its digests were checked."""
    names = _data_files(path)
    files, whole = part_files(path, names), Table()
    if not files:
        listed = ", ".join(names) or f"none of {KINDS}"
        raise UserError(f"data.source = '{source}' is a folder; name one file. In it: {listed}.")
    for part, file in files.items():
        data = _bytes(file, str(file))
        if verify(path, file.name, data):
            whole.format = "prepared"
        table = _parse(data, str(file), encoding, tolerant)
        whole += [RawRow(row.place, row.values, part) for row in table]
        whole.faults += table.faults
        whole.remarks += [remark for remark in table.remarks if remark not in whole.remarks]
    whole.remarks.append(f"parts of its own: {', '.join(f'{part} ({file.name})' for part, file in files.items())}")
    return whole


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror or error}. May you open it?") from error


def _kind(name: str) -> str:
    suffix = suffix_of(name)[0]
    if not suffix:
        raise UserError(f"data.source = '{name}' is none of {KINDS} (each also .gz). Rename or convert it.")
    return suffix


def _parse(data: bytes, name: str, encoding: str, tolerant: bool) -> Table:
    suffix, zipped = _kind(name), suffix_of(name)[1]
    if zipped:
        data = unzip(data, name, tolerant=tolerant)
    if suffix == ".parquet":
        return read_parquet(data, name)
    return READERS[suffix](decode(data, name, encoding, tolerant=tolerant), name)


def _data_files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if suffix_of(file.name)[0])


def _not_found(source: str, path: Path) -> str:
    folder = path.parent
    if not os.path.isdir(folder):
        return f"data.source = '{source}': there is no folder '{folder}'. Paths are seen from {Path.cwd()}."
    if not suffix_of(source)[0] and folder == Path("."):
        return (
            f"data.source = '{source}': there is no such data set. {nearest(source, shipped_sets())} "
            f"Or give a file ({KINDS}), a URL, or a hub id 'owner/name'."
        )
    files = _data_files(folder)
    hint = nearest(path.name, files) if files else f"There is none of {KINDS} there."
    return f"data.source = '{source}': there is no such file in '{folder.resolve()}'. {hint}"
