"""Law: processes that fill a cache together come to the states that one makes, to the bit, and each row passes once;
whether they share files, each machine has files of its own, or there are none."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import environment
from safetensors import safe_open
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("each_cache.py")
MACHINES, PROCESSES = 2, 4
WAYS = ("shared", "apart", "none")


def passed(folder: Path, way: str, count: int) -> list[dict[str, int]]:
    """Tokens that passed the trunk in each process, while the cache was filled and when rows were asked for."""
    return [json.loads((folder / f"{way}-{rank}.json").read_text()) for rank in range(count)]


def stored(folder: Path) -> list[bytes]:
    """The keys of all states in the files of a folder."""
    found = []
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found += [bytes(key) for key in file.get_tensor("keys").tolist()]
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("alone")
    done = subprocess.run([sys.executable, SCRIPT, folder], env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """Of two machines with two processes each, as a launcher names them."""
    folder: Path = tmp_path_factory.mktemp("together")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = []
    for rank in range(PROCESSES):
        machine, place = divmod(rank, PROCESSES // MACHINES)
        named = {"RANK": rank, "WORLD_SIZE": PROCESSES, "LOCAL_RANK": place, "MACHINE": machine, "MASTER_PORT": port}
        given = {**environment(), "MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in named.items()}}
        begun.append(subprocess.Popen([sys.executable, SCRIPT, folder], env=given, stderr=subprocess.PIPE))
    said = [process.communicate(timeout=300)[1].decode() for process in begun]
    assert [process.returncode for process in begun] == [0] * PROCESSES, said
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_every_process_has_the_states_that_one_makes(alone, together, way):
    expected = load_file(alone / f"{way}-0")
    for rank in range(PROCESSES):
        found = load_file(together / f"{way}-{rank}")
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[number], state) for number, state in expected.items())


@pytest.mark.parametrize("way", WAYS)
def test_every_row_passes_the_trunk_once(alone, together, way):
    expected, found = passed(alone, way, 1), passed(together, way, PROCESSES)
    assert sum(part["filled"] for part in found) == expected[0]["filled"] > 0
    assert all(0 < part["filled"] < expected[0]["filled"] / 2 for part in found)
    assert [part["asked"] for part in found] == [0] * PROCESSES


@pytest.mark.parametrize(("way", "folders"), [("shared", ["states"]), ("apart", ["states-0", "states-1"])])
def test_every_machine_stores_every_state_once(alone, together, way, folders):
    expected = sorted(stored(next((alone / way).iterdir())))
    assert len(expected) == len(set(expected)) > 40
    for folder in folders:
        assert sorted(stored(together / way / folder)) == expected
