"""The check of an exported folder: another process reads it without topgraft, and its logits are compared."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from topgraft.errors import UserError
from topgraft.train.exporting import plain
from topgraft.train.exporting.agreement import Agreement, agreement, rms
from topgraft.train.exporting.policy import Policy

LIMITS = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Largest difference between logits, as a share of the largest logit, by the coarser of the precisions that the run
computed in and that the weights are written in (docs/export.md says what was measured)."""
MOVED = 1e-5
"""A policy whose logits are nearer to its base's than this, as a share of the largest, has learned nothing to lose."""


@dataclass(frozen=True)
class Checked:
    """What the check found: how near the logits are, the limit of `found.share`, how far training has moved them, and
    whether the folder's tokenizer
    writes prompts as the run did (None: it has no chat template, or every prompt was cut)."""

    found: Agreement
    limit: float
    moved: Agreement
    rendered: bool | None


def check(folder: Path, policy: Policy, written: torch.dtype) -> Checked:
    """Read `folder` anew and compare. Raises UserError where it does not load, or its logits are too far from those of
    the run's policy."""
    tensors = _read_elsewhere(folder, policy)
    ours = [tensors[f"logits.{number}"] for number in range(len(policy.cases))]
    try:
        found = agreement(ours, policy.logits)
    except ValueError as error:
        raise UserError(f"The exported weights are another model than the run's: {error}. Nothing was kept.") from error
    limit = limit_of(policy.precision, written)
    if not found.share <= limit:  # a difference that is no number is not within it either
        raise UserError(
            f"The exported weights do not give what the run's policy gives: read again by transformers alone, their "
            f"logits differ by up to {found.difference:.3g} where the largest is {found.largest:.3g}, and {limit:g} of "
            f"that is the limit for {name_of(written)} beside {name_of(policy.precision)}. Nothing was kept. Give "
            f"--dtype float32; where that fails too, check that the base model is the one the run began with."
        )
    moved = agreement(policy.of_base, policy.logits)
    if moved.share > MOVED and rms(ours, policy.of_base) < rms(ours, policy.logits):
        raise UserError(
            f"The exported weights are nearer to the base model than to the run's policy: training changed logits by "
            f"up to {moved.difference:.3g}, and in {name_of(written)} that is lost. Nothing was kept. Give --dtype "
            f"float32, or leave --merge out: an adapter loses nothing."
        )
    return Checked(found=found, limit=limit, moved=moved, rendered=_rendered(tensors, policy))


def limit_of(*precisions: torch.dtype) -> float:
    """The limit for the coarsest of them."""
    return max(LIMITS[precision] for precision in precisions)


def name_of(dtype: torch.dtype) -> str:
    """torch.float32 -> "float32"."""
    return str(dtype).removeprefix("torch.")


def job_of(folder: Path, policy: Policy) -> dict[str, Any]:
    """What the other process is asked for."""
    asked = policy.settings.model.attention
    return {
        "folder": str(folder),
        "dtype": name_of(policy.precision),
        "device": policy.device,
        "attention": "" if asked == "auto" else asked,
        "cases": [asdict(case) for case in policy.cases],
    }


def _read_elsewhere(folder: Path, policy: Policy) -> dict[str, torch.Tensor]:
    with tempfile.TemporaryDirectory() as scratch:
        job, out = Path(scratch) / "job.json", Path(scratch) / "logits.safetensors"
        job.write_text(json.dumps(job_of(folder, policy)), encoding="utf-8")
        command = [sys.executable, "-P", plain.__file__, str(job), str(out)]
        quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        threads = {"OMP_NUM_THREADS": str(policy.settings.threads)} if policy.settings.threads else {}
        done = subprocess.run(
            command,
            env={**os.environ, **quiet, **threads},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
            raise UserError(
                f"transformers alone cannot read what was exported: {said[-1][:300]}. Nothing was kept. Is there "
                f"memory for the model once more, and are transformers and peft those that the run was made with?"
            )
        return load_file(out)


def _rendered(tensors: dict[str, torch.Tensor], policy: Policy) -> bool | None:
    """Whether the ids of every prompt that was not cut are those that the run's model read."""
    alike = [
        tensors[f"prompt.{number}"].tolist() == case.prompt_ids
        for number, case in enumerate(policy.cases)
        if f"prompt.{number}" in tensors and not case.cut
    ]
    return all(alike) if alike else None
