"""Metrics in TensorBoard's event files: what the run folder has, also where a run went on."""

import pytest
from learners import logged, loop, ppo
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from topgraft.errors import UserError
from topgraft.runs import RunFolder
from topgraft.train.tracking import Tracking, TrackSettings, refuse_unavailable

TO = TrackSettings(to=("tensorboard",))
OPTIONS = {"steps": 4, "batch_size": 4}


def scalars(run: RunFolder, stage: str) -> dict[str, dict[int, float]]:
    """Metric -> step -> value, as TensorBoard reads them."""
    read = EventAccumulator(str(run.path / "tracking" / f"{run.path.name}-{stage}"))
    read.Reload()
    return {name: {event.step: event.value for event in read.Scalars(name)} for name in read.Tags()["scalars"]}


def test_tensorboard_has_what_the_log_has(tmp_path):
    run = RunFolder(tmp_path)
    tracking = Tracking(TO, run, "ppo")
    loop(ppo(**OPTIONS), tmp_path / "stages" / "ppo", track=tracking.log)
    tracking.close()
    found = scalars(run, "ppo")
    for row in logged(tmp_path / "stages" / "ppo"):
        for name, value in row.items():
            if name != "step":
                assert found[name][row["step"]] == pytest.approx(value, rel=1e-6)
    assert len(found["kl/token"]) == 4


def test_steps_that_are_done_again_take_the_place_of_their_likes(tmp_path):
    run = RunFolder(tmp_path)
    for first, value in ((1, 1.0), (3, 2.0)):
        tracking = Tracking(TO, run, "sft")
        for step in range(first, 6):
            tracking.log(step, {"loss/total": value})
        tracking.close()
    assert scalars(run, "sft")["loss/total"] == {1: 1.0, 2: 1.0, 3: 2.0, 4: 2.0, 5: 2.0}


def test_nothing_is_opened_where_nobody_is_named(tmp_path):
    tracking = Tracking(TrackSettings(), RunFolder(tmp_path), "sft")
    tracking.log(1, {"loss/total": 1.0})
    tracking.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "said"), [("tensorbord", "Did you mean 'tensorboard'"), ("wandb", "not installed")])
def test_a_service_that_is_unknown_or_not_installed_is_refused(name, said):
    with pytest.raises(UserError, match=said):
        refuse_unavailable(TrackSettings(to=(name,)))
