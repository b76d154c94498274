"""Laws: what is put into a store comes out of it; wherever that is cut off, a run can go on from what lies there."""

from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import PASSWORD, Failing, ftp

from topgraft.cli.storage import Storage
from topgraft.errors import UserError

NAMES = (
    "recipe.toml",
    "provenance.json",
    "stages/sft/metrics.jsonl",
    "stages/sft/stage.json",
    "stages/sft/resume/step-1.safetensors",
    "stages/sft/resume/step-2.safetensors",
    "stages/sft/checkpoints/last/adapter.safetensors",
    "evaluation/results.json",
)
TREES = st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=50), max_size=len(NAMES))


def fill(folder: Path, tree: dict[str, bytes]) -> None:
    """Make `folder` hold these files and no others; those that are the same are not touched."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in tree:
            path.unlink()
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def held(folder: Path) -> dict[str, bytes]:
    """All files but hidden ones."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def refused(storage: Storage, folder: Path) -> str | None:
    """In which words the store did not take the folder; None where it did."""
    try:
        storage.take(folder)
    except UserError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ftp(tmp_path_factory.mktemp("store")) as address:
        yield address


@pytest.fixture
def address(server, request):
    """A folder for this test alone."""
    return f"{server}/{request.node.name}"


def test_every_change_of_a_folder_comes_out_elsewhere(address, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    here, there = Storage(address), Storage(address)
    metrics, first, second = NAMES[2], NAMES[4], NAMES[5]
    trees = [
        {"recipe.toml": b"a", metrics: b"1\n", first: b"weights"},
        {"recipe.toml": b"a", metrics: b"1\n2\n", first: b"weights", second: bytes(range(256)) * 5000},
        {"recipe.toml": b"a", metrics: b"1\n3\n", second: b"others"},
        {},
    ]
    for tree in trees:
        fill(mine, tree)
        here.take(mine)
        there.bring(other)
        assert held(other) == tree


def test_a_machine_that_takes_over_puts_what_it_changes(address, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    fill(mine, {"recipe.toml": b"a", NAMES[2]: b"1\n2\n", NAMES[4]: b"weights"})
    Storage(address).take(mine)
    second = Storage(address)
    second.bring(other)
    fill(other, {"recipe.toml": b"a", NAMES[2]: b"1\n", NAMES[5]: b"newer"})
    second.take(other)
    Storage(address).bring(tmp_path / "third")
    assert held(tmp_path / "third") == held(other)


def test_what_others_have_put_into_a_folder_stays_there(address, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    here, there = Storage(address), Storage(address)
    fill(mine, {"recipe.toml": b"a", NAMES[4]: b"weights"})
    here.take(mine)
    fill(other, {"recipe.toml": b"old", "judge/ours/verdicts.jsonl": b"dear"})
    there.bring(other)
    fill(mine, {"recipe.toml": b"a"})
    here.take(mine)
    there.bring(other)
    assert held(other) == {"recipe.toml": b"a", "judge/ours/verdicts.jsonl": b"dear"}


def test_hidden_files_stay_where_they_are(address, tmp_path):
    fill(tmp_path / "mine", {"recipe.toml": b"a", ".lock": b"", "stages/.part": b"half"})
    here = Storage(address)
    here.take(tmp_path / "mine")
    assert "recipe.toml" in here.files()
    assert not any(".lock" in name or ".part" in name for name in here.files())


def test_what_changes_is_put_while_work_goes_on(address, tmp_path, monkeypatch):
    monkeypatch.setattr("topgraft.cli.storage.SECONDS", 0.05)
    fill(tmp_path / "mine", {"recipe.toml": b"a"})
    here = Storage(address)
    with here.following(tmp_path / "mine"):
        fill(tmp_path / "mine", {"recipe.toml": b"a", NAMES[2]: b"1\n"})
        while NAMES[2] not in here.files():
            pass
        fill(tmp_path / "mine", {"recipe.toml": b"a", NAMES[2]: b"1\n2\n"})
    here.bring(tmp_path / "other")
    assert held(tmp_path / "other")[NAMES[2]] == b"1\n2\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(trees=st.lists(TREES, min_size=1, max_size=4), taken=st.integers(0, 20))
def test_what_is_cut_off_never_says_that_more_is_done_than_there_is(tmp_path, trees, taken):
    fsspec.register_implementation("failing", Failing, clobber=True)
    mine, store = tmp_path / "mine", tmp_path / "store"
    fill(mine, {})
    fill(store, {})
    here, Failing.left = Storage(f"failing://{store}"), taken
    for tree in trees:
        fill(mine, tree)
        before = held(store)
        if (words := refused(here, mine)) is not None:
            assert words.endswith("does not answer: ConnectionResetError: the store is gone")
            break
        assert held(store) == tree
    else:
        return
    there = held(store)
    for name in NAMES:  # what says that something is done is newer than nothing that it speaks of
        if name.endswith((".json",)) and there.get(name) != before.get(name):
            assert all(there.get(other) == data for other, data in tree.items() if not other.endswith(".json"))
    logs = {name for name in NAMES if name.endswith(".jsonl")}
    if any(there.get(name) != before.get(name) for name in logs):  # and a log only follows its checkpoint
        assert all(there.get(name) == data for name, data in tree.items() if "/resume/" in name)
    for name in before.keys() - tree.keys():  # and nothing goes before the new is there
        assert there[name] == before[name]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nothing://like/this", "nothing"),
        (f"ftp://somebody:{PASSWORD}@127.0.0.1:1/runs", "--storage ftp://127.0.0.1:1/runs does not answer: Connection"),
    ],
)
def test_a_store_that_is_not_there_is_said_in_words_without_its_password(address, said):
    with pytest.raises(UserError) as told:
        Storage(address).files()
    assert said in str(told.value)
    assert PASSWORD not in str(told.value)


def test_a_wrong_password_is_said_in_words(address):
    with pytest.raises(UserError, match="does not answer: error_perm: 530") as told:
        Storage(address.replace(PASSWORD, "secret")).files()
    assert "secret" not in str(told.value)
