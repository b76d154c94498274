"""A coverage-guided search for inputs that break a reader (libFuzzer, by Atheris). `make fuzz`, or:

    python tests/fuzz/fuzz_drive.py --seconds 600             every target, one after the other
    python tests/fuzz/fuzz_drive.py jsonl csv --runs 1000000   two of them, each a million inputs

A target ends after its seconds or runs, or with the first input that breaks it: one that raises anything but UserError,
takes over 10 seconds, or brings the process over 1 GB. That input is kept as crash-*, timeout-* or oom-* in --out.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

MEGABYTES, SECONDS_AN_INPUT, LONGEST = 1000, 10, 4096
MEMORY = Path("/dev/shm")
"""Where files are written of which there are millions."""
INSTRUMENTED = ["topgraft", "tomllib", "json"]
"""What the search follows; the rest runs as it is."""


def main() -> None:
    """Fuzz, each target in a process of its own; exit code 1 where one was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names of fuzz_targets.TARGETS; all by default")
    parser.add_argument("--seconds", type=int, default=600, help="for each target; 0: no limit")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target; -1: no limit")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"), help="folder of inputs that break a reader")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        fuzz(asked.targets[0], asked.seconds, asked.runs, asked.out)
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    broken = [name for name in asked.targets or names() if not told(name, asked)]
    print(f"broken: {', '.join(broken)}; the inputs are in {asked.out}" if broken else "nothing was broken")
    sys.exit(bool(broken))


def names() -> list[str]:
    """All targets."""
    from fuzz_targets import TARGETS

    return list(TARGETS)


def told(name: str, asked: argparse.Namespace) -> bool:
    """Fuzz one target in another process and print what came of it; whether it held."""
    command = [sys.executable, __file__, name, "--child", "--out", str(asked.out)]
    command += ["--seconds", str(asked.seconds), "--runs", str(asked.runs)]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "TMPDIR": folder},
        )
    found = {key: int(value) for key, value in re.findall(r"stat::(\w+):\s+(\d+)", done.stdout)}
    inputs, peak = found.get("number_of_executed_units", 0), found.get("peak_rss_mb", 0)
    slowest, end = found.get("slowest_unit_time_sec", 0), "BROKEN" if done.returncode else "held"
    print(f"{name:<10} {inputs:>12,} inputs, peak {peak} MB, slowest {slowest} s, {end}")
    if done.returncode:
        print(done.stdout[-4000:])
    sys.stdout.flush()
    return not done.returncode


def fuzz(name: str, seconds: int, runs: int, out: Path) -> None:
    """Fuzz one target in this process, until libFuzzer ends it."""
    import atheris
    import torch  # noqa: F401  (what is imported before is not instrumented)
    import transformers  # noqa: F401

    with atheris.instrument_imports(include=INSTRUMENTED):
        from fuzz_targets import TARGETS

        from topgraft.errors import UserError

    target = TARGETS[name]

    def one(data: bytes) -> None:
        with suppress(UserError):
            target.read(data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-runs={runs}", f"-timeout={SECONDS_AN_INPUT}", f"-max_len={LONGEST}"]
        memory = [f"-rss_limit_mb={MEGABYTES}", "-print_final_stats=1", f"-artifact_prefix={out}/{name}-"]
        atheris.Setup([sys.argv[0], *limits, *memory, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
