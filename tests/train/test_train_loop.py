"""The one loop: seeds, batches, schedule, the best step, patience, micro-batches."""

import math
from dataclasses import replace

import pytest
import torch
from learners import PAIRS, ROWS, Watched, dpo, grpo, kto, logged, loop, orpo, ppo, reward_model, rloo, sft

from topgraft.errors import UserError

LEARNERS = {
    "sft": (sft, {"epochs": 2, "batch_size": 4}),
    "reward": (reward_model, {"epochs": 2, "batch_size": 4}),
    "dpo": (dpo, {"epochs": 2, "batch_size": 4}),
    "orpo": (orpo, {"epochs": 2, "batch_size": 4}),
    "kto": (kto, {"epochs": 2, "batch_size": 4}),
    "grpo": (grpo, {"steps": 3, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 2}),
    "rloo": (rloo, {"steps": 3, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 2}),
    "ppo": (ppo, {"steps": 3, "batch_size": 4, "minibatch_size": 2, "inner_epochs": 2, "evaluate_every": 2}),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_gives_the_same_log_and_the_same_weights(tmp_path, name):
    learner, options = LEARNERS[name]
    ends = []
    for number, seed in enumerate((1, 1, 2)):
        algorithm = learner(**options)
        loop(algorithm, tmp_path / str(number), seed=seed)
        ends.append([weight.detach().clone() for weight in algorithm.trainable()])
    first, again, other = (logged(tmp_path / str(number)) for number in range(3))
    assert first == again
    assert first != other
    for one, two in zip(ends[0], ends[1], strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert [row["step"] for row in first] == list(range(1, len(first) + 1))
    assert all(math.isfinite(value) for row in first for value in row.values())


@pytest.mark.parametrize("name", LEARNERS)
def test_the_size_of_micro_batches_changes_nothing(tmp_path, name):
    learner, options = LEARNERS[name]
    logs = []
    for size in (1, 40, 4096):
        loop(learner(**options, micro_batch_tokens=size), tmp_path / str(size))
        logs.append(logged(tmp_path / str(size)))
    for log in logs[1:]:
        for expected, found in zip(logs[0], log, strict=True):
            # The gap is read off the first micro-batch alone, and is rounding noise in itself.
            kept = [key for key in expected if key != "rollout/logprob_gap"]
            assert expected.keys() == found.keys()
            assert [found[key] for key in kept] == pytest.approx([expected[key] for key in kept], abs=1e-5, rel=1e-4)


def test_every_row_comes_once_a_pass_in_another_order(tmp_path):
    algorithm = Watched([9.0] * 9, epochs=4, batch_size=4, patience=9)
    loop(algorithm, tmp_path, held_out=2)
    assert [len(batch) for batch in algorithm.batches] == [4] * 8
    keys = [key for batch in algorithm.batches for key in batch]
    passes = [keys[start : start + 8] for start in range(0, 32, 8)]
    assert all(sorted(part) == sorted(row.key for row in ROWS[:8]) for part in passes)
    assert len({tuple(part) for part in passes}) == 4


def test_a_batch_may_span_two_passes_and_none_is_larger_than_the_rows(tmp_path):
    algorithm = Watched([9.0] * 9, epochs=2, batch_size=4, patience=9)
    loop(algorithm, tmp_path / "a", held_out=3)
    keys = [key for batch in algorithm.batches for key in batch]
    assert sorted(keys[:7]) == sorted(keys[7:14]) == sorted(row.key for row in ROWS[:7])
    algorithm = Watched([9.0] * 9, epochs=3, batch_size=64, patience=9)
    loop(algorithm, tmp_path / "b", held_out=3)
    assert [sorted(batch) for batch in algorithm.batches] == [sorted(row.key for row in ROWS[:7])] * 3


COSINE = [(2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4]
"""(1 + cos x) / 2 at 45, 90 and 135 degrees."""


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        ({}, [1, 0.75, 0.5, 0.25]),
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "cosine"}, [1, *COSINE]),
        ({"warmup": 0.5}, [1 / 3, 2 / 3, 1, 0.5]),
        ({"warmup": 0.25}, [0.5, 1, 2 / 3, 1 / 3]),
        ({"warmup": 0.25, "schedule": "constant"}, [0.5, 1, 1, 1]),
        ({"warmup": 0.25, "schedule": "cosine"}, [0.5, 1, 0.75, 0.25]),  # (1 + cos 60) / 2, (1 + cos 120) / 2
        ({"warmup": 0.99, "schedule": "cosine"}, [0.25, 0.5, 0.75, 1]),  # three steps of four
        ({"warmup": 0.2, "schedule": "cosine"}, [1, *COSINE]),  # less than a step: none
    ],
)
def test_the_rate_follows_its_schedule(tmp_path, options, shares):
    loop(sft(epochs=2, batch_size=4, learning_rate=0.01, patience=9, **options), tmp_path)
    assert [row["learning_rate"] for row in logged(tmp_path)] == pytest.approx([0.01 * share for share in shares])


