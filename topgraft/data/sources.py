"""A source's name -> its raw rows: a shipped set, a local file, a URL, or a data set of the hub."""

from pathlib import Path

from topgraft.data.files import READERS, RawRow, decode, unzip
from topgraft.data.remote import HUB_ID, fetch, read_hub, read_parquet
from topgraft.errors import UserError, nearest

SHIPPED = Path(__file__).resolve().parents[1] / "shipped"
KINDS = ".json, .jsonl, .csv, .parquet"


def raw_rows(source: str) -> list[RawRow]:
    """The rows of `source`. Local names come first; only an "owner/name" that is no file is looked up."""
    path = shipped_sets().get(source, Path(source).expanduser())
    if source.startswith(("http://", "https://")):
        _kind(source)
        return _parse(fetch(source), source)
    if path.is_file():
        name = path.name if source in shipped_sets() else source
        _kind(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{name} cannot be read: {error.strerror or error}. May you open it?") from error
        return _parse(data, name)
    if path.is_dir():
        files = ", ".join(_data_files(path)) or f"none of {KINDS}"
        raise UserError(f"data.source = '{source}' is a folder; name one file. In it: {files}.")
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


def _kind(name: str) -> str:
    suffix = suffix_of(name)[0]
    if not suffix:
        raise UserError(f"data.source = '{name}' is none of {KINDS} (each also .gz). Rename or convert it.")
    return suffix


def _parse(data: bytes, name: str) -> list[RawRow]:
    suffix, zipped = _kind(name), suffix_of(name)[1]
    if suffix == ".parquet":
        return read_parquet(unzip(data, name) if zipped else data, name)
    return READERS[suffix](decode(unzip(data, name) if zipped else data, name), name)


def _data_files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if suffix_of(file.name)[0])


def _not_found(source: str, path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"data.source = '{source}': there is no folder '{folder}'. Paths are seen from {Path.cwd()}."
    if not suffix_of(source)[0] and folder == Path("."):
        return (
            f"data.source = '{source}': there is no such data set. {nearest(source, shipped_sets())} "
            f"Or give a file ({KINDS}), a URL, or a hub id 'owner/name'."
        )
    files = _data_files(folder)
    hint = nearest(path.name, files) if files else f"There is none of {KINDS} there."
    return f"data.source = '{source}': there is no such file in '{folder.resolve()}'. {hint}"
