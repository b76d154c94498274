"""A file of rows, for tests of what is read from it."""

import json

import pytest


@pytest.fixture
def source(tmp_path):
    """Write rows as JSON lines and return the path."""

    def put(*rows: dict) -> str:
        (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / "r.jsonl")

    return put