@pytest.mark.parametrize("learner", [ppo, grpo, rloo])
def test_the_rate_is_that_of_a_rollout_not_of_its_updates(tmp_path, learner):
    options = {
        "steps": 4,
        "batch_size": 4,
        "minibatch_size": 2,
        "inner_epochs": 2,
        "warmup": 0.25,
        "schedule": "cosine",
    }
    loop(learner(learning_rate=0.01, **options), tmp_path)
    assert [row["learning_rate"] for row in logged(tmp_path)] == pytest.approx([0.005, 0.01, 0.0075, 0.0025])


@pytest.mark.parametrize(("losses", "best"), [([3.0, 1.0, 2.0], 2), ([3.0, 2.0, 1.0], 3), ([1.0, 2.0, 2.0], 1)])
def test_the_best_step_is_put_back(tmp_path, losses, best):
    algorithm = Watched(losses, epochs=3, batch_size=7, learning_rate=0.05, patience=9)
    outcome = loop(algorithm, tmp_path, held_out=3)
    assert (outcome.steps, outcome.best_step) == (3, best)
    assert outcome.metrics["eval/loss"] == losses[best - 1]
    for weight, kept in zip(algorithm.trainable(), algorithm.kept[best - 1], strict=True):
        torch.testing.assert_close(weight.detach(), kept, rtol=0, atol=0)
    others = [kept for place, kept in enumerate(algorithm.kept) if place != best - 1]
    assert all(any(not torch.equal(a, b) for a, b in zip(algorithm.trainable(), kept, strict=True)) for kept in others)


