"""Laws: on a Ray cluster a command comes to what it comes to here; a worker that is lost changes nothing of it."""

import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from commands import environment, stopped, topgraft
from stores import PASSWORD, ftp

HERE = find_spec("ray") is not None  # not imported: a process that has Ray in it cannot choose its token any more
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HERE, reason="the extra `cluster` is not installed")]

ON_RAY = ("--ray", "local", "--workers", "2")
TRAINS, DRAWS, CARRIES = "RayTrainWorker", "_Drawer", "_work"
"""What Ray calls the processes of workers."""


@contextmanager
def command(*words: object, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`topgraft WORDS`, on the way; what it says is in said.txt."""
    with open(cwd / "said.txt", "wb") as said:
        given = [sys.executable, "-m", "topgraft", *map(str, words)]
        process = subprocess.Popen(given, cwd=cwd, env=environment(), stdout=said, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def lose_one(
    process: subprocess.Popen[bytes],
    called: str,
    when: Callable[[], bool],
    rng: random.Random,
    of: int | None = None,
) -> None:
    """Kill one of the workers, who descend from the command or from process `of`, as soon as `when` holds."""
    get_to(process, when)
    workers = [one for one in psutil.Process(of or process.pid).children(recursive=True) if called in _title(one)]
    assert len(workers) == 2
    os.kill(rng.choice(workers).pid, signal.SIGKILL)


def get_to(process: subprocess.Popen[bytes], when: Callable[[], bool]) -> None:
    """Let the command get to where `when` holds."""
    end = time.monotonic() + 240
    while not when():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < end, "it did not get so far"
        time.sleep(0.005)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except psutil.Error:
        return ""


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def outcome(run: Path) -> dict[str, object]:
    """Weights, responses and what was logged, but for what it cost."""
    found: dict[str, object] = {}
    for path in sorted(path for part in ("stages", "evaluation") for path in (run / part).rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if path.name == "metrics.jsonl":
            logged = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            found[name] = [{key: row[key] for key in row if not key.startswith("cost/")} for row in logged]
        elif path.suffix in (".safetensors", ".jsonl"):
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def undisturbed(words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = topgraft("run", *words, "--out", "run", *ON_RAY, cwd=folder)
    assert done.code == 0, done.err + done.out
    assert "report    run/report/index.html" in done.out
    return folder / "run"


def test_the_run_folder_looks_as_on_one_machine(undisturbed, finished):
    names = {path.relative_to(undisturbed).as_posix() for path in undisturbed.rglob("*")}
    assert names == {path.relative_to(finished.run).as_posix() for path in finished.run.rglob("*")}
    assert [path.name for path in undisturbed.parent.iterdir()] == ["run"]


@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_loses_a_worker_comes_to_the_same(words, undisturbed, tmp_path, seed):
    rng = random.Random(seed)
    stage = rng.choice(["sft", "reward", "ppo"])
    log, step = f"stages/{stage}/metrics.jsonl", rng.randrange(lines(undisturbed / f"stages/{stage}/metrics.jsonl"))
    with command("run", *words, "--out", "run", *ON_RAY, cwd=tmp_path) as process:
        lose_one(process, TRAINS, lambda: lines(tmp_path / "run" / log) > step, rng)
        assert process.wait(300) == 0, (tmp_path / "said.txt").read_text()
    assert outcome(tmp_path / "run") == outcome(undisturbed)


@contextmanager
def two_nodes() -> Iterator[tuple[str, list[Path]]]:
    """A cluster of two nodes on this machine that share no folder for caches or what is temporary; its address, and
    the folders of each node's caches."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    ray, begun = Path(sys.executable).with_name("ray"), []
    here = ("--num-cpus=1", "--node-ip-address=127.0.0.1", "--block", "--disable-usage-stats")
    folders = [Path(tempfile.mkdtemp(prefix="node-")) for _ in range(2)]  # short: Ray puts sockets into them
    head = ("--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false")
    try:
        for folder, words in zip(folders, (head, (f"--address={address}",)), strict=True):
            given = {**environment(), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder)}
            said = folder / "said.txt"
            with open(said, "wb") as file:
                begun.append(
                    subprocess.Popen([ray, "start", *words, *here], env=given, stdout=file, stderr=subprocess.STDOUT)
                )
            while b"--block" not in said.read_bytes():
                assert begun[-1].poll() is None, said.read_text()
                time.sleep(0.2)
        yield address, [folder / "topgraft" for folder in folders]
    finally:
        for process in reversed(begun):
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
            process.wait()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def test_machines_that_share_no_files_pass_the_run_through_a_store(words, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    store = tmp_path / "store"
    store.mkdir()
    with two_nodes() as (address, kept), ftp(store) as stored:
        asked = ("run", *words, "--out", "run", "--ray", address, "--workers", "2", "--storage", stored)
        with command(*asked, cwd=tmp_path) as process:
            finished = store / "runs/mine/stages/sft/stage.json"
            lose_one(process, TRAINS, finished.exists, random.Random(0), of=os.getpid())
            assert process.wait(300) == 0, (tmp_path / "said.txt").read_text()
        said = (tmp_path / "said.txt").read_text()
        again = topgraft(*asked, cwd=tmp_path)
        for caches in kept:
            assert list((caches / "stored").iterdir()) == []
            assert list((caches / "trunk").iterdir()) != []
    assert outcome(tmp_path / "run") == outcome(undisturbed) == outcome(store / "runs/mine")
    assert "report    run/report/index.html" in said
    assert PASSWORD not in said
    assert again.code == 2
    assert "already holds a run. Continue it with --resume" in again.err
    assert [path.name for path in (store / "runs").iterdir()] == ["mine"]


def test_when_the_machine_that_asked_is_lost_another_goes_on_from_the_store(words, undisturbed, tmp_path):
    store, first, second = (tmp_path / name for name in ("store", "first", "second"))
    for folder in (store, first, second):
        folder.mkdir()
    with ftp(store) as stored:
        asked = ("run", *words, "--out", "run", *ON_RAY, "--storage", stored)
        with command(*asked, cwd=first) as process:
            get_to(process, (store / "runs/mine/stages/reward/metrics.jsonl").exists)
            family = psutil.Process(process.pid).children(recursive=True)
            for one in (psutil.Process(process.pid), *family):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        assert not (store / "runs/mine/stages/ppo/stage.json").exists()
        done = topgraft(*asked, "--resume", cwd=second)
        assert done.code == 0, done.err
    assert "1/6 sft (finished before)" in done.out
    assert outcome(second / "run") == outcome(undisturbed) == outcome(store / "runs/mine")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_says_how_to_go_on(words, undisturbed, tmp_path, by):
    run = tmp_path / "run"
    asked = ("run", *words, "--out", "run", "--resume", *ON_RAY)
    done = stopped(*asked, cwd=tmp_path, when=(run / "stages" / "ppo" / "metrics.jsonl").exists, by=by)
    assert done.code == 128 + by, done.err + done.out
    assert done.out.endswith("Stopped. What is done is kept in run; the same command with --resume goes on.\n")
    assert done.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    done = topgraft(*asked, cwd=tmp_path)
    assert done.code == 0, done.err + done.out
    assert outcome(run) == outcome(undisturbed)


def test_a_users_error_is_said_once(words, tmp_path):
    done = topgraft("run", *words, "--set", "ppo.batch_size=1", "--out", "run", *ON_RAY, cwd=tmp_path)
    assert done.code == 2
    assert done.err.count("error:") == 1
    assert "Raise ppo.batch_size, or start fewer processes." in done.err
    assert "Traceback" not in done.err


def test_rows_are_drawn_once_each_though_a_worker_is_lost(finished, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"question {number}"}) + "\n" for number in range(1000)))
    words = ("generate", finished.run, "--arm", "ppo", "--data", prompts, "--sample", "--samples", 5)
    with command(*words, "--out", "rows.jsonl", *ON_RAY, cwd=tmp_path) as process:
        kept = tmp_path / ".rows.jsonl.part"
        lose_one(process, DRAWS, lambda: lines(kept) > 1500, random.Random(0))
        assert process.wait(300) == 0, (tmp_path / "said.txt").read_text()
    assert "core_worker" not in (tmp_path / "said.txt").read_text()  # Ray's own words
    drawn = (tmp_path / "rows.jsonl").read_text()
    records = [json.loads(line) for line in drawn.splitlines()]
    assert len({(record["prompt"], record["sample"]) for record in records}) == len(records) == 5000
    done = topgraft(*words, "--out", "here.jsonl", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "here.jsonl").read_text() == drawn


