"""Fixtures that several folders share. Builders of tiny models and tokenizers are in tiny.py beside this file."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch
from material import model_in
from transformers import PreTrainedTokenizerFast

torch.set_num_threads(1)
# A shell starts background jobs with SIGINT ignored, and they hand that on to the processes of tests that press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
_NUMBERS = itertools.count()
LONG = ("test_faults", "test_quickstart", "test_cli_processes", "test_cli_run", "test_train_processes")
"""Files that have tests of a minute and more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those go first, so that no worker still has one before it when the others have ended."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session", autouse=True)
def cache_folder_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What shared runs leave for later ones stays out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def cache_folder_of_the_test(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / f"cache-of-{next(_NUMBERS)}"))


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, pad apart from end, no chat template."""
    return tiny.characters()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny llama with its tokenizer, in the hub's layout. Copy it before changing anything."""
    return model_in(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def stories() -> Path:
    """The folder of stories260K, a real language model of 260 thousand parameters."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip("the model stories260K is not on this machine (shared/models/stories260K)")
    return folder
