"""The folder in which trunk states outlive a run, and what they were made by."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers

from topgraft import __version__
from topgraft.model.split_model import SplitModel
from topgraft.rollout.segments import Segments
from topgraft.runs.caches import caches


def fingerprint(model: SplitModel) -> str:
    """Sixteen hex digits over all that the states of given tokens depend on.

    Weights alone do not say it: a longer context is often the same weights with other rotary frequencies.
    """
    config = json.loads(model.model.config.to_json_string(use_diff=False))
    for beside in ("_name_or_path", "transformers_version"):
        config.pop(beside, None)
    made_by = {
        "base": model.base_digest,
        "split": model.split_layer,
        "dtype": str(model.model.dtype),
        "config": config,
        "attention": model.model.config._attn_implementation,
        "device": model.device.type,
        "versions": [__version__, torch.__version__, transformers.__version__],
    }
    return hashlib.blake2b(json.dumps(made_by, sort_keys=True).encode(), digest_size=8).hexdigest()


def open_files(model: SplitModel, folder: str, disk_gb: float, say: Callable[[str], None]) -> Segments | None:
    """The files in `folder` ("": in the user's cache folder); None where there are to be none, or below the split there
    is nothing worth keeping."""
    if disk_gb == 0 or model.split_layer == 0:
        return None
    try:
        place = Path(folder).expanduser() if folder else caches() / "trunk"
    except RuntimeError:  # this user has no home
        return None
    files = Segments(place, fingerprint(model), int(disk_gb * 1e9), say)
    files.look()
    return files