def test_trials_are_carried_out_once_each_though_a_worker_is_lost(words, tmp_path):
    grid = (
        "--grid",
        "sft.learning_rate=1e-3,3e-3",
        "--grid",
        "sft.epochs=2,3",
        "--arm",
        "sft",
        "--set",
        'stages=["sft"]',
    )
    with command("sweep", *words, *grid, "--out", "sweep", *ON_RAY, cwd=tmp_path) as process:
        begun = tmp_path / "sweep" / "trials" / "2" / "stages"
        lose_one(process, CARRIES, begun.exists, random.Random(0))
        assert process.wait(300) == 0, (tmp_path / "said.txt").read_text()
    done = topgraft("sweep", *words, *grid, "--out", "here", cwd=tmp_path)
    assert done.code == 0, done.err
    on_ray, here = (json.loads((tmp_path / name / "trials.json").read_text()) for name in ("sweep", "here"))
    assert on_ray == here
    assert [trial["state"] for trial in here] == ["finished"] * 4


def test_a_cluster_that_does_not_answer_is_said_in_words(words, tmp_path):
    done = topgraft("run", *words, "--out", "run", "--ray", "127.0.0.1:1", "--workers", "2", cwd=tmp_path)
    assert done.code == 2
    assert "No Ray cluster answers at 127.0.0.1:1" in done.err
    assert list(tmp_path.iterdir()) == []


def test_responses_that_would_only_be_shown_are_refused(finished, tmp_path):
    done = topgraft("generate", finished.run, "--ray", "local", cwd=tmp_path)
    assert (done.code, done.err) == (2, "error: --ray needs --out FILE, where the responses are kept as they come.\n")
