"""The command line in processes of its own.

`topgraft` starts `python -m topgraft`. `forked` runs the same main function in a process forked from a warm one, where
the imports (seconds) are done: a real process all the same, with its own exit code, folder and output.
"""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

WARM = [
    "topgraft.cli",
    "openai",
    "topgraft.cli.show",
    "topgraft.evaluate.judge.judging",
    "topgraft.experiments.sweep",
    "topgraft.report",
    "topgraft.train.chatting",
    "topgraft.train.checking",
    "topgraft.train.exporting.steps",
    "topgraft.train.generating",
    "topgraft.train.pipeline",
    "topgraft.data.inspecting",
    "transformers.models.llama.modeling_llama",
    "sklearn.linear_model",
]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """This process's, without the network, and with the checkout to import from."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": paths, **more}


def topgraft(*words: object, cwd: Path, given: str = "", **more: str) -> Done:
    """Run `python -m topgraft WORDS` in `cwd`, with `given` on a pipe as standard input."""
    command = [sys.executable, "-m", "topgraft", *map(str, words)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**more),
        input=given,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def forked(*words: object, cwd: Path, given: str = "") -> Done:
    """Run `topgraft WORDS` in `cwd`, forked from the warm process, with `given` in a file as standard input."""
    with tempfile.TemporaryDirectory() as folder:
        process = started(*words, cwd=cwd, said=Path(folder), given=given)
        process.join(300)
        assert process.exitcode is not None, f"still running: topgraft {' '.join(map(str, words))}"
        return ended(process, Path(folder))


def started(*words: object, cwd: Path, said: Path, given: str = "", **more: str) -> BaseProcess:
    """Begin what `forked` does; what it says goes to the files `out` and `err` in folder `said`, beside `in`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    before = dict(os.environ)
    os.environ.update(environment())  # the warm process keeps what stands here when it starts
    try:
        (said / "in").write_text(given, encoding="utf-8")
        told = [str(word) for word in words], environment(**more), cwd, said
        process = context.Process(target=_child, args=told)
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return process


def ended(process: BaseProcess, said: Path) -> Done:
    """How a process ended that was `started`."""
    texts = ((said / name).read_text(encoding="utf-8") if (said / name).exists() else "" for name in ("out", "err"))
    assert process.exitcode is not None
    return Done(process.exitcode, *texts)


def _child(words: list[str], variables: dict[str, str], cwd: Path, said: Path) -> None:
    os.environ.update(variables)
    if "GROWS_BY_MB" in variables:  # the most address space that it may take beside what it has
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + int(variables["GROWS_BY_MB"]) * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.chdir(cwd)
    os.dup2(os.open(said / "in", os.O_RDONLY), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (it was closed when the process began)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["topgraft", *words]
    from topgraft.cli import main

    main()


def stopped(*words: object, cwd: Path, when: Callable[[], bool], by: signal.Signals) -> Done:
    """Run `python -m topgraft WORDS` and send it the signal `by` as soon as `when` holds."""
    out, err = cwd / "stdout.txt", cwd / "stderr.txt"
    command = [sys.executable, "-m", "topgraft", *map(str, words)]
    with open(out, "w") as out_file, open(err, "w") as err_file:
        process = subprocess.Popen(command, cwd=cwd, env=environment(), stdout=out_file, stderr=err_file)
        try:
            end = time.monotonic() + 240
            while not when():
                assert process.poll() is None, f"it ended before it could be stopped: {err.read_text()}"
                assert time.monotonic() < end, "it did not get so far"
                time.sleep(0.005)
            process.send_signal(by)
            process.wait(120)
        finally:
            process.kill()
            process.wait()
    done = Done(process.returncode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))
    out.unlink()
    err.unlink()
    return done


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file under `folder` with its size and the time it was written."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
