"""Law: steps of fixed shapes, which a GPU records and replays, sample what growing steps sample."""

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
KEEP_LESS = ("starcoder2", "cohere2", "gemma4_text", "lfm2", "qwen3_5_text")
"""Those among the others that have windows, or layers that keep no keys and values."""
GROWING = ("bloom",)
"""Those that make more of a mask than attention does."""
AT_ONCE = SamplingSettings(rows_at_once=6)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fixed shapes on a CPU too, done where they would be recorded; tells of every step whether it was a fixed one."""
    done: list[bool] = []

    class Watched(CapturedSteps):
        def feed(self, ids_B: torch.Tensor, fed_B: torch.Tensor) -> torch.Tensor:
            done.append(self.fixed is not None)
            return super().feed(ids_B, fed_B)

    def all_roomy(cache: DynamicCache) -> bool:
        return all(type(layer) is RoomyLayer for layer in cache.layers)

    monkeypatch.setattr(decoding, "can_capture", all_roomy)
    monkeypatch.setattr(decoding, "CapturedSteps", Watched)
    monkeypatch.setattr(captured._Fixed, "record", captured._Fixed.run)
    monkeypatch.setattr(captured, "WORTH_RECORDING", 1)
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
    if architecture in KEEP_LESS:
        assert not done
    else:
        assert any(done) == (architecture not in GROWING)
    same(found, expected)
    assert fixing.meter.tokens_in == growing.meter.tokens_in == found.trunk.distinct_tokens
    lengths = {len(response) for response in responses(found)}
    assert len(lengths) > 2, "rows should leave on the way"


@pytest.mark.parametrize("architecture", ["gemma2", "mistral"])
def test_windows_keep_growing_steps(architecture, tokenizer, fixed):
    draws(tiny.split(architecture), tokenizer)
    assert not fixed


@pytest.mark.parametrize("ends", ["differs", "raises", "raises without a word"])
def test_a_step_that_goes_wrong_leaves_nothing_behind(ends, tokenizer, fixed, monkeypatch):
    """It has written keys and values of every layer by then."""
    expected = draws(tiny.split(), tokenizer, AT_ONCE, rows=10)
    assert any(fixed)
    fixed.clear()
    run = captured._Fixed.run

    def wrong(step: captured._Fixed) -> None:
        step.mask_B11C.zero_()
        step.positions_B1.add_(3)
        run(step)
        if ends != "differs":
            raise ValueError(*["\nthis mask has four dimensions"][: ends == "raises"])

    monkeypatch.setattr(captured._Fixed, "record", wrong)
    said = {"differs": "its states differ by", "raises": "ValueError: ", "raises without a word": "ValueError: "}[ends]
    with pytest.warns(UserWarning, match=f"a step cannot be recorded: {said}") as warned:
        found = draws(tiny.split(), tokenizer, AT_ONCE, rows=10)
    assert not any(fixed)
    assert len(warned) == 1, "once for a model, not for every part of a rollout"
    same(found, expected)


def test_a_cpu_keeps_growing_steps():
    cache = make_cache(tiny.split().model.config)
    cache.update(torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 3, 8), 0)
    assert not can_capture(cache)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording a step needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("architecture", "attention"), CASES)
def test_a_recorded_step_samples_the_same(architecture, attention, dtype, tokenizer, monkeypatch):
    growing, recorded = (tiny.split(architecture, (1, 3), attention=attention) for _ in range(2))
    for made in (growing, recorded):
        made.slots.add("sft")
        tiny.fill(made, "sft")
        made.model.to("cuda", dtype)
    done = []
    record = captured._Fixed.record
    monkeypatch.setattr(captured._Fixed, "record", lambda step: done.append(record(step)))
    found = draws(recorded, tokenizer, AT_ONCE, slot="sft", rows=10, limit=40)
    assert done
    assert recorded.records_steps
    monkeypatch.setattr(decoding, "can_capture", lambda cache: False)
    expected = draws(growing, tokenizer, AT_ONCE, slot="sft", rows=10, limit=40)
    if dtype == torch.float32:
        same(found, expected)
    assert recorded.meter.tokens_in == found.trunk.distinct_tokens
