"""Digests beside files, by which damage is noticed: SHA256SUMS, as `sha256sum --check` reads it."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from topgraft.runs.writing import write_whole

NAME = "SHA256SUMS"


def seal(folder: Path, files: Iterable[Path], coming: Mapping[str, str] | None = None) -> None:
    """Write the digests of files in `folder`, in place of those that it has, and of texts that will stand there."""
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(files)}
    sums |= {name: hashlib.sha256(text.encode()).hexdigest() for name, text in (coming or {}).items()}
    write_whole(folder / NAME, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))


def broken(folder: Path) -> list[Path]:
    """The files that are not as they were sealed, or gone; none where nothing was."""
    if not (folder / NAME).exists():
        return []
    sums = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    found = {folder / name: digest for digest, _, name in (line.partition("  ") for line in sums)}
    return [path for path, digest in found.items() if not path.is_file() or sha256(path) != digest]


def sha256(path: Path) -> str:
    """The digest of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
