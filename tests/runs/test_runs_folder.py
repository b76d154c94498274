"""Where things lie in a run folder, and what says that a stage is finished."""

import pytest

from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_stages_come_in_the_order_in_which_they_were_begun(run):
    for name in ("evaluate", "reward", "ppo", "another", "sft"):
        run.stage(name).log(1, {})
    write_json(run.path / "provenance.json", {"stages": ["sft", "pairs", "reward", "ppo"]})
    (run.path / "stages" / "notes.txt").write_text("no stage")
    assert [stage.name for stage in run.stages()] == ["sft", "reward", "ppo", "another", "evaluate"]


def test_stages_without_provenance_come_by_name(run):
    assert list(run.stages()) == []
    for name in ("sft", "ppo"):
        run.stage(name).log(1, {})
    assert [stage.name for stage in run.stages()] == ["ppo", "sft"]


def test_an_empty_folder_reads_as_nothing(run):
    assert run.provenance() == run.results() == run.stage("sft").summary() == {}
    assert (
        run.responses() == run.stage("sft").metrics() == run.stage("sft").samples() == run.stage("sft").warnings() == []
    )
    assert not run.path.exists()


def test_a_stage_is_finished_when_its_summary_stands(run):
    stage = run.stage("sft")
    stage.log(1, {"loss/total": 2.5})
    stage.log(2, {"loss/total": 2.25})
    stage.sample({"step": 2, "response": "text"})
    assert not stage.finished
    stage.finish({"steps": 2})
    assert stage.finished
    assert stage.summary() == {"steps": 2}
    assert stage.metrics() == [{"step": 1, "loss/total": 2.5}, {"step": 2, "loss/total": 2.25}]
    assert stage.samples() == [{"step": 2, "response": "text"}]
