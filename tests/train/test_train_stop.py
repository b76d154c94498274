"""Law: updates on a rollout end before the one of the minibatch on which the policy has gone further than `stop_kl`."""

from typing import Any

import pytest
import torch
from learners import grpo, logged, loop, ppo, rloo, sft
from torch.testing import assert_close

LEARNERS = {"ppo": ppo, "grpo": grpo, "rloo": rloo}


def trained(name: str, folder: Any, **options: Any) -> tuple[list[torch.Tensor], list[float], list[dict[str, Any]]]:
    """The weights after training, the approximate KL of every minibatch on the way, and the log."""
    algorithm, seen = LEARNERS[name](learning_rate=0.01, batch_size=4, **options), []
    plain = algorithm.loss

    def watched(micro: Any, *, count: float) -> Any:
        loss = plain(micro, count=count)
        seen.append(loss.metrics["policy/approx_kl"])
        return loss

    algorithm.loss = watched
    loop(algorithm, folder)
    return [weight.detach().clone() for weight in algorithm.trainable()], seen, logged(folder)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_update_that_would_go_on_from_too_far_and_all_after_it_are_skipped(tmp_path, name):
    one_rollout = {"steps": 1, "minibatch_size": 4}
    _, free, log = trained(name, tmp_path / "free", inner_epochs=4, **one_rollout)
    assert log[0]["policy/updates"] == 4
    assert free[0] < 1e-9 < free[1] < free[2], "the policy goes further with every update"
    limit = (free[1] + free[2]) / 2
    stopped, seen, log = trained(name, tmp_path / "stopped", inner_epochs=4, stop_kl=limit, **one_rollout)
    assert seen == free[:3], "the third minibatch tells, and the fourth is not looked at"
    assert log[0]["policy/updates"] == 2
    assert log[0]["policy/approx_kl"] == pytest.approx(sum(free[:3]) / 3)
    two, _, _ = trained(name, tmp_path / "two", inner_epochs=2, **one_rollout)
    for found, expected in zip(stopped, two, strict=True):
        assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_rest_of_an_inner_epoch_is_skipped_too_and_the_next_rollout_is_learned_from_anew(tmp_path, name):
    options = {"steps": 3, "minibatch_size": 1, "inner_epochs": 3, "schedule": "constant"}
    _, seen, log = trained(name, tmp_path, stop_kl=1e-7, **options)
    # The first minibatch of a rollout is at KL 0, the second is not.
    assert [row["policy/updates"] for row in log] == [1, 1, 1]
    assert [kl > 1e-7 for kl in seen] == [False, True] * 3


@pytest.mark.parametrize("name", LEARNERS)
def test_a_limit_that_is_never_reached_changes_nothing(tmp_path, name):
    options = {"steps": 2, "minibatch_size": 2, "inner_epochs": 2}
    free, _, free_log = trained(name, tmp_path / "free", **options)
    far, _, far_log = trained(name, tmp_path / "far", stop_kl=1e9, **options)
    assert free_log == far_log
    assert [row["policy/updates"] for row in free_log] == [4, 4]
    for found, expected in zip(far, free, strict=True):
        assert torch.equal(found, expected)


def test_learning_from_rows_knows_of_no_limit(tmp_path):
    loop(sft(epochs=1, batch_size=4), tmp_path)
    assert not any("policy/updates" in row for row in logged(tmp_path))
