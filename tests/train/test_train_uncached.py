"""Law: nothing kept, nothing shared, every row whole through the trunk each time gives the same losses and rewards."""

from dataclasses import replace
from typing import Any

import pytest
from learners import dpo, grpo, kto, logged, loop, orpo, ppo, reward_model, rloo, sft

from topgraft.algorithms import on_policy
from topgraft.records import Batch, Loss, Rollouts
from topgraft.rollout.sampling import sample

FEW = {"batch_size": 4, "learning_rate": 1e-3}
OFFLINE = {"epochs": 3, "patience": 9, **FEW}
ON_POLICY = {"steps": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 2, **FEW}
LEARNERS = {
    "sft": (sft, OFFLINE),
    "reward": (reward_model, OFFLINE),
    "dpo": (dpo, OFFLINE),
    "orpo": (orpo, OFFLINE),
    "kto": (kto, OFFLINE),
    "ppo": (ppo, {**ON_POLICY, "samples_per_prompt": 2}),
    "ppo-branch": (ppo, {**ON_POLICY, "value": "branch"}),
    "grpo": (grpo, ON_POLICY),
    "rloo": (rloo, ON_POLICY),
}


def forgetful(algorithm: Any) -> Any:
    """The same learner; whatever reads trunk states gets new ones, of whole rows."""
    model, loss = algorithm.actors.model, algorithm.loss
    model.shares_prompts = False

    def afresh(micro: Batch, *, count: float) -> Loss:
        return loss(replace(micro, trunk=model.trunk(micro.tokens)), count=count)

    algorithm.loss = afresh
    return algorithm


def sampled_afresh(*given: Any, **more: Any) -> Rollouts:
    """Rollouts whose states come from another pass of the trunk."""
    rollouts = sample(*given, **more)
    return replace(rollouts, trunk=given[0].trunk(rollouts.tokens))


@pytest.mark.parametrize("name", LEARNERS)
def test_losses_and_rewards_over_a_run(name, tmp_path, monkeypatch):
    learner, options = LEARNERS[name]
    keeping = learner(**options)
    loop(keeping, tmp_path / "kept")
    again = {"old_logprobs": "recompute"} if "steps" in options else {}
    monkeypatch.setattr(on_policy, "sample", sampled_afresh)
    forgetting = forgetful(learner(**options, **again))
    loop(forgetting, tmp_path / "afresh")
    kept, afresh = logged(tmp_path / "kept"), logged(tmp_path / "afresh")
    assert forgetting.actors.model.meter.tokens_in > 2 * keeping.actors.model.meter.tokens_in
    assert len(kept) == len(afresh) > 3
    for ours, theirs in zip(kept, afresh, strict=True):
        names = [key for key in ours if key.startswith(("loss/", "reward/", "eval/", "kl/"))]
        assert names
        assert [ours[key] for key in names] == pytest.approx([theirs[key] for key in names], abs=1e-5, rel=0)
    changed = [key for key in kept[0] if key.startswith(("loss/", "reward/")) and kept[0][key] != kept[-1][key]]
    assert changed, "something should have been learned meanwhile"
