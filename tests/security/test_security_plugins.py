"""Code of others runs where a recipe or the command line names it, and from there alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment

from topgraft.data.reading import DataSettings, read
from topgraft.errors import UserError
from topgraft.lookup import resolve
from topgraft.rewards.combination import rule
from topgraft.train.settings import settings_of

LEAVES = """
from pathlib import Path

Path({marker!r}).write_text("it ran")


def score(prompt, response):
    return 1.0
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Path:
    """A file of a reward; importing it leaves `marker`."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_reward_of_mine.py"
    file.write_text(LEAVES.format(marker=str(tmp_path / "marker")))
    return file


def test_a_file_runs_when_it_is_named_and_not_before(plugin, tmp_path):
    raw = {"name": "x", "stages": [], "rewards": {"a": {"use": f"{plugin.name}:score"}}}
    settings = settings_of(raw)
    assert not (tmp_path / "marker").exists()
    assert rule("[rewards.a]", settings.rewards["a"].use, {}, [])(["p"], ["r"]) == [1.0]
    assert (tmp_path / "marker").exists()


def test_nothing_in_data_names_code(plugin, tmp_path):
    names = [f"{plugin.name}:score", "my_reward_of_mine:score", "os:system"]
    rows = [{"prompt": name, "response": name, "category": name, "use": name, "format": name} for name in names]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(read(DataSettings(source="rows.jsonl"))) == 3
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "name",
    ["os:system", "subprocess:getoutput", "builtins:eval", "importlib.util:find_spec", "shutil:rmtree", "_io:open"],
)
@pytest.mark.parametrize("kind", ["reward", "metric", "algorithm", "data.format"])
def test_pythons_own_library_is_no_plugin(kind, name):
    with pytest.raises(UserError, match="is of Python's own library"):
        resolve(kind, name, {})


@pytest.mark.parametrize("name", [":x", ".os:system", "a/b:c", "a b:c", "..:x", "a..b:c", "\0:x", "1a:x"])
def test_what_is_no_modules_name_is_not_imported(name):
    with pytest.raises(UserError, match="is no module"):
        resolve("reward", name, {})


def test_a_module_of_the_folder_takes_no_other_modules_place(tmp_path):
    """Files called like installed modules lie in the folder; a plug-in beside them is found, and they are not."""
    (tmp_path / "mine.py").write_text(
        "import json, sys\n\nimport filelock, sacrebleu\n\n\ndef score(prompt, response):\n    return 1.0\n"
        "print('loaded', *(module.__file__.count('site-packages') for module in (filelock, sacrebleu)))\n"
    )
    for name in ("filelock", "sacrebleu", "tomllib", "antigravity"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    code = "from topgraft.lookup import resolve; resolve('reward', 'mine:score', {})"
    command = [sys.executable, "-P", "-c", code]  # as the console script starts it: without the folder in front
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "loaded 1 1"
