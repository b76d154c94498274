"""Recipe strict-tutor from start to chat, on the shipped tiny model with few rows and steps."""

import json
import re
from pathlib import Path

import pytest
from commands import topgraft


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutor")
    shipped = Path(__file__).resolve().parents[2] / "topgraft" / "shipped" / "strict-tutor.json"
    rows = [json.loads(line) for line in shipped.read_text(encoding="ascii").splitlines()]
    limits = {"train": 10, "validation": 2, "test": 2}
    topics = {part: sorted({row["topic"] for row in rows if row["part"] == part})[: limits[part]] for part in limits}
    kept = [row for row in rows if row["topic"] in topics[row["part"]]]
    (folder / "rows.json").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="ascii")
    sets = ["data.source=rows.json", "sft.epochs=1", "reward.epochs=1", "ppo.steps=1", "ppo.batch_size=2"]
    words = [word for text in sets for word in ("--set", text)]
    done = topgraft("run", "strict-tutor", "--scale", "tiny", "--out", "run", *words, cwd=folder)
    assert done.code == 0, done.err
    return folder / "run"


@pytest.mark.slow
def test_the_run_measures_the_categoriser_and_strictness_by_category(run):
    results = json.loads((run / "evaluation" / "results.json").read_text(encoding="utf-8"))
    assert list(results["arms"]) == ["base", "sft", "ppo", "best-of-4"]
    assert results["classifiers"]["categoriser"]["n"] == results["instruments"]["strictness"]["n"] == 16
    for arm, found in results["arms"].items():
        assert found["metrics"]["toxicity"]["value"] == 0
        assert 0 <= found["metrics"]["strictness"]["value"] <= 1
        assert set(results["categories"][arm]) == {"factual error", "misconception", "poor logic", "good question"}
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "categoriser, n = 16" in page
    assert "strictness by category" in page


@pytest.mark.slow
def test_chat_shows_category_candidates_and_scores(run):
    asked = "Why does the Moon have craters?\nIn my test I wrote that 2 + 2 is 5.\n"
    done = topgraft("chat", run, "--arm", "sft", "--best-of", 4, "--scores", cwd=run.parent, given=asked)
    assert done.code == 0, done.err
    shown = re.findall(r"^  category (.+), (0\.\d\d|1\.00)$", done.err, re.MULTILINE)
    assert [name for name, _ in shown] == ["good question", "factual error"]
    scored = re.findall(r"^  reward (-?\d+\.\d{3}) \(.*level (\S+) x 2", done.err, re.MULTILINE)
    assert len(scored) == 8
    assert all(0 <= float(level) <= 4 / 3 for _, level in scored)
    for start in (0, 4):
        totals = [float(total) for total, _ in scored[start : start + 4]]
        assert totals == sorted(totals, reverse=True)
