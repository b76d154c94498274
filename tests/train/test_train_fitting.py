"""A stage on a CPU takes smaller micro-batches where memory is short, and `check` names settings that fit."""

import io

import learners
import pytest
import torch
from learners import PAIRS, ROWS
from places import do, open_place, short_rows, steps, wide
from rich.console import Console

from topgraft.train.fitting import lowered, work_of
from topgraft.train.forecast import forecast
from topgraft.train.memory import needs
from topgraft.train.progress import Screen
from topgraft.train.stages import learner


def loud() -> tuple[Screen, io.StringIO]:
    text = io.StringIO()
    return Screen(Console(file=text, width=200)), text


@pytest.mark.parametrize("name", ["sft", "reward_model", "dpo", "orpo", "kto", "ppo", "grpo", "rloo"])
def test_the_work_of_a_stage_is_what_its_rows_and_settings_ask_for(name):
    algorithm = getattr(learners, name)(batch_size=4)
    actors, rows = algorithm.actors, PAIRS if name in ("reward_model", "dpo", "orpo", "kto") else ROWS
    work = work_of(actors, algorithm.options, algorithm.minibatch_size, rows[:7], rows[7:])
    assert work.prompt == max(len(actors.template.encode_prompt(row.prompt)) for row in rows)
    expected = {"sft": (4, 1, 0), "ppo": (7, 1, 4), "grpo": (28, 4, 16), "rloo": (28, 4, 16)}
    assert (work.minibatch, work.siblings, work.sampled) == expected.get(name, (8, 2, 0))
    assert work.response == 8
    assert (work.kept_tokens > 0) == (work.sampled == 0)


def test_micro_batches_are_lowered_until_the_stage_fits_and_a_line_says_so():
    algorithm = learners.ppo(batch_size=8, minibatch_size=8)
    settings = algorithm.options
    tried = needs(algorithm, settings, work_of(algorithm.actors, settings, 8, ROWS, []))
    (screen, said), whole = loud(), tried.total(2048, 64)
    kept = lowered(algorithm, settings, ROWS, [], free=2 * whole, screen=screen)
    assert (kept, said.getvalue()) == (settings, "")
    smaller = lowered(algorithm, settings, ROWS, [], free=round(0.8 * whole), screen=screen)
    assert tried.total(smaller.micro_batch_tokens, 64) <= 0.8 * whole < tried.total(2 * smaller.micro_batch_tokens, 64)
    assert f"lowered from 2048 to {smaller.micro_batch_tokens}" in said.getvalue()
    assert "may run out" not in said.getvalue()


def test_a_stage_that_cannot_fit_says_so_and_keeps_its_settings():
    algorithm, (screen, said) = learners.sft(), loud()
    assert lowered(algorithm, algorithm.options, ROWS, [], free=1000, screen=screen) == algorithm.options
    assert "memory may run out" in said.getvalue()


def sft_place(folder, model_folder):
    """A recipe of one stage on short rows."""
    data = {
        "source": str(short_rows(folder.parent / "rows.jsonl")),
        "max_prompt_tokens": 64,
        "max_response_tokens": 16,
    }
    return open_place(folder, model_folder, data=data, stages=["sft"], sft={"epochs": 2})


def test_a_run_on_short_memory_lowers_its_micro_batches_and_learns_the_same(tmp_path, model_folder, monkeypatch):
    place = sft_place(tmp_path / "tried", model_folder)
    (algorithm, settings), splits = learner(place, steps(place)["sft"]), place.splits
    work = work_of(algorithm.actors, settings, settings.batch_size, splits.train, splits.validation)
    short = round(0.9 * needs(algorithm, settings, work).total(2048, 64))
    made = []
    for free in (2**40, short):  # a process cannot be given less memory than it has taken, so the figure is
        monkeypatch.setattr("topgraft.train.execution.free_bytes", lambda free=free: free)
        place = sft_place(tmp_path / str(free), model_folder)
        place.screen, said = loud()
        do(place)
        made.append((said.getvalue(), [weight.clone() for weight in place.model.slots.weights("sft")]))
    (plain, weights), (told, same) = made
    assert "lowered" not in plain
    assert "micro_batch_tokens is lowered from 2048" in told
    for ours, theirs in zip(same, weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_check_names_settings_that_fit(tmp_path, model_folder):
    data = {"source": str(short_rows(tmp_path / "rows.jsonl"))}
    model = wide(model_folder, tmp_path)

    def lines(free: int) -> list[str]:
        stages = ["sft", "pairs", "reward", "reward-check", "dpo", "ppo", "grpo"]
        place = open_place(tmp_path / str(free), model, data=data, stages=stages)
        return forecast(place, list(steps(place).values()), free=free)

    (plenty,) = lines(2**40)
    assert "at its peak, in stage" in plenty
    assert "can be had" in plenty
    first, second = lines(20_000_000)
    assert first.startswith("memory ")
    assert "these fit: " in second
    named = dict(word.split("=") for word in second.partition("these fit: ")[2].split(", "))
    assert {"grpo.micro_batch_tokens", "sampling.rows_at_once"} <= named.keys()
    assert int(named["grpo.micro_batch_tokens"]) < 2048
    assert int(named["sampling.rows_at_once"]) < 64
    assert any("stage grpo does not fit at all" in line for line in lines(1024))
