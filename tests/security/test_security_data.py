"""Files made to fill the memory, and secrets in the address of a file."""

import gzip
import json
import resource
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow
import pyarrow.parquet
import pytest

from topgraft.data import remote
from topgraft.data.preparing import prepare
from topgraft.data.reading import DataSettings, read, read_all
from topgraft.data.splitting import split
from topgraft.errors import UserError
from topgraft.recipe import build, to_toml

SECRET = "s3cr3t-0123456789"
ROWS = "".join(json.dumps({"id": str(n), "prompt": f"p{n}", "response": "r"}) + "\n" for n in range(9)).encode()


class Guarded(BaseHTTPRequestHandler):
    """Gives rows to who has the token, and repeats what was asked to who has not."""

    def do_GET(self) -> None:
        if self.path.startswith("/cut"):  # a server that promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(ROWS)
            return
        allowed = f"token={SECRET}" in self.path
        self.send_response(200 if allowed else 403, "OK" if allowed else f"no: {self.path}")
        self.end_headers()
        self.wfile.write(ROWS if allowed else b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a server of files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def refusal(source: str, **more: object) -> str:
    with pytest.raises(UserError) as caught:
        read(DataSettings(source=source, **more))
    return str(caught.value)


@pytest.mark.parametrize("skip", [False, True])
def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path, skip):
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(100 << 20), 9, mtime=0))
    assert path.stat().st_size < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "unzips to over 64 MB, more than 200 times its size" in refusal(str(path), skip_bad=skip)
    path.write_bytes(path.read_bytes()[:-5])  # damaged besides
    assert "bomb.jsonl.gz" in refusal(str(path), skip_bad=skip)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10, "kilobytes"


def test_a_text_that_shrinks_well_is_no_bomb(tmp_path):
    line = json.dumps({"prompt": "the same " * 40, "response": "r"}) + "\n"
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress((line * 3000).encode(), mtime=0))
    assert path.stat().st_size * 200 < len(line) * 3000
    assert len(read(DataSettings(source=str(path)))) == 3000


def test_a_parquet_file_of_very_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "SMALL", 8 << 20)  # 512 MB, in a hundredth of the time
    path = tmp_path / "bomb.parquet"
    text = pyarrow.array(["x" * 1000]).take(pyarrow.array([0] * 200_000))
    pyarrow.parquet.write_table(pyarrow.table({"prompt": text, "response": text}), path)
    assert path.stat().st_size < 60_000
    assert "holds rows of over 8 MB, more than 200 times its size" in refusal(str(path))


def test_a_download_without_end_is_given_up(site, monkeypatch):
    monkeypatch.setattr(remote, "LARGEST", 100)
    monkeypatch.setenv("TOPGRAFT_DATA_TOKEN", SECRET)
    assert "it has more than" in refusal(f"{site}/rows.jsonl?token=${{TOPGRAFT_DATA_TOKEN}}")


def test_a_download_that_was_cut_off_is_not_taken_for_whole(site):
    assert "could not be downloaded" in refusal(f"{site}/cut.jsonl")


def test_a_recipe_cannot_send_other_secrets_away(site, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for name in ("OPENAI_API_KEY", "HOME", ""):
        assert "names of secrets in a URL begin with TOPGRAFT_DATA_" in refusal(f"{site}/rows.jsonl?token=${{{name}}}")


@pytest.mark.parametrize(
    "url",
    [
        "https://me:s3cr3t-0123456789@host/rows.csv",
        "https://s3cr3t-0123456789@host/rows.csv",
        "https://host/rows.csv?token=s3cr3t-0123456789",
        "HTTPS://host/rows.csv?a=b&X-Amz-Signature=s3cr3t-0123456789",
        "http://host/rows.csv?api_key=s3cr3t-0123456789",
        "http://host/rows.csv?sig=x${NAME}s3cr3t-0123456789",
    ],
)
def test_an_address_with_a_secret_is_refused_before_anything_is_written_and_not_repeated(url):
    for refused in (
        lambda: build(DataSettings, {"source": url}, "[data]"),
        lambda: read(DataSettings().model_copy(update={"source": url})),
    ):
        with pytest.raises(UserError) as caught:
            refused()
        assert "recipe, run folder and report would show" in str(caught.value)
        assert SECRET not in str(caught.value)


def test_a_secret_of_the_environment_is_sent_and_written_nowhere(site, tmp_path, monkeypatch):
    monkeypatch.setenv("TOPGRAFT_DATA_TOKEN", SECRET)
    settings = DataSettings(source=f"{site}/rows.jsonl?token=${{TOPGRAFT_DATA_TOKEN}}")
    reading = read_all(settings)
    assert [row.prompt for row in reading.rows] == [f"p{n}" for n in range(9)]
    prepare(settings, reading, split(reading.rows, settings.split, 0), tmp_path / "prepared")
    written = [path.read_text("utf-8") for path in (tmp_path / "prepared").iterdir()] + [to_toml(settings)]
    assert any("token=${TOPGRAFT_DATA_TOKEN}" in text for text in written)
    assert not [text for text in written if SECRET in text]


def test_a_server_that_repeats_a_secret_does_not_bring_it_into_the_message(site, monkeypatch):
    monkeypatch.setenv("TOPGRAFT_DATA_TOKEN", f"{SECRET}-that-is-not-the-right-one"[::-1])
    said = refusal(f"{site}/rows.jsonl?token=${{TOPGRAFT_DATA_TOKEN}}")
    assert "the server answers 403 no: /rows.jsonl?token=${TOPGRAFT_DATA_TOKEN}" in said
    monkeypatch.setenv("TOPGRAFT_DATA_TOKEN", "two\nlines")
    assert refusal(f"{site}/rows.jsonl?token=${{TOPGRAFT_DATA_TOKEN}}").startswith(
        "What the environment has as TOPGRAFT_DATA_TOKEN cannot"
    )
    monkeypatch.delenv("TOPGRAFT_DATA_TOKEN")
    assert "needs TOPGRAFT_DATA_TOKEN from the environment" in refusal(
        f"{site}/rows.jsonl?token=${{TOPGRAFT_DATA_TOKEN}}"
    )
