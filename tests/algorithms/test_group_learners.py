"""Law: who compares the responses to a prompt learns a rule, cut anyhow, and can be put away and taken out again."""

from pathlib import Path

import pytest
import tiny
import torch
from group_case import GROUP, LEARNERS, make
from ppo_case import ENDS, ROWS, letters
from torch.testing import assert_close

from topgraft.errors import UserError

pytestmark = pytest.mark.parametrize("name", LEARNERS)


def test_micro_batches_of_1_2_and_8_groups_give_the_same_gradients(name):
    algorithm = make(name)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "policy", seed=5, scale=0.02)
    whole = tiny.gradients(algorithm, batch, 8)
    assert max(grad.abs().max() for grad in whole) > 1e-4
    for size in (1, 2):
        for found, expected in zip(tiny.gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_rule_is_learned(name):
    torch.manual_seed(0)
    algorithm = make(name, score=letters, beta=0.0)
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=3e-2, eps=1e-5)
    scores = []
    for _ in range(30):
        batch = algorithm.collect(ROWS)
        scores.append(batch.metrics["reward/mean"])
        algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.2


@pytest.mark.parametrize("penalty", [None, 2.5])
def test_a_response_that_did_not_end_loses_the_penalty_which_is_0_by_default(name, penalty):
    options = {"scale": "none"} if name == "grpo" else {"beta": 0.0}
    batch = make(name, **options, **({} if penalty is None else {"missing_end_penalty": penalty})).collect(ROWS)
    last = batch.tokens.ids_BT[torch.arange(len(batch.tokens)), batch.tokens.lengths_B - 1]
    ended = torch.isin(last, torch.tensor(ENDS))
    assert ended.any()
    assert not ended.all()
    scores = batch.tokens.counted_BT.sum(1) / 4
    totals = (scores - (penalty or 0.0) * ~ended).view(-1, GROUP)
    expected = totals - totals.mean(1, keepdim=True)
    if name == "rloo":
        expected = expected * GROUP / (GROUP - 1)
    found = batch.extras["advantages_B"] if name == "rloo" else batch.extras["advantages_BT"][:, 0]
    assert_close(found, expected.flatten())
    assert batch.metrics["reward/score"] == pytest.approx(scores.mean().item())
    assert batch.metrics["reward/mean"] == pytest.approx(totals.mean().item())
    assert batch.metrics["reward/group_std"] == pytest.approx(totals.std(1, correction=0).mean().item())


def test_greedy_sampling_is_refused(name):
    with pytest.raises(UserError, match=f"{name.upper()} needs random responses"):
        make(name, temperature=0)


def test_saved_weights_load_to_the_same_answers(name, tmp_path: Path):
    algorithm = make(name)
    tiny.fill(algorithm.actors.model, "policy", seed=5)
    expected = algorithm.validate(ROWS)
    algorithm.save(tmp_path / "policy")
    other = make(name)
    assert other.validate(ROWS) != expected
    other.load(tmp_path / "policy")
    assert other.validate(ROWS) == expected
