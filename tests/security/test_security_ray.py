"""A Ray cluster runs whatever it is sent: nobody else may reach the one of `--ray local`."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from topgraft.cli.ray_cluster import LOCAL, cluster

HERE = find_spec("ray") is not None  # not imported yet: Ray looks for a token as soon as it is
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HERE, reason="the extra `cluster` is not installed")]

STRANGER = """
import sys
import ray
ray.init(address=sys.argv[1], logging_level="ERROR")
print(ray.get(ray.remote(lambda: "in").remote()))
"""


def test_a_stranger_does_not_get_into_a_local_cluster():
    with cluster(LOCAL, 1) as (ray, _):
        assert ray.get(ray.remote(lambda: "in").remote()) == "in"
        words = [sys.executable, "-c", STRANGER, ray.get_runtime_context().gcs_address]
        known = {key: value for key, value in os.environ.items() if key != "RAY_AUTH_TOKEN"}
        nothing = {key: value for key, value in known.items() if not key.startswith("RAY")}
        for environment in (nothing, {**known, "RAY_AUTH_TOKEN": "0" * 64}):
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=200, check=False)
            assert done.returncode != 0
            assert "in\n" not in done.stdout
        done = subprocess.run(words, env=dict(os.environ), capture_output=True, text=True, timeout=200, check=False)
        assert done.stdout.endswith("in\n"), done.stderr  # the door itself works
