"""Downloads and the hub, over real HTTP to a server in a process of its own, the reading in another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from topgraft.data.reading import DataSettings, read
from topgraft.data.remote import HUB_ID
from topgraft.errors import UserError

READ_ALL = """
from topgraft.data.reading import DataSettings, read_all
import json, sys
from topgraft.data.sources import raw_rows
from topgraft.errors import UserError
found = {}
if "our/talks" in sys.argv:
    reading = read_all(DataSettings(source="our/talks"))
    found["talks"] = [reading.format, *(f"{row.prompt}|{row.response}|{row.rejected}" for row in reading.rows)]
for source in sys.argv[1:]:
    try:
        found[source] = [row.place + " " + str(row.values.get("prompt")) for row in raw_rows(source)]
    except UserError as error:
        found[source] = str(error)
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a running hub."""
    server = Path(__file__).with_name("hub.py")
    with subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def read_all(sources: list[str], folder: Path, **environment: str) -> dict[str, list[str] | str]:
    """What a fresh process makes of each source (the hub library reads its environment at import)."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *sources],
        env={**os.environ, "HF_HOME": str(folder), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("FOUND")[1])


@pytest.fixture(scope="module")
def found(hub, tmp_path_factory) -> dict[str, list[str] | str]:
    names = [
        "our/answers",
        "our/answers#test",
        "our/answers#none",
        "our/answers:other",
        "our/closed",
        "our/anwsers",
        "our/talks",
    ]
    return read_all(names, tmp_path_factory.mktemp("hub"), HF_ENDPOINT=hub)


def test_a_data_set_of_the_hub_is_read_and_a_split_of_it_can_be_named(found):
    assert len(found["our/answers"]) == 12
    assert found["our/answers"][0] == "our/answers, row 1 train question 0"
    assert found["our/answers#test"] == [f"our/answers#test, row {n + 1} test question {n}" for n in range(3)]


def test_zipped_transcripts_of_the_hub_and_of_a_url_are_recognised(hub, found):
    assert found["talks"][0] == "transcripts"
    assert found["talks"][1:] == [f"question {n}|yes {n}|no" for n in range(6)]
    rows = read(DataSettings(source=f"{hub}/files/train.jsonl.gz"))
    assert [f"{row.prompt}|{row.response}|{row.rejected}" for row in rows] == found["talks"][1:]


def test_an_unknown_split_or_configuration_is_refused_with_the_known_ones(found):
    assert "Unknown split \"none\". Should be one of ['train', 'test']" in found["our/answers#none"]
    assert "'other' not found" in found["our/answers:other"]
    assert (
        "write owner/name:config" in found["our/answers:other"].lower()
        or "Write owner/name" in found["our/answers:other"]
    )


def test_an_unknown_and_a_gated_data_set_are_explained(found):
    assert "the hub shows no such data set" in found["our/anwsers"]
    assert "Check the spelling" in found["our/anwsers"]
    assert "gated" in found["our/closed"]
    assert "hf auth login" in found["our/closed"]


def test_a_hub_switched_off_is_said_to_be_out_of_reach(tmp_path):
    message = read_all(["our/answers"], tmp_path, HF_HUB_OFFLINE="1")["our/answers"]
    assert "the hub cannot be reached" in message
    assert "give a local file" in message


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_said_to_be_out_of_reach(tmp_path):
    # The library tries six times before it gives up, about 25 seconds.
    message = read_all(["our/answers"], tmp_path, HF_ENDPOINT="http://127.0.0.1:9")["our/answers"]
    assert "the hub cannot be reached" in message


def test_a_url_is_downloaded_and_read_by_its_suffix(hub):
    source = f"{hub}/files/train.jsonl?download=true"
    rows = read(DataSettings(source=source))
    assert len(rows) == 12
    assert rows[3].response == "answer 3"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{hub}/files/page.jsonl", "is a web page (it begins with '<!DOCTYPE html>"),
        ("{hub}/files/absent.jsonl", "could not be downloaded: the server answers 404 Not Found"),
        ("{hub}/files/train.html", "is none of .json, .jsonl, .csv, .tsv, .parquet"),
        ("http://127.0.0.1:9/rows.csv", "could not be downloaded: [Errno"),
        ("http://no such host/rows.csv", "could not be downloaded"),
    ],
)
def test_a_url_that_gives_nothing_is_explained(hub, url, said):
    with pytest.raises(UserError) as caught:
        read(DataSettings(source=url.format(hub=hub)))
    assert said in str(caught.value)


def test_hub_names_are_told_from_other_names():
    assert HUB_ID.fullmatch("openai/gsm8k:main#test").groupdict() == {
        "id": "openai/gsm8k",
        "config": "main",
        "split": "test",
    }
    for other in ("gsm8k", "../data/rows", "a/b/c", "./rows", "/data/rows", "C:/rows", "a/b c"):
        assert HUB_ID.fullmatch(other) is None, other
