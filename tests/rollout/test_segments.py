"""Law: what is read from a segment is what was written, bit for bit, or it is not read; whatever happens to the files.

Writers are real processes, forked from this one.
"""

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from topgraft.rollout import segments
from topgraft.rollout.segments import Segments

TRUNK, OTHER = "00112233aabbccdd", "ffeeddccbbaa9988"
FORK = multiprocessing.get_context("fork")


def pieces(*numbers: int, dtype: torch.dtype = torch.float32, length: int = 5, width: int = 8) -> dict:
    """Pieces whose keys and values follow from their numbers."""
    return {
        number.to_bytes(16, "little"): (torch.arange(length * width).view(length, width) + 1000 * number).to(dtype)
        for number in numbers
    }


def opened(folder: Path, *, made_by: str = TRUNK, limit: int = 10**9) -> tuple[Segments, list[str]]:
    lines: list[str] = []
    found = Segments(folder, made_by, limit, lines.append)
    found.look()
    return found, lines


def files(folder: Path, pattern: str = "trunk-*") -> list[Path]:
    return sorted(folder.glob(pattern))


def held(found: Segments, wanted: dict) -> list[int]:
    """The numbers of the pieces that are there; each must be what was written."""
    there = []
    for key, piece in wanted.items():
        read = found.read(key)
        if read is not None:
            assert read.dtype == piece.dtype
            assert torch.equal(read, piece)
            there.append(int.from_bytes(key, "little"))
    return there


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_what_is_read_is_what_was_written(tmp_path, dtype):
    wanted = pieces(1, 2, dtype=dtype) | pieces(3, length=0, dtype=dtype) | pieces(4, length=1, dtype=dtype)
    first, _ = opened(tmp_path / "a" / "b")
    first.write(wanted)
    assert held(first, wanted) == [1, 2, 3, 4]
    later, lines = opened(tmp_path / "a" / "b")
    assert held(later, wanted) == [1, 2, 3, 4]
    assert later.read(bytes(16)) is None
    assert lines == []
    assert len(files(tmp_path / "a" / "b", "*")) == 1
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_pieces_that_a_segment_has_are_not_written_again(tmp_path):
    first, _ = opened(tmp_path)
    second, _ = opened(tmp_path)
    first.write(pieces(1, 2))
    size = files(tmp_path)[0].stat().st_size
    second.write(pieces(2, 1))
    assert len(files(tmp_path)) == 1
    second.write(pieces(1, 2, 3))
    assert sorted(path.stat().st_size for path in files(tmp_path)) == sorted([size, files_of(tmp_path, 3)])


def files_of(folder: Path, *numbers: int) -> int:
    """Bytes of one segment that holds these pieces."""
    alone, _ = opened(folder / "alone")
    alone.write(pieces(*numbers))
    return files(folder / "alone")[0].stat().st_size


