"""What is no finite number, and what is no ordinary batch: the run goes on, or ends with advice, and the weights stay
numbers."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import PAIRS, ROWS, dpo, grpo, kto, logged, loop, orpo, ppo, reward_model, rloo, sft

from topgraft.algorithms.kl_control import KLControl, KLController
from topgraft.errors import Diverged
from topgraft.records import Scores

SAMPLING = {"steps": 4, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 9}
OFFLINE = {"epochs": 2, "batch_size": 4}
OFFLINE_LEARNERS = {"sft": sft, "reward": reward_model, "dpo": dpo, "orpo": orpo, "kto": kto}
SAMPLING_LEARNERS = {"ppo": ppo, "grpo": grpo, "rloo": rloo}


def scored_by(algorithm: Any, total: Any) -> Any:
    """The algorithm with another reward: `total(call, rows)` gives the scores of a call."""
    calls = iter(range(1, 1000))

    def score(prompts: Any, responses: Any, tokens: Any, trunk: Any) -> Scores:
        total_B = torch.tensor(total(next(calls), len(prompts)), dtype=torch.float32)
        return Scores(total_B=total_B, parts={"rule": total_B})

    algorithm.actors = replace(algorithm.actors, score=score)
    return algorithm


def skipped(folder: Path) -> list[dict[str, Any]]:
    path = folder / "skipped.jsonl"
    if not path.exists():
        return []

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def all_numbers(algorithm: Any) -> bool:
    return all(weight.isfinite().all() for weight in algorithm.trainable())


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("name", SAMPLING_LEARNERS)
def test_a_rollout_with_a_score_that_is_no_number_is_skipped_and_kept(tmp_path, name, odd):
    algorithm = SAMPLING_LEARNERS[name](**SAMPLING)
    scored_by(algorithm, lambda call, rows: [odd if call == 2 and row == 1 else row % 3 for row in range(rows)])
    outcome = loop(algorithm, tmp_path)
    assert outcome.steps == 4
    assert all_numbers(algorithm)
    log = logged(tmp_path)
    assert [row.get("loss/skipped") for row in log] == [None, 1.0, None, None]
    assert all(math.isfinite(value) for row in log for value in row.values())
    (kept,) = skipped(tmp_path)
    assert kept["step"] == 2
    assert kept["not_finite"]
    scores = [item["score"] for item in kept["items"]]
    assert scores[1] == str(odd)
    assert all("response" in item for item in kept["items"])


@pytest.mark.parametrize("name", OFFLINE_LEARNERS)
def test_an_update_whose_loss_is_no_number_is_skipped_and_its_rows_kept(tmp_path, name):
    algorithm = OFFLINE_LEARNERS[name](**OFFLINE)
    plain, calls = algorithm.loss, iter(range(1, 1000))

    def loss(micro: Any, *, count: float) -> Any:
        found = plain(micro, count=count)
        if next(calls) != 2:
            return found
        return replace(found, value=found.value * math.nan, metrics={**found.metrics, "loss/total": math.nan})

    algorithm.loss = loss
    outcome = loop(algorithm, tmp_path)
    assert outcome.steps == 4
    assert all_numbers(algorithm)
    (kept,) = skipped(tmp_path)
    assert kept["not_finite"] == {"loss/total": "nan", "grad_norm": "nan"}
    assert len(kept["items"]) == 4
    assert {"key", "prompt"} <= kept["items"][0].keys()
    assert [row.get("loss/skipped") for row in logged(tmp_path)].count(1.0) == 1


def test_a_skipped_update_changes_neither_weights_nor_moments(tmp_path):
    ends = []
    for poisoned in (False, True):
        algorithm = sft(epochs=2, batch_size=7, learning_rate=1e-2, schedule="constant")
        plain, calls = algorithm.loss, iter(range(1, 1000))

        def loss(micro: Any, *, count: float, plain: Any = plain, calls: Any = calls, poisoned: bool = poisoned) -> Any:
            found = plain(micro, count=count)
            return replace(found, value=found.value * math.inf) if poisoned and next(calls) == 2 else found

        algorithm.loss = loss
        loop(algorithm, tmp_path / str(poisoned), held_out=0, rows=ROWS[:7])
        ends.append([weight.detach().clone() for weight in algorithm.trainable()])
    one_step = sft(epochs=1, batch_size=7, learning_rate=1e-2, schedule="constant")
    loop(one_step, tmp_path / "one", held_out=0, rows=ROWS[:7])
    for poisoned_weight, other in zip(ends[1], one_step.trainable(), strict=True):
        torch.testing.assert_close(poisoned_weight, other.detach(), rtol=0, atol=0)
    assert any(not torch.equal(one, two) for one, two in zip(*ends, strict=True))


def test_too_many_in_a_row_end_the_stage_with_advice(tmp_path):
    algorithm = scored_by(ppo(**SAMPLING, skip_limit=1), lambda call, rows: [math.inf] * rows)
    before = [weight.detach().clone() for weight in algorithm.trainable()]
    with pytest.raises(Diverged, match=r"2 updates in a row had no finite numbers.*lower the stage's learning_rate"):
        loop(algorithm, tmp_path)
    assert len(skipped(tmp_path)) == 2
    for old, new in zip(before, algorithm.trainable(), strict=True):
        torch.testing.assert_close(new.detach(), old, rtol=0, atol=0)


def test_a_good_update_between_two_starts_the_count_again(tmp_path):
    algorithm = ppo(**SAMPLING, skip_limit=1)
    scored_by(algorithm, lambda call, rows: [math.inf if call % 2 else 1.0] * rows)
    assert loop(algorithm, tmp_path).steps == 4
    assert len(skipped(tmp_path)) == 2


def test_a_kl_that_is_no_number_does_not_move_beta():
    controller = KLController(0.1, KLControl(target=0.05, horizon=10))
    controller.update(math.nan, responses=8)
    controller.update(math.inf, responses=8)
    assert controller.beta == 0.1
    controller.update(1.0, responses=8)
    assert controller.beta == pytest.approx(0.1 * (1 + 0.2 * 8 / 10))


@pytest.mark.parametrize("name", SAMPLING_LEARNERS)
def test_equal_rewards_teach_nothing_and_harm_nothing(tmp_path, name):
    algorithm = scored_by(SAMPLING_LEARNERS[name](**SAMPLING), lambda call, rows: [1.0] * rows)
    loop(algorithm, tmp_path)
    assert all_numbers(algorithm)
    assert skipped(tmp_path) == []
    assert all(math.isfinite(value) for row in logged(tmp_path) for value in row.values())


@pytest.mark.parametrize("name", OFFLINE_LEARNERS | SAMPLING_LEARNERS)
def test_empty_answers_and_a_prompt_of_a_hundred_thousand_tokens_are_learned_from_like_others(tmp_path, name):
    long = "many words " * 9_091
    if name in SAMPLING_LEARNERS:
        algorithm, rows = SAMPLING_LEARNERS[name](**SAMPLING), [replace(ROWS[0], prompt=long), *ROWS[1:]]
    else:
        algorithm = OFFLINE_LEARNERS[name](**OFFLINE)
        if name == "sft":
            rows = [replace(ROWS[0], prompt=long), replace(ROWS[1], response=""), *ROWS[2:]]
        else:
            rows = [replace(PAIRS[0], prompt=long), replace(PAIRS[1], rejected=""), *PAIRS[2:]]
    assert len(long) > 100_000
    loop(algorithm, tmp_path, rows=rows)
    assert all_numbers(algorithm)
    assert skipped(tmp_path) == []
