"""Law: the image is made by the Makefile's own steps, and all that they need is copied into it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEPS = re.findall(r"^(FROM|COPY|RUN|ENTRYPOINT) ((?:.*\\\n)*.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def copied() -> list[str]:
    """Files and folders that the image gets, as they are called here."""
    return [name for step, text in STEPS if step == "COPY" for name in text.split()[:-1]]


def test_what_is_copied_is_there_and_reaches_the_build():
    passed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied()
    assert set(copied()) == passed
    assert all((ROOT / name).exists() for name in copied())


def test_the_package_needs_no_other_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"]} <= set(copied())


def test_its_make_steps_know_what_to_do_with_the_copied_files_alone(tmp_path):
    goals = [goal for step, text in STEPS if step == "RUN" for goal in re.findall(r"(?:^|[;&]) ?make ([a-z]+)", text)]
    assert goals == ["setup"]
    for name in copied():
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    done = subprocess.run(["make", "--dry-run", *goals], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install" in done.stdout