def test_many_pieces_are_cut_into_segments(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    wanted = pieces(*range(20)) | pieces(99, length=50)
    opened(tmp_path)[0].write(wanted)
    assert len(files(tmp_path)) == 5, "20 pieces of 160 bytes, 6 to a segment, and one of 1,600 bytes"
    assert len(held(opened(tmp_path)[0], wanted)) == 21


def test_a_piece_is_read_without_the_rest_of_its_file(tmp_path):
    opened(tmp_path)[0].write(pieces(*range(64), length=1000, width=128))
    found, _ = opened(tmp_path)
    kept = found.read((40).to_bytes(16, "little"))
    assert float(kept[0, 0]) == 40_000
    if not Path("/proc/self/smaps").exists():
        pytest.skip("this system does not tell what is mapped")
    name, size = files(tmp_path)[0].name, files(tmp_path)[0].stat().st_size
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    maps = [next(line for line in lines if line.startswith("Rss:")) for head in lines if head.endswith(name)]
    assert size > 32_000_000
    assert len(maps) == 1
    assert int(maps[0].split()[1]) * 1024 < size / 2


def test_another_trunk_reads_nothing_and_deletes_nothing(tmp_path):
    opened(tmp_path)[0].write(pieces(1))
    other, lines = opened(tmp_path, made_by=OTHER)
    assert held(other, pieces(1)) == []
    other.write(pieces(1))
    assert lines == []
    assert len(files(tmp_path)) == 2


def test_no_changed_byte_is_ever_read(tmp_path):
    wanted = pieces(1, 2, length=3, width=2)
    opened(tmp_path)[0].write(wanted)
    [path] = files(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for change in (1, 0x80):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
            found, lines = opened(tmp_path)
            assert held(found, wanted) == [], place
            assert len(lines) == 1
            assert path.name in lines[0]
            assert "deleted" in lines[0]
            assert not path.exists()


@pytest.mark.parametrize(("is_", "becomes"), [(b'"F32"', b'"I32"'), (b"[6,2]", b"[3,4]")])
def test_states_of_another_type_or_shape_are_not_read(tmp_path, is_, becomes):
    opened(tmp_path)[0].write(pieces(1, 2, length=3, width=2))
    [path] = files(tmp_path)
    assert path.read_bytes().count(is_) == 1
    path.write_bytes(path.read_bytes().replace(is_, becomes))
    found, lines = opened(tmp_path)
    [first, second] = pieces(1, 2)
    assert found.read(first) is None
    assert second not in found, "the rest of the file is as bad"
    assert len(lines) == 1


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 100, -1])
def test_a_file_that_is_cut_is_deleted_in_one_line(tmp_path, cut):
    opened(tmp_path)[0].write(pieces(1, 2))
    [path] = files(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    found, lines = opened(tmp_path)
    assert held(found, pieces(1, 2)) == []
    assert len(lines) == 1
    assert f"{path.name} is damaged" in lines[0]
    found.write(pieces(1, 2))
    assert held(found, pieces(1, 2)) == held(opened(tmp_path)[0], pieces(1, 2)) == [1, 2]


def test_a_file_of_another_trunk_under_our_name_is_deleted_in_one_line(tmp_path):
    opened(tmp_path)[0].write(pieces(1))
    [path] = files(tmp_path)
    ours = path.rename(tmp_path / path.name.replace(TRUNK, OTHER))
    found, lines = opened(tmp_path, made_by=OTHER)
    assert held(found, pieces(1)) == []
    assert lines == [
        f"  cache: {ours.name} was made by another model or version; deleted, its rows pass the trunk again"
    ]
    assert files(tmp_path) == []


def test_the_segments_used_longest_ago_make_room_and_nothing_else_does(tmp_path):
    mine = [tmp_path / name for name in ("model.safetensors", "trunk-notes.safetensors", f"trunk-{TRUNK}.safetensors")]
    for path in mine:
        path.write_bytes(b"x" * 5000)
    by_number: dict[int, Path] = {}
    for number in range(4):
        opened(tmp_path, made_by=[TRUNK, OTHER][number % 2])[0].write(pieces(number))
        [path] = {*files(tmp_path, "trunk-*-*")} - {*by_number.values()}
        os.utime(path, (time.time() - 1000 + number,) * 2)
        by_number[number] = path
    size = by_number[0].stat().st_size
    held(opened(tmp_path)[0], pieces(0))  # a use, the last one
    found, lines = opened(tmp_path, limit=4 * size)
    found.write(pieces(10))
    assert [number for number, path in by_number.items() if path.exists()] == [0, 2, 3]
    assert [next(iter(pieces(number))) in found for number in (0, 2, 10)] == [True, True, True]
    found.write(pieces(11))
    assert [number for number, path in by_number.items() if path.exists()] == [0, 3]
    found.write(pieces(12))
    assert [number for number, path in by_number.items() if path.exists()] == [0]
    assert next(iter(pieces(2))) not in found
    assert held(found, pieces(0, 2, 10, 11, 12)) == [0, 10, 11, 12]
    assert lines == []
    found.write(pieces(13))
    found.write(pieces(14))
    assert held(found, pieces(0, 10, 11, 12, 13, 14)) == [0, 10, 11, 12], "what this run uses is not deleted"
    full = f"cache.disk_gb = {4 * size / 1e9:g} is full of this run's trunk states"
    assert lines == [f"  cache: {full}; no more are kept for later runs"]
    assert all(path.read_bytes() == b"x" * 5000 for path in mine)


def test_the_folder_never_holds_more_than_its_limit(tmp_path):
    limit = 20_000
    for number in range(40):
        found, _ = opened(tmp_path, limit=limit)
        found.write(pieces(*range(5 * number, 5 * number + 5), length=1 + number % 7))
        assert 0 < sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit
        assert len(held(found, pieces(*range(5 * number, 5 * number + 5), length=1 + number % 7))) == 5


def test_a_segment_that_another_run_deleted_is_missing_and_no_damage(tmp_path):
    opened(tmp_path)[0].write(pieces(1))
    opened(tmp_path)[0].write(pieces(2))
    found, lines = opened(tmp_path)
    assert held(found, pieces(1)) == [1]
    for path in files(tmp_path):
        path.unlink()
    assert held(found, pieces(1, 2)) == [1], "what is mapped outlives its name"
    assert lines == []


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path):
    (tmp_path / "file").write_text("")
    found, lines = opened(tmp_path / "file" / "folder")
    found.write(pieces(1))
    found.write(pieces(2))
    assert len(lines) == 1
    assert "cannot be written" in lines[0]
    assert held(found, pieces(1, 2)) == []


