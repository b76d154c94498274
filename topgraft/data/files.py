"""Bytes of a file -> text: unzipped, decoded, and refused where they are something else than they seem.

Reading changes nothing. What is wrong with the file as a whole is a UserError; where bad rows may be left out
(`tolerant`), what can be saved of a damaged file is handed on.
"""

import codecs
import gzip
import io
import re
import zlib

from topgraft.errors import UserError

MARKS = {
    b"\xff\xfe": "UTF-16 (--set data.encoding=utf-16)",
    b"\xfe\xff": "UTF-16 (--set data.encoding=utf-16)",
    b"\x1f\x8b": "gzip (then end its name in .gz)",
    b"PK\x03\x04": "an Excel sheet or a zip archive",
    b"PAR1": "Parquet (then end its name in .parquet)",
}
"""First bytes of files that are no UTF-8 text -> what they are."""
LONGEST = 10_000_000
"""Characters of a row. A longer one is a damaged file, or many rows without line breaks."""
SMALL, MOST_TIMES = 64 << 20, 200
"""Bytes that any .gz may hold, and how many times its own size it may hold beyond that. Text shrinks to a tenth; a
thousandth is a file made to fill the memory."""
PAGE = re.compile(r"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
POINTER = "version https://git-lfs.github.com/spec/"


def unzip(data: bytes, name: str, *, tolerant: bool = False) -> bytes:
    """What a .gz file holds; of a damaged one, where that is tolerated, what stands before the damage."""
    most = max(SMALL, MOST_TIMES * len(data))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return _within(file.read(most + 1), most, name)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        saved = _before_damage(data, most) if tolerant else b""
        if saved:
            return _within(saved, most, name)
        raise UserError(
            f"{name} ends in .gz but cannot be unzipped: {error}. Was it copied whole? Try `gzip -t {name}`; "
            f"--skip-bad takes the rows before the damage."
        ) from error


def _within(found: bytes, most: int, name: str) -> bytes:
    """What was unzipped. Raises UserError where it is more than `most` bytes."""
    if len(found) > most:
        raise UserError(
            f"{name} unzips to over {most >> 20:,} MB, more than {MOST_TIMES} times its size: it would fill the "
            f"memory. If it is yours, unzip it and give the file."
        )
    return found


def _before_damage(data: bytes, most: int) -> bytes:
    """The bytes that can be unzipped, by small steps: a step that fails gives nothing, and one past `most` is the
    last."""
    unpacker, found = zlib.decompressobj(wbits=31), bytearray()
    try:
        for start in range(0, len(data), 512):
            found += unpacker.decompress(data[start : start + 512])
            if len(found) > most:
                break
    except zlib.error:
        pass
    return bytes(found)


def decode(data: bytes, name: str, encoding: str = "utf-8", *, tolerant: bool = False) -> str:
    """The text of bytes; a byte order mark is dropped. Where that is tolerated, a byte that is no text stands for
    itself as half a character, which the formats find in its row."""
    try:
        codec = codecs.lookup(encoding).name
        text = data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        if tolerant and codec == "utf-8" and not data.startswith(tuple(MARKS)):
            text = data.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
        else:
            raise UserError(_no_text(data, name, encoding, error)) from error
    except (LookupError, ValueError) as error:  # some of Python's codecs are none of text, and say so in their own ways
        raise UserError(
            f"data.encoding = '{encoding}' is no encoding that Python knows. Write utf-8, latin-1 or utf-16."
        ) from error
    if PAGE.match(text[:2000]):
        raise UserError(
            f"{name} is a web page (it begins with {text.strip()[:30]!r}), not data: often a page that asks to log in, "
            f"or the preview of a file. Download the file itself (on GitHub: Raw; on the hub: /resolve/, not /blob/)."
        )
    if text.startswith(POINTER):
        raise UserError(f"{name} is a pointer of Git LFS, not the data. Fetch them with `git lfs pull`.")
    return text


def _no_text(data: bytes, name: str, encoding: str, error: UnicodeDecodeError) -> str:
    # The decoder counts from behind a byte order mark.
    offset = error.start + (len(data) - len(error.object))
    line = data.count(b"\n", 0, offset) + 1
    kind = next((f" It looks like {kind}." for mark, kind in MARKS.items() if data.startswith(mark)), "")
    known = "UTF-8" if encoding == "utf-8" else encoding
    return (
        f"{name} is not {known} text: byte 0x{data[offset]:02x} at offset {offset} (line {line}).{kind} "
        f"Name its encoding, e.g. --set data.encoding=latin-1, or save it as UTF-8, e.g. "
        f"`iconv -f latin1 -t utf-8 OLD > NEW`."
    )


def start(text: str) -> str:
    """The beginning of a text for a message."""
    text = text[:200].strip()
    return repr(text if len(text) <= 60 else text[:60] + "...")


def too_long(text: str, place: str) -> None:
    """Raise UserError for a row that is too long to be one."""
    if len(text) > LONGEST:
        raise UserError(
            f"{place} is too long: it has {len(text):,} characters, and a row has {LONGEST:,} at most. "
            f"Is a line break missing? It begins {start(text)}."
        )
