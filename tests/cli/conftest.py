"""One finished run of the recipe `professor --scale tiny` on a tiny random model, shared by all."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import Done, topgraft
from material import rows, write_rows


@dataclass(frozen=True)
class Tiny:
    """The tiny model and data, the words that make `topgraft run` use them, and a run made by those words."""

    model: Path
    data: Path
    words: tuple[str, ...]
    run: Path
    done: Done

    def copy(self, folder: Path) -> Path:
        """A copy of the run that may be changed."""
        return Path(shutil.copytree(self.run, folder / "copy"))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 short rows of 10 problems. Read only."""
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", rows())


@pytest.fixture(scope="session")
def words(model_folder: Path, tiny_data: Path) -> tuple[str, ...]:
    """What stands behind `topgraft run`: the shipped recipe at its tiny scale, on the tiny model and data."""
    sets = [
        f"model.name={model_folder}",
        f"data.source={tiny_data}",
        "data.max_prompt_tokens=80",
        "data.max_response_tokens=24",
        "data.split=[0.6, 0.2, 0.2]",
        "data.max_rows=20",
        "model.layers=last-2",
        "sft.epochs=2",
        "sft.batch_size=6",
        "reward.epochs=3",
        "reward.batch_size=4",
        "ppo.steps=6",
        "ppo.learning_rate=3e-3",
        "ppo.batch_size=8",
        "ppo.minibatch_size=4",
        "ppo.evaluate_every=3",
    ]
    return ("professor", "--scale", "tiny", *(word for text in sets for word in ("--set", text)))


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path, tiny_data: Path, words: tuple[str, ...]
) -> Tiny:
    """The finished run. Read only: take a `copy` to change it."""
    folder = tmp_path_factory.mktemp("runs")
    done = topgraft("run", *words, "--out", "finished", cwd=folder)
    assert done.code == 0, done.err + done.out
    return Tiny(model=model_folder, data=tiny_data, words=words, run=folder / "finished", done=done)