def apart(work: Callable[..., None], *words: object) -> multiprocessing.Process:
    """A process that does `work`."""
    process = FORK.Process(target=work, args=words)
    process.start()
    return process


def write_on_a_full_disk(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    found, lines = opened(folder)
    found.write(pieces(1))
    found.write(pieces(2, length=500))
    assert len(lines) == 1
    assert "cannot be written" in lines[0]
    assert held(found, pieces(1) | pieces(2, length=500)) == [1]


def test_a_full_disk_ends_the_writing_and_leaves_no_half_file(tmp_path):
    process = apart(write_on_a_full_disk, tmp_path)
    process.join(60)
    assert process.exitcode == 0
    assert len(list(tmp_path.iterdir())) == 1
    assert held(opened(tmp_path)[0], pieces(1)) == [1]


def write_many(folder: Path, begin: int, step: int) -> None:
    found, lines = opened(folder)
    for number in range(begin, begin + 59 * step, step):
        found.write(pieces(number, number + step, length=40))
        assert held(found, pieces(number, length=40)) == [number]
    assert lines == []


def test_writers_at_one_time_do_not_break_one_another(tmp_path):
    both = [apart(write_many, tmp_path, 0, 1), apart(write_many, tmp_path, 59, -1)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    found, lines = opened(tmp_path)
    assert held(found, pieces(*range(60), length=40)) == list(range(60))
    assert lines == []
    assert len(files(tmp_path)) == len(list(tmp_path.iterdir()))


def write_large_ones(folder: Path) -> None:
    found, _ = opened(folder)
    for number in range(10**6):
        found.write(pieces(number, length=4000, width=64))


def test_a_killed_writer_leaves_a_folder_that_works(tmp_path):
    for _ in range(3):
        process = apart(write_large_ones, tmp_path)
        end = time.monotonic() + 60
        before = len(files(tmp_path))
        while len(files(tmp_path)) < before + 2 or not files(tmp_path, ".trunk-*.part"):
            assert process.is_alive()
            assert time.monotonic() < end, "the writer did not get so far"
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
    found, lines = opened(tmp_path)
    there = held(found, pieces(*range(50), length=4000, width=64))
    assert len(there) >= 6
    found.write(pieces(1000))
    assert held(opened(tmp_path)[0], pieces(1000)) == [1000]
    assert lines == []


def test_what_a_killed_writer_began_is_cleared_away_in_time_and_counts_until_then(tmp_path):
    begun = tmp_path / f".trunk-{TRUNK}-{'0' * 32}.safetensors.123.part"
    begun.write_bytes(b"x" * 3000)
    found, _ = opened(tmp_path, limit=3000)
    assert begun.exists(), "its writer may still be at it"
    found.write(pieces(1))
    assert files(tmp_path) == []
    os.utime(begun, (time.time() - 4000,) * 2)
    found, _ = opened(tmp_path, limit=3000)
    assert not begun.exists()
    found.write(pieces(1))
    assert held(opened(tmp_path)[0], pieces(1)) == [1]
