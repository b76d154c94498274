"""Start a command in several processes on this machine (torch.distributed's launcher), and say once how it failed.

Every process that fails writes down why, and when; what is said is the first one's word. The others most often fail of
its failure.
"""

import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any, NoReturn

import psutil

from topgraft.errors import UserError

LAUNCHED = "TOPGRAFT_LAUNCHED"
"""Set in the environment of processes that `launch` started."""
ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
"""Where the launcher has each of its processes write why it failed."""
PATIENCE = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
"""How many seconds the launcher, asked to stop, lets its processes go on before it kills them. They finish their step,
which may take longer than the half a minute that it gives them otherwise."""


def launched() -> bool:
    """Whether this process is one of several: `launch` started it, or torchrun, or accelerate."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def launch(count: int, words: Sequence[str]) -> NoReturn:
    """Do `topgraft WORDS` in `count` processes, and end as they end. Ctrl-C and SIGTERM are passed on to them (they are
    no part of the terminal's group): once to finish the step, twice to stop at once, three times to be killed."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    refuse_too_many(count)
    logging.disable(logging.ERROR)  # in this process, which only waits: what happened is said below, and by the others
    os.environ[LAUNCHED] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    os.environ.setdefault(PATIENCE, str(24 * 60 * 60))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "topgraft", *words)
    except ChildFailedError as failed:
        sys.exit(_told(list(failed.failures.values())))
    except SignalException as stopped:
        for left in psutil.Process().children(recursive=True):  # a third signal, while they are waited for
            left.kill()
        sys.exit(128 + stopped.sigval)
    sys.exit(0)


def refuse_too_many(count: int) -> None:
    """Raise UserError where there are GPUs, but fewer than processes."""
    import torch

    there = torch.accelerator.device_count()
    if 0 < there < count:
        raise UserError(
            f"--processes {count} needs a GPU each, and this machine has {there}. Write --processes {there}."
        )


def record(message: str, code: int) -> bool:
    """Write down why this process fails, and ends with `code`, for who launched it to say; whether anybody did."""
    if LAUNCHED not in os.environ or ERROR_FILE not in os.environ:
        return False
    told = {
        "message": {"message": message, "extraInfo": {"timestamp": str(int(time.time()))}},
        "at": time.time(),
        "code": code,
    }
    with open(os.environ[ERROR_FILE], "w", encoding="utf-8") as file:
        json.dump(told, file)
    return True


def _told(failures: Sequence[Any]) -> int:
    """Say how the first process failed; what to exit with."""
    first = min(failures, key=lambda failure: failure.error_file_data.get("at", float("inf")))
    if "at" in first.error_file_data:
        print(first.error_file_data["message"]["message"], file=sys.stderr)
        return int(first.error_file_data["code"])
    if first.exitcode < 0:
        print(f"error: process {first.local_rank} was ended by signal {-first.exitcode}.", file=sys.stderr)
    return int(first.exitcode) if first.exitcode > 0 else 128 - int(first.exitcode)
