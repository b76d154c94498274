"""Law: steps of fixed shapes, which a GPU records and replays, sample what growing steps sample."""

from functools import partial

import pytest
import tiny
import torch
from architectures import OTHERS
from sampling_case import NEAR, draws, responses
from torch.testing import assert_close
from transformers import DynamicCache

from topgraft.records import Rollouts
from topgraft.rollout import captured, decoding
from topgraft.rollout.captured import CapturedSteps, can_capture
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.kv_cache import RoomyLayer, make_cache

WINDOWS = ("gemma2", "gemma3_text", "mistral", "phi3", "gpt_oss")
"""Those that have layers with a window, of which the library keeps only as much."""
CASES = [pair for pair in tiny.LISTED_ATTENTIONS if pair[0] not in WINDOWS]
AT_ONCE = SamplingSettings(rows_at_once=6)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fixed shapes on a CPU too, where nothing is recorded; tells of every step whether it was a fixed one."""
    done: list[bool] = []

    class Watched(CapturedSteps):
        def feed(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> torch.Tensor:
            done.append(self.fixed is not None)
            return super().feed(ids_B, fed_B)

    def all_roomy(cache: DynamicCache) -> bool:
        return all(type(layer) is RoomyLayer for layer in cache.layers)

    monkeypatch.setattr(decoding, "can_capture", all_roomy)
    monkeypatch.setattr(decoding, "CapturedSteps", partial(Watched, records=False))
    return done


def same(ours: Rollouts, theirs: Rollouts) -> None:
    assert responses(ours) == responses(theirs)
    assert_close(ours.sampled_logprobs_BT, theirs.sampled_logprobs_BT, **NEAR)
    assert_close(ours.final_RH, theirs.final_RH, **NEAR)
    for mine, other in zip(tiny.rows_of(ours.trunk), tiny.rows_of(theirs.trunk), strict=True):
        assert_close(mine, other, **NEAR)


@pytest.mark.parametrize(("architecture", "attention"), [*CASES, *((name, "eager") for name in OTHERS)])
@pytest.mark.filterwarnings("ignore:Decoding is slower")
def test_the_same_tokens_states_and_log_probabilities(architecture, attention, tokenizer, request):
    growing, fixing = (tiny.split(architecture, (1, 3), attention=attention) for _ in range(2))
    for made in (growing, fixing):
        made.slots.add("sft")
        tiny.fill(made, "sft")
    expected = draws(growing, tokenizer, AT_ONCE, slot="sft", rows=10)
    done = request.getfixturevalue("fixed")
    found = draws(fixing, tokenizer, AT_ONCE, slot="sft", rows=10)
    assert 2 * sum(done) > len(done) or architecture in OTHERS, "most steps should have been fixed ones"
    same(found, expected)
    assert fixing.meter.tokens_in == growing.meter.tokens_in == found.trunk.distinct_tokens
    lengths = {len(response) for response in responses(found)}
    assert len(lengths) > 2, "rows should leave on the way"


@pytest.mark.parametrize("architecture", ["gemma2", "mistral"])
def test_windows_keep_growing_steps(architecture, tokenizer, fixed):
    draws(tiny.split(architecture), tokenizer)
    assert not fixed


def test_a_step_that_comes_out_otherwise_is_not_taken(tokenizer, fixed, monkeypatch):
    expected = draws(tiny.split(), tokenizer, AT_ONCE, rows=10)
    assert any(fixed)
    fixed.clear()
    run = captured._Fixed.run

    def wrong(step: captured._Fixed) -> None:
        run(step)
        step.final_BH = step.final_BH * 1.1

    monkeypatch.setattr(captured._Fixed, "run", wrong)
    with pytest.warns(UserWarning, match=r"a step cannot be recorded: its states differ by 0\.1"):
        found = draws(tiny.split(), tokenizer, AT_ONCE, rows=10)
    assert not any(fixed)
    same(found, expected)


def test_an_error_in_it_leaves_growing_steps(tokenizer, fixed, monkeypatch):
    expected = draws(tiny.split(), tokenizer, AT_ONCE, rows=10)

    def fails(step: captured._Fixed) -> None:
        raise ValueError("this mask has four dimensions")

    monkeypatch.setattr(captured._Fixed, "run", fails)
    with pytest.warns(UserWarning, match="cannot be recorded: this mask has four dimensions"):
        same(draws(tiny.split(), tokenizer, AT_ONCE, rows=10), expected)


def test_a_cpu_keeps_growing_steps():
    cache = make_cache(tiny.split().model.config)
    cache.update(torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 3, 8), 0)
    assert not can_capture(cache)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording a step needs a CUDA device")
@pytest.mark.parametrize(("architecture", "attention"), CASES)
def test_a_recorded_step_samples_the_same(architecture, attention, tokenizer, monkeypatch, recwarn):
    growing, recorded = (tiny.split(architecture, (1, 3), attention=attention) for _ in range(2))
    for made in (growing, recorded):
        made.model.to("cuda")
    found = draws(recorded, tokenizer, AT_ONCE, rows=10)
    monkeypatch.setattr(decoding, "can_capture", lambda cache: False)
    same(found, draws(growing, tokenizer, AT_ONCE, rows=10))
    assert not [warning for warning in recwarn if "recorded" in str(warning.message)]
