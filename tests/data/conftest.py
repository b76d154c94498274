"""Files, for tests of what is read from them."""

import gzip
import json
from pathlib import Path

import pytest


@pytest.fixture
def source(tmp_path):
    """Write rows as JSON lines and return the path."""

    def put(*rows: dict) -> str:
        (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / "r.jsonl")

    return put


@pytest.fixture
def write(tmp_path: Path):
    """Write a file of the given name and return its path as text: text compressed where the name ends in .gz, bytes as
    they are."""

    def put(name: str, content: str | bytes) -> str:
        text = isinstance(content, str)
        data = content.encode() if text else content
        (tmp_path / name).write_bytes(gzip.compress(data) if text and name.endswith(".gz") else data)
        return str(tmp_path / name)

    return put
