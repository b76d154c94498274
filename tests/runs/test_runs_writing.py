"""Law: whatever kills a process, a reader finds whole files and whole lines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from topgraft.runs.writing import append_line, read_lines, whole_folder, write_json, write_whole

APPENDS = """
import itertools, sys
from pathlib import Path
from topgraft.runs.writing import append_line
for number in itertools.count():
    append_line(Path(sys.argv[1]), {"writer": sys.argv[2], "number": number, "text": "\u00e9" * (number * 37 % 3000)})
"""
REPLACES = """
import itertools, sys
from pathlib import Path
from topgraft.runs.writing import write_whole
for number in itertools.count():
    write_whole(Path(sys.argv[1]), "ab"[number % 2] * 300_000)
"""
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from topgraft.runs.writing import append_line, whole_folder, write_whole
def weights(folder):
    save_file({"a": torch.zeros(5000)}, folder / "a.safetensors")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write = {
    "whole": lambda path: write_whole(path, "n" * 5000),
    "line": lambda path: append_line(path, {"a": "n" * 900}),
    "weights": lambda path: whole_folder(path, weights),
}
try:
    write[sys.argv[2]](Path(sys.argv[1]))
except OSError:
    sys.exit(7)
"""


@contextmanager
def writer(code: str, *words: object) -> Iterator[subprocess.Popen[bytes]]:
    """A second process that writes until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, words)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the other process did not get so far"
        time.sleep(0.005)


def test_a_killed_writer_leaves_whole_lines_but_for_its_last(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for name in ("first", "second"):
        with writer(APPENDS, path, name) as process:
            wait_for(lambda name=name: path.exists() and path.read_bytes().count(f'"{name}"'.encode()) > 200)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        numbers = [row["number"] for row in read_lines(path) if row["writer"] == name]
        assert numbers == list(range(len(numbers)))
    lines = path.read_bytes().split(b"\n")[:-1]  # the system may cut a line where a page ends
    assert sum(not line.endswith(b"}") for line in lines) <= 1
    assert len(list(read_lines(path))) == sum(line.endswith(b"}") for line in lines) >= 400


@pytest.mark.parametrize("cut", [1, 2, 12, 17, 24])
def test_a_line_does_not_join_one_that_was_cut(tmp_path, cut):
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"number": 0})
    append_line(path, {"number": 1, "text": "\u00e9\u00e9"})
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    append_line(path, {"number": 2})
    append_line(path, {"number": 3})
    kept = [0, 1] if cut == 1 else [0]  # without its newline alone a line has lost nothing
    assert [row["number"] for row in read_lines(path)] == [*kept, 2, 3]


def test_lines_of_two_writers_do_not_mix(tmp_path):
    path = tmp_path / "lines.jsonl"
    with writer(APPENDS, path, "one") as one, writer(APPENDS, path, "two") as two:
        wait_for(lambda: path.exists() and min(path.read_bytes().count(f'"{n}"'.encode()) for n in ("one", "two")) > 99)
        for process in (one, two):  # killed, one could leave half a line for the other to go on with
            os.kill(process.pid, signal.SIGSTOP)
            wait_for(lambda process=process: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
        rows = list(read_lines(path))
    for name in ("one", "two"):
        numbers = [row["number"] for row in rows if row["writer"] == name]
        assert numbers == list(range(len(numbers)))


def test_a_reader_never_sees_half_a_file(tmp_path):
    path = tmp_path / "results.json"
    whole = {"a" * 300_000, "b" * 300_000}
    seen = set()
    with writer(REPLACES, path) as process:
        wait_for(path.exists)

        def both() -> bool:
            text = path.read_text()
            assert text in whole
            seen.add(text)
            return seen == whole

        wait_for(both)
        for _ in range(300):
            assert path.read_text() in whole
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert path.read_text() in whole


def test_a_text_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "recipe.toml"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half a character \ud800")
    with pytest.raises(TypeError):
        write_json(path, {"not": object()})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["recipe.toml"]


def test_a_full_disk_leaves_the_old_file_and_is_an_error(tmp_path):
    path = tmp_path / "results.json"
    write_whole(path, "old")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path), "whole"], check=False)
    assert done.returncode == 7
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["results.json"]


def test_weights_that_a_full_disk_does_not_take_leave_the_old_ones_and_are_an_error(tmp_path):
    folder = tmp_path / "last"
    whole_folder(folder, lambda path: (path / "a.safetensors").write_text("old"))
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(folder), "weights"], check=False)
    assert done.returncode == 7
    assert (folder / "a.safetensors").read_text() == "old"
    assert os.listdir(tmp_path) == ["last"]


def test_a_line_cut_by_a_full_disk_is_an_error(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"a": "x" * 500})
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path), "line"], check=False)
    assert done.returncode == 7
    assert list(read_lines(path)) == [{"a": "x" * 500}]


def test_whole_files_take_text_and_bytes_and_make_their_folder(tmp_path):
    write_whole(tmp_path / "a" / "b" / "text", "Grüße 汉字\n")
    write_whole(tmp_path / "a" / "b" / "bytes", b"\x00\xff")
    write_json(tmp_path / "a" / "b" / "value.json", {"ä": [1, None]})
    assert (tmp_path / "a" / "b" / "text").read_bytes() == "Grüße 汉字\n".encode()
    assert (tmp_path / "a" / "b" / "bytes").read_bytes() == b"\x00\xff"
    assert json.loads((tmp_path / "a" / "b" / "value.json").read_text(encoding="utf-8")) == {"ä": [1, None]}
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["bytes", "text", "value.json"]


def test_read_lines_gives_what_append_line_took(tmp_path):
    path = tmp_path / "stages" / "sft" / "samples.jsonl"
    records = [{"text": "line\nbreak \u2028 \r\x85 汉字 🎓"}, {"n": 1.5, "none": None}, {}]
    for record in records:
        append_line(path, record)
    assert list(read_lines(path)) == records


@pytest.mark.parametrize("cut", ['{"step": 3, "loss', '{"text": "né', "{", '{"step": 3}'])
def test_read_lines_drops_a_cut_last_line(tmp_path, cut):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n\n{"step": 2}\n' + cut, encoding="utf-8")
    assert list(read_lines(path)) == [{"step": 1}, {"step": 2}]


def test_read_lines_drops_a_last_line_cut_inside_a_character(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"text": "n' + "é".encode()[:1])
    assert list(read_lines(path)) == [{"step": 1}]


def test_read_lines_of_no_file_is_nothing(tmp_path):
    assert list(read_lines(tmp_path / "none.jsonl")) == []
