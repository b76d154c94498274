"""Law: two machines that find one another by torchrun's rendezvous carry a recipe out as one does. The machines are two
network namespaces of this one, with an address each and a cable between them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from commands import environment
from safetensors.torch import load_file

pytestmark = pytest.mark.slow


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[dict[str, str]]:
    """The names of two network namespaces, and their addresses."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("namespaces need the program ip, and root")
    mark = f"tg{os.getpid() % 10_000}"
    found = {f"{mark}{number}": f"10.77.0.{number}" for number in (1, 2)}
    try:
        for name in found:
            ip("netns", "add", name)
        first, second = found
        ip("link", "add", first, "type", "veth", "peer", "name", second)
        for name, address in found.items():
            ip("link", "set", name, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield found
    finally:
        for name in found:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_two_hosts_come_to_what_one_does(hosts, words, finished, tmp_path):
    first = next(iter(hosts.values()))
    started = []
    for number, (name, address) in enumerate(hosts.items()):
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
        launcher += ["--rdzv-id", "7", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{first}:29400"]
        launcher += ["--rdzv-conf", f"is_host={1 - number}", "--local-addr", address]
        run = ["-m", "topgraft", "run", *words, "--out", "run"]
        here = environment(GLOO_SOCKET_IFNAME=name)
        inside = ["ip", "netns", "exec", name, *launcher, *run]
        with open(tmp_path / f"{name}.txt", "wb") as said:
            started.append(subprocess.Popen(inside, cwd=tmp_path, env=here, stdout=said, stderr=subprocess.STDOUT))
    said = [process.wait(300) for process in started]
    assert said == [0, 0], [(tmp_path / f"{name}.txt").read_text()[-2000:] for name in hosts]
    weights = [path.relative_to(finished.run) for path in finished.run.glob("stages/*/checkpoints/last/*.safetensors")]
    assert len(weights) == 4
    for path in weights:
        one, other = load_file(finished.run / path), load_file(tmp_path / "run" / path)
        for key, weight in one.items():
            torch.testing.assert_close(other[key], weight, atol=1e-5, rtol=0)
    assert Path(tmp_path / "run" / "report" / "index.html").exists()
