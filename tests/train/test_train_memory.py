"""What a stage needs is found by trying it on a few rows: the counting, the arithmetic, the settings that fit."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import learners
import pytest
import tiny
import torch
from learners import ROWS

from topgraft.records import Batch
from topgraft.rollout.sampling import sample
from topgraft.train.cost import container_room
from topgraft.train.live import Live
from topgraft.train.memory import Curve, Needs, Work, needs

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {
    name: getattr(learners, name) for name in ("sft", "reward_model", "dpo", "orpo", "kto", "ppo", "grpo", "rloo")
}
MAKERS["mlp head"] = partial(learners.reward_model, head="mlp", trains="head")
MB = 2**20


def test_tensors_count_from_when_they_are_made_until_they_are_freed():
    old = torch.ones(MB)
    with Live() as live:
        a = old + 1
        assert live.now == 4 * MB
        view = a.view(2, -1)[0]
        a.add_(1)
        del a
        assert live.now == 4 * MB  # the view keeps it
        del view
        assert live.now == 0
        b = old[: MB // 2] * 2
        c = b * 2
        del b
    assert (live.now, live.peak) == (c.nbytes, 4 * MB)
    assert live.spread == 4 * MB + 2 * 2 * MB  # one block of 4 MB, and two of 2 MB at once


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_loss_counts_at_least_what_autograd_saved(attention):
    made = tiny.split(attention=attention)
    made.slots.add("sft")
    tokens = tiny.random_tokens([(20, 12)] * 6)
    state, owned = made.trunk(tokens), {weight.untyped_storage().data_ptr() for weight in made.model.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    for weight in made.slots.weights("sft"):
        weight.requires_grad_(True)
    with Live() as live, made.slots.use("sft"), torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        final = made.branch(state)
    assert final.requires_grad
    assert sum(saved.values()) <= live.now <= live.peak <= 2 * sum(saved.values())


def test_a_curve_goes_through_its_three_points():
    sizes = {(rows, tokens): 1000 + rows * (7 * tokens + 3 * tokens**2) for rows, tokens in ((2, 8), (2, 16), (4, 16))}
    curve = Curve.through(16, *sizes.values())
    assert (curve.base, curve.linear, curve.square) == pytest.approx((1000, 7, 3))
    assert curve.at(9, 100) == pytest.approx(1000 + 9 * (700 + 30000))


def needing(**work) -> Needs:
    """Two bytes a token to learn from, one to decode, half a byte of cache; spread costs twice as much."""
    sizes = {"trunk": 1.0, "reading": 0.5, "backward": 2.0, "cached": 0.5, "prefill": 0.75, "step": 1.0}
    packed = {name: Curve(base=0, linear=size, square=0) for name, size in sizes.items()}
    spread = {name: Curve(base=0, linear=2 * size, square=0) for name, size in sizes.items()}
    doing = Work(**{"prompt": 60, "response": 40, "minibatch": 16} | work)
    return Needs(work=doing, state_bytes=0, stays=10, packed=packed, spread=spread)


def test_phases_follow_the_rows_that_a_micro_batch_and_a_decoding_hold():
    need = needing(sampled=16)
    assert need.phases(800, 16) == {"decoding": 16 * 30 + 16 * 99, "reading": 800, "backward": 1600}
    assert need.phases(9999, 8) == {"decoding": 8 * 30 + 8 * 99, "reading": 800, "backward": 3200}
    assert needing(siblings=4).phases(1, 16)["backward"] == 800
    assert needing(kept_tokens=5).phases(800, 16).keys() == {"trunk", "reading", "backward"}
    assert need.total(800, 16) == 10 + (2064 + 2 * 2064 + 2 * 1600) // 2


def test_the_larger_phase_is_halved_until_both_fit():
    need = needing(sampled=16)
    assert need.fitting(1600, 64, need.total(1600, 64)) == (1600, 64)
    for room in (4000, 3000, 2500):
        micro, rows = need.fitting(1600, 64, room)
        assert need.total(micro, rows) <= room
        assert min(need.total(2 * micro, rows), need.total(micro, 2 * rows)) > room - 400
    assert need.fitting(1600, 64, 100) is None


@pytest.mark.parametrize("name", MAKERS)
def test_trying_a_stage_changes_nothing(name):
    algorithm = MAKERS[name]()
    before = [(weight.detach().clone(), weight.requires_grad) for weight in algorithm.trainable()]
    drawn = torch.get_rng_state(), algorithm.actors.generator.get_state()
    needs(algorithm, algorithm.options, Work(prompt=20, response=8, minibatch=8, siblings=2, sampled=4))
    assert torch.equal(drawn[0], torch.get_rng_state())
    assert torch.equal(drawn[1], algorithm.actors.generator.get_state())
    assert algorithm.actors.model.meter.tokens_in == 0
    for weight, (was, learned) in zip(algorithm.trainable(), before, strict=True):
        assert torch.equal(weight, was)
        assert weight.requires_grad == learned
        assert weight.grad is None


@pytest.mark.parametrize("name", MAKERS)
def test_a_try_on_short_rows_foretells_the_bytes_of_many_long_ones(name):
    algorithm = MAKERS[name]()
    actors, model = algorithm.actors, algorithm.actors.model
    work = Work(prompt=60, response=8, minibatch=24, siblings=2, sampled=12)
    need = needs(algorithm, algorithm.options.model_copy(update={"micro_batch_tokens": 96}), work)
    tokens = tiny.random_tokens([(60, 8)] * 24)
    trunk = model.trunk(tokens)
    extras = dict.fromkeys(["old_logprobs_BT", "advantages_BT", "returns_BT", "values_BT", "reference_BT"])
    extras = (
        {name: torch.zeros(tokens.ids_BT.shape) for name in extras}
        | {"states_BH": torch.zeros(24, 32)}
        | dict.fromkeys(["reference_B", "advantages_B", "point_B", "strength_B", "weight_B"], torch.zeros(24))
    )
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    with Live() as live:
        algorithm.loss(Batch(tokens=tokens, trunk=trunk, siblings=2, extras=extras), count=1.0).value.backward()
    rollouts = 12 * 76 * need.state_bytes
    assert need.phases(24 * 68, 12)["backward"] - rollouts == pytest.approx(live.peak, rel=0.1)
    prompts = tokens.ids_BT[:12, :60].tolist()
    with Live() as live, torch.no_grad():
        sample(model, actors.template, prompts, actors.sampling, torch.Generator().manual_seed(0))
    assert need.phases(24 * 68, 12)["decoding"] == pytest.approx(live.peak, rel=0.2)


def test_a_container_has_room_up_to_its_limit(tmp_path):
    assert container_room(tmp_path) > 2**60
    for version, (limit, used) in {"": ("max", "current"), "memory": ("limit_in_bytes", "usage_in_bytes")}.items():
        folder = tmp_path / version
        folder.mkdir(exist_ok=True)
        (folder / f"memory.{limit}").write_text("1000\n")
        (folder / f"memory.{used}").write_text("700\n")
        (folder / "memory.stat").write_text("anon 600\ninactive_file 50\n")
        assert container_room(tmp_path) == 350
        (folder / f"memory.{limit}").write_text("max\n")
        assert container_room(tmp_path) > 2**60


def test_rows_of_data_count_once_and_only_until_their_states_are_kept():
    algorithm = learners.sft()
    cache = algorithm.actors.cache
    pairs = [(row.prompt, row.response) for row in ROWS[:3]]
    tokens = sum(len(part) for pair in pairs for part in cache.ids(pair))
    assert cache.new_tokens([*pairs, pairs[0]]) == tokens
    cache.get(pairs[:2])
    assert cache.new_tokens(pairs) == sum(len(part) for part in cache.ids(pairs[2]))


@pytest.mark.slow
def test_the_peak_of_a_process_is_foretold_within_a_fifth():
    command = [sys.executable, "-m", "benchmarks.memory", "--workload", "tiny"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    assert 0.8 <= json.loads(done.stdout.splitlines()[-1])["ratio"] <= 1.2