@pytest.mark.parametrize("trains", ["branch", "head"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_reward_model_keeps_the_head_and_the_adapter_of_its_best_step(tmp_path, head, trains):
    algorithm = reward_model(
        head=head, trains=trains, epochs=12, batch_size=4, learning_rate=0.01, schedule="constant", patience=12
    )
    turned = [replace(row, chosen=row.rejected, rejected=row.chosen) for row in PAIRS[4:7]]  # what is learned is wrong
    outcome = loop(algorithm, tmp_path, rows=[*PAIRS[:7], *turned])
    losses = {row["step"]: row["eval/loss"] for row in logged(tmp_path) if "eval/loss" in row}
    assert outcome.best_step == min(losses, key=lambda step: losses[step]) < outcome.steps
    algorithm.head.gain.fill_(1.0)
    algorithm.head.shift.zero_()
    kept = algorithm.validate(turned)["eval/loss"]
    assert kept == pytest.approx(losses[outcome.best_step], rel=1e-5)
    assert losses[outcome.steps] > 2 * kept


def test_without_validation_rows_the_last_step_stays(tmp_path):
    algorithm = Watched(epochs=2, batch_size=5)
    outcome = loop(algorithm, tmp_path, held_out=0)
    assert (outcome.steps, outcome.best_step) == (4, 4)
    assert not any("eval/loss" in row for row in logged(tmp_path))


def test_training_stops_when_patience_is_at_its_end(tmp_path):
    algorithm = Watched([2.0, 1.0, 1.0, 1.5, 0.5], epochs=5, batch_size=7, patience=2)
    outcome = loop(algorithm, tmp_path, held_out=3)
    assert (outcome.steps, outcome.best_step) == (4, 2)
    assert [row["eval/loss"] for row in logged(tmp_path)] == [2.0, 1.0, 1.0, 1.5]


def test_a_loss_that_runs_away_is_an_error_with_a_remedy(tmp_path):
    algorithm = sft(epochs=20, batch_size=7, learning_rate=1e18, schedule="constant", patience=99)
    with pytest.raises(UserError, match=r"diverged.*lower the stage's learning_rate"):
        loop(algorithm, tmp_path)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_token_passes_the_trunk_once_however_many_passes_learn_from_it(tmp_path, name):
    learner, options = LEARNERS[name]
    outcome = loop(learner(**options), tmp_path)
    assert outcome.tokens_in == outcome.tokens_kept > 0
    found = [row["cost/trunk_passes_per_token"] for row in logged(tmp_path) if "cost/trunk_passes_per_token" in row]
    assert found
    assert set(found) == {1.0}


def test_samples_are_shown_at_the_first_step_and_a_few_times_on_the_way(tmp_path):
    shown: list[int] = []
    loop(sft(epochs=8, batch_size=7, patience=9), tmp_path, show=shown.append)
    assert shown == [1, 2, 4, 6, 8]


def test_after_training_nothing_learns_any_more_and_finish_sees_the_training_rows(tmp_path):
    algorithm = Watched([1.0], epochs=1, batch_size=7)
    loop(algorithm, tmp_path, held_out=3)
    assert algorithm.finished_with == [row.key for row in ROWS[:7]]
    assert not any(weight.requires_grad for weight in algorithm.actors.model.model.parameters())


@pytest.mark.parametrize(
    ("optimizer", "eps"), [("adamw", 1e-5), ("adamw", 1e-2), ("sgd", 1e-5)], ids=["adamw", "adamw-large-eps", "sgd"]
)
def test_the_first_update_is_that_of_the_optimizer_that_was_set(tmp_path, optimizer, eps):
    # Adam's bias-corrected moments of one gradient g are g and g * g, so its first update is rate * g / (|g| + eps);
    # the first momentum of SGD is the gradient.
    rate = 0.01 if optimizer == "adamw" else 1.0
    options = {"epochs": 1, "batch_size": 7, "learning_rate": rate, "max_grad_norm": 1e9, "adam_eps": eps}
    algorithm = sft(optimizer=optimizer, **options)
    before = [weight.detach().clone() for weight in algorithm.trainable()]
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    batch = algorithm.collect(ROWS[:7])
    algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
    gradients = [weight.grad.clone() for weight in algorithm.trainable()]
    for weight in algorithm.trainable():
        weight.grad = None
    loop(algorithm, tmp_path, held_out=3)
    assert any(gradient.abs().max() > 0 for gradient in gradients)
    for old, new, gradient in zip(before, algorithm.trainable(), gradients, strict=True):
        expected = old - rate * (gradient if optimizer == "sgd" else gradient / (gradient.abs() + eps))
        torch.testing.assert_close(new.detach(), expected, rtol=1e-4, atol=2e-6)


def test_weight_decay_pulls_at_the_weights_themselves(tmp_path):
    ends = []
    for decay in (0.0, 0.5):
        algorithm = sft(epochs=1, batch_size=7, learning_rate=0.01, weight_decay=decay)
        before = [weight.detach().clone() for weight in algorithm.trainable()]
        loop(algorithm, tmp_path / str(decay), held_out=3)
        ends.append([weight.detach().clone() for weight in algorithm.trainable()])
    assert any(old.abs().max() > 0.1 for old in before)
    for old, free, pulled in zip(before, *ends, strict=True):
        torch.testing.assert_close(pulled, free - 0.01 * 0.5 * old, rtol=1e-5, atol=1e-6)


def test_the_gradient_is_scaled_down_to_its_limit(tmp_path):
    # With plain eps far above the gradient the update is nearly proportional to the clipped gradient.
    moved = []
    for limit in (1e9, 1e-3):
        algorithm = sft(epochs=1, batch_size=7, learning_rate=1.0, adam_eps=1e3, max_grad_norm=limit)
        before = [weight.detach().clone() for weight in algorithm.trainable()]
        loop(algorithm, tmp_path / str(limit), held_out=3)
        moved.append([new.detach() - old for old, new in zip(before, algorithm.trainable(), strict=True)])
    norm = logged(tmp_path / str(1e9))[0]["grad_norm"]
    assert norm > 1e-2
    assert logged(tmp_path / str(1e-3))[0]["grad_norm"] == pytest.approx(norm, rel=1e-5)
    for free, held in zip(*moved, strict=True):
        torch.testing.assert_close(held, free * 1e-3 / norm, rtol=1e-2, atol=1e-9)


def test_weights_are_copied_and_samples_shown_at_the_steps_that_are_asked_for(tmp_path):
    algorithm, shown = ppo(steps=5, batch_size=4, learning_rate=1e-2, checkpoint_every=2, show_every=3), []
    loop(algorithm, tmp_path, show=shown.append)
    folders = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert folders == ["step-2", "step-4"]
    assert shown == [1, 3]
    last = [weight.detach().clone() for weight in algorithm.trainable()]
    ends = []
    for name in folders:
        algorithm.load(tmp_path / "checkpoints" / name)
        ends.append(torch.cat([weight.detach().flatten().clone() for weight in algorithm.trainable()]))
    final = torch.cat([weight.flatten() for weight in last])
    assert not torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[1], final)


@pytest.mark.parametrize(
    ("losses", "kept"), [([4.0, 1.0, 3.0, 2.0, 5.0], [2, 4, 5]), ([5.0, 4.0, 3.0, 2.0, 1.0], [4, 5])]
)
def test_the_newest_copies_and_the_best_one_are_kept(tmp_path, losses, kept):
    options = {"epochs": 5, "batch_size": 7, "patience": 9, "checkpoint_every": 1, "checkpoints_kept": 2}
    loop(Watched(losses, **options), tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [f"step-{step}" for step in kept]


def test_the_table_of_a_policy_has_step_reward_and_kl(tmp_path):
    loop(ppo(steps=3, batch_size=4), tmp_path)
    head, *lines = (tmp_path / "training_metrics.csv").read_text().splitlines()
    assert head == "step,reward,kl"
    rows = [[float(cell) for cell in line.split(",")] for line in lines]
    expected = [[row["step"], row["reward/score"], row["kl/token"]] for row in logged(tmp_path)]
    assert rows == [pytest.approx(row, rel=1e-5) for row in expected]
    loop(sft(epochs=1, batch_size=4), tmp_path / "sft")
    assert not (tmp_path / "sft" / "training_metrics.csv").exists()


def test_the_last_weights_stay_where_the_settings_keep_them(tmp_path):
    algorithm = Watched([1.0, 2.0, 3.0, 4.0], epochs=4, batch_size=7, learning_rate=0.05, patience=1, keep="last")
    outcome = loop(algorithm, tmp_path, held_out=3)
    assert (outcome.steps, outcome.best_step) == (4, 4)
    assert outcome.metrics["eval/loss"] == 4.0
    for weight, last in zip(algorithm.trainable(), algorithm.kept[-1], strict=True):
        torch.testing.assert_close(weight.detach(), last, rtol=0, atol=0)
    assert any(not torch.equal(*pair) for pair in zip(algorithm.trainable(), algorithm.kept[0], strict=True))
