import json
from pathlib import Path

import pytest
from fake_arms import build_many
from fake_run import (
    CONTROL,
    FORMULA,
    LATEX,
    LONG_WORD,
    SCRIPT,
    build,
    fake_provenance,
    fake_results,
    log_stage,
)

from topgraft.report import write_report
from topgraft.report.formats import FORMATS
from topgraft.runs import RunFolder
from topgraft.runs.writing import append_line, write_json, write_whole


def build_hostile(path: Path) -> RunFolder:
    """A run whose every text is hostile, with a missing stage and a missing metric."""
    run = RunFolder(path)
    provenance = fake_provenance() | {
        "about": SCRIPT + LONG_WORD,
        "recipe": SCRIPT,
        "commit": LATEX,
        "command": ["topgraft", FORMULA, CONTROL],
    }
    provenance["stages"] = ["sft", SCRIPT, "ppo"]
    provenance["model"]["name"] = SCRIPT + LONG_WORD
    write_json(run.path / "provenance.json", provenance)
    write_whole(run.recipe_file, f"# {SCRIPT}\n")
    log_stage(run, "sft", 30)
    run.stage("sft").sample({"step": 30, "prompt": SCRIPT, "response": CONTROL, "reference": LONG_WORD, "reward": None})
    results = fake_results()
    arms = results["arms"]
    results |= {"recipe": SCRIPT, "arms": {FORMULA: arms["base"], LATEX: arms["sft"], SCRIPT: arms["ppo"]}}
    results["arms"][SCRIPT]["metrics"]["@cmd|$\\alpha_"] = {
        "value": float("nan"),
        "low": None,
        "high": None,
        "n": 3,
    }
    results["descriptions"] = {"sac": SCRIPT}
    results["comparisons"] = [
        {
            "name": SCRIPT,
            "arm": FORMULA,
            "against": LONG_WORD,
            "value": 1,
            "low": None,
            "high": None,
            "note": SCRIPT,
        }
    ]
    results["instruments"] = {SCRIPT: {"held_out_accuracy": SCRIPT}}
    write_json(run.results_file, results)
    for text in (SCRIPT, FORMULA, LATEX, LONG_WORD, CONTROL, "汉字 العربية 🎓 " + "e\u0301\u0301\u0301" * 30):
        for arm in (FORMULA, LATEX, SCRIPT):
            append_line(
                run.responses_file,
                {"arm": arm, "id": text[:20], "prompt": text, "response": text, "reference": text},
            )
    with open(run.responses_file, "a", encoding="utf-8") as file:
        file.write(json.dumps({"arm": SCRIPT, "id": "lone", "prompt": "\ud800", "response": "\udfff"}) + "\n")
    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run with its report in every format; read only."""
    run = build(tmp_path_factory.mktemp("finished"))
    write_report(run, list(FORMATS))
    return run


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of hostile texts with its report; read only."""
    run = build_hostile(tmp_path_factory.mktemp("hostile"))
    write_report(run, ["markdown", "notebook", "latex"])
    return run


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of many arms with its report; read only."""
    run = build_many(tmp_path_factory.mktemp("many"))
    write_report(run)
    return run


@pytest.fixture
def results() -> dict:
    return fake_results()
