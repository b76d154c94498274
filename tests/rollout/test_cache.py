"""Law: a cached trunk state is the state of a fresh pass, and the trunk ran once for each distinct row.

Whether it was kept in memory, in a file of this run or in one of an earlier run, and whatever became of that file.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.model.split_model import SplitModel
from topgraft.rollout.cache import CacheSettings, TrunkCache
from topgraft.rollout.cache_folder import fingerprint

PAIRS = [("one", "uno"), ("two plus two", "four"), ("x", "a longer answer")]
MANY = [(f"question {number}", "answer " + "!" * (number % 5)) for number in range(24)]


def cached(folder: Path, made: SplitModel | None = None, **settings: float) -> tuple[TrunkCache, list[str]]:
    """A cache of a model built anew, as a later run builds it, and the lines that it says."""
    made, lines = made or tiny.split(), []
    template = tiny.actors(made, tiny.characters(), response=20).template
    return TrunkCache(made, template, CacheSettings(folder=str(folder), **settings), lines.append), lines


def rows(cache: TrunkCache, pairs: list) -> list[torch.Tensor]:
    return tiny.rows_of(cache.get(pairs)[1])


def fresh(pairs: list) -> list[torch.Tensor]:
    made = tiny.split()
    return tiny.rows_of(made.trunk(tiny.actors(made, tiny.characters(), response=20).template.tokens(pairs, tiny.CPU)))


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()] if folder.exists() else []


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_cached_states_equal_a_fresh_pass(architecture, tokenizer):
    made = tiny.split(architecture)
    cache = tiny.actors(made, tokenizer, response=20).cache
    cache.get(PAIRS[:1])
    tokens, state = cache.get([PAIRS[2], PAIRS[0], PAIRS[1]])
    fresh = made.trunk(tokens)
    for kept, new in zip(tiny.rows_of(state), tiny.rows_of(fresh), strict=True):
        assert_close(kept, new, atol=1e-5, rtol=1e-5)


def test_the_trunk_runs_once_for_each_row_whatever_the_number_of_epochs(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    first_tokens, first = cache.get(PAIRS)
    for order in ([0, 1, 2], [2, 1], [1]):
        cache.get([PAIRS[place] for place in order])
    tokens, again = cache.get(PAIRS)
    assert all(map(torch.equal, tiny.rows_of(again), tiny.rows_of(first)))
    assert torch.equal(tokens.ids_BT, first_tokens.ids_BT)
    assert made.meter.tokens_in == cache.distinct_tokens == int(tokens.lengths_B.sum())


def test_a_row_asked_for_twice_at_once_passes_the_trunk_once(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    tokens, state = cache.get([PAIRS[0], PAIRS[1], PAIRS[0]])
    assert made.meter.tokens_in == cache.distinct_tokens == int(tokens.lengths_B[:2].sum())
    rows = tiny.rows_of(state)
    assert torch.equal(rows[0], rows[2])


def test_the_same_response_to_another_prompt_is_another_row(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    _, state = cache.get([("one", "uno"), ("two", "uno")])
    first, second = tiny.rows_of(state)
    assert not torch.equal(first, second)


def test_a_text_and_its_tokens_are_one_row_and_prompts_are_shared_whenever_they_come(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    tokens, state = cache.get([("one", "uno")])
    entered = made.meter.tokens_in
    ids = tuple(tokens.ids_BT[tokens.counted_BT].tolist())
    _, again = cache.get([("one", ids)])
    assert made.meter.tokens_in == entered
    assert again.responses[0] is state.responses[0]
    _, both = cache.get([("one", "dos"), ("one", "uno")])
    assert both.owners == (0, 0)
    assert both.prompts[0] is state.prompts[0]
    cache.get([("two", "dos"), ("two", "due")])
    assert made.meter.tokens_in == cache.distinct_tokens


def test_the_same_tokens_cut_into_prompt_and_response_elsewhere_are_another_row(tokenizer):
    made = tiny.split()
    cache = tiny.actors(made, tokenizer).cache
    rest = tuple(tokenizer("b:c", add_special_tokens=False).input_ids)
    pairs = [("a", rest), ("a:b", rest[2:])]  # the template puts a colon behind the prompt
    tokens, state = cache.get(pairs)
    assert torch.equal(*tokens.ids_BT)
    assert [len(response) for response in state.responses] == [3, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_later_run_reads_the_very_states_and_runs_no_trunk(tmp_path, dtype):
    def model() -> SplitModel:
        return SplitModel(tiny.model("llama").to(dtype), [2, 3], tiny.LORA)

    first, _ = cached(tmp_path, model())
    before = [*rows(first, PAIRS[:2]), *rows(first, PAIRS[2:])]
    assert sizes(tmp_path) == [], "a batch is not worth a file"
    first.flush()
    assert len(sizes(tmp_path)) == 1
    later, lines = cached(tmp_path, model())
    after = rows(later, PAIRS)
    assert after[0].dtype == dtype
    assert all(map(torch.equal, after, before))
    assert later.model.meter.tokens_in == later.distinct_tokens == 0
    later.flush()
    assert len(sizes(tmp_path)) == 1
    assert lines == []


def test_a_row_that_an_earlier_run_did_not_have_is_added(tmp_path):
    first, _ = cached(tmp_path)
    rows(first, PAIRS[:1])
    first.flush()
    later, _ = cached(tmp_path)
    tokens, state = later.get(PAIRS)
    assert later.model.meter.tokens_in == later.distinct_tokens == int(tokens.lengths_B[1:].sum())
    for kept, new in zip(tiny.rows_of(state), fresh(PAIRS), strict=True):
        assert_close(kept, new, atol=1e-5, rtol=1e-5)
    later.flush()
    last, _ = cached(tmp_path)
    assert all(map(torch.equal, rows(last, PAIRS), tiny.rows_of(state)))
    assert last.model.meter.tokens_in == 0


def test_a_prompt_of_several_rows_is_stored_once(tmp_path):
    cache, _ = cached(tmp_path)
    for answer in ("yes", "no", "perhaps"):
        tokens, _ = cache.get([("one question for all", answer)])
    cache.flush()
    hidden = 4 * 32 * (len("one question for all:") + len("yesnoperhaps") + 3)  # and three ends
    assert int(tokens.real_BT.sum()) == len("one question for all:") + len("perhaps") + 1
    assert hidden < sizes(tmp_path)[0] < hidden + 600


def rotated() -> SplitModel:
    """The same weights with other rotary frequencies, as models are stretched to longer contexts."""
    base = tiny.model("llama")
    base.config.rope_parameters = {"rope_type": "default", "rope_theta": 50.0}
    base.model.rotary_emb = type(base.model.rotary_emb)(base.config)
    return SplitModel(base, [2, 3], tiny.LORA)


OTHERS: dict[str, Callable[[], SplitModel]] = {
    "weights": lambda: tiny.split(seed=1),
    "split": lambda: tiny.split(layers=(3,)),
    "precision": lambda: SplitModel(tiny.model("llama").bfloat16(), [2, 3], tiny.LORA),
    "attention": lambda: tiny.split(attention="sdpa"),
    "configuration": rotated,
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_trunk_never_gets_the_states(tmp_path, what):
    first, _ = cached(tmp_path)
    tokens, _ = first.get(PAIRS)
    first.flush()
    other, lines = cached(tmp_path, OTHERS[what]())
    assert (other.model.base_digest == first.model.base_digest) == (what not in ("weights", "precision"))
    states = rows(other, PAIRS)
    assert other.model.meter.tokens_in == int(tokens.lengths_B.sum())
    assert_close(states, tiny.rows_of(other.model.trunk(tokens)), atol=1e-5, rtol=1e-5)
    other.flush()
    assert lines == []
    for made in (tiny.split(), OTHERS[what]()):
        again, _ = cached(tmp_path, made)
        rows(again, PAIRS)
        assert made.meter.tokens_in == 0


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def swap(path: Path) -> None:
    """Another trunk's states under this one's name."""
    other = path.parent / "other"
    cache, _ = cached(other, tiny.split(seed=1))
    rows(cache, PAIRS)
    cache.flush()
    next(other.iterdir()).replace(path)
    other.rmdir()


HARMS: dict[str, Callable[[Path], None]] = {
    "a byte of the states": lambda path: flip(path, path.stat().st_size // 2),
    "a byte of the index": lambda path: flip(path, path.stat().st_size - 3),
    "a byte of the header": lambda path: flip(path, 20),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "no such format": lambda path: path.write_bytes(b"notes of mine " * 100),
    "of another trunk": swap,
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_or_foreign_file_is_told_of_and_made_again(tmp_path, harm):
    first, _ = cached(tmp_path)
    rows(first, PAIRS)
    first.flush()
    [path] = tmp_path.iterdir()
    HARMS[harm](path)
    later, lines = cached(tmp_path)
    after = rows(later, PAIRS)
    for kept, new in zip(after, fresh(PAIRS), strict=True):
        assert_close(kept, new, atol=1e-5, rtol=1e-5)
    assert later.model.meter.tokens_in == later.distinct_tokens > 0
    assert len(lines) == 1
    assert lines[0].startswith(f"  cache: {path.name} ")
    assert lines[0].endswith("; deleted, its rows pass the trunk again")
    assert not path.exists()
    later.flush()
    last, more = cached(tmp_path)
    assert all(map(torch.equal, rows(last, PAIRS), after))
    assert last.model.meter.tokens_in == len(more) == 0


def test_what_memory_cannot_hold_is_read_from_the_file(tmp_path):
    cache, lines = cached(tmp_path, memory_gb=20_000 / 1e9)
    tokens, _ = cache.get(MANY)
    assert cache.bytes_waiting == cache.distinct_tokens * 4 * 32 > 20_000
    cache.flush()
    draw = random.Random(0)
    for _ in range(5):
        epoch = draw.sample(MANY, len(MANY))
        for start in range(0, len(epoch), 4):
            part = epoch[start : start + 4]
            for kept, new in zip(rows(cache, part), fresh(part), strict=True):
                assert_close(kept, new, atol=1e-5, rtol=1e-5)
            assert 19_000 < cache.bytes_held <= 20_000
    held = {**cache._held, **cache._older}
    assert sum(piece.nbytes for piece in held.values()) == cache.bytes_held
    assert cache.bytes_waiting == 0
    assert cache.model.meter.tokens_in == cache.distinct_tokens == int(tokens.lengths_B.sum())
    assert lines == []


def test_without_files_what_memory_cannot_hold_passes_again_and_that_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache, lines = cached(tmp_path / "folder", memory_gb=20_000 / 1e9, disk_gb=0)
    distinct = sum(len(row) for row in fresh(MANY))
    for epoch in range(3):
        for start in range(0, len(MANY), 4):
            part = MANY[start : start + 4]
            for kept, new in zip(rows(cache, part), fresh(part), strict=True):
                assert_close(kept, new, atol=1e-5, rtol=1e-5)
            assert cache.bytes_held <= 20_000
        over = 4 * 32 * distinct - 20_000
        entered = cache.model.meter.tokens_in - distinct
        assert epoch * over <= 4 * 32 * entered <= epoch * (over + 4 * 32 * 60), "what was held did not pass again"
    assert cache.distinct_tokens == distinct
    cache.flush()
    assert len(lines) == 1
    assert "cache.memory_gb = 2e-05" in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_passes_again_in_another_stage_counts_again(tmp_path):
    cache, _ = cached(tmp_path, memory_gb=0, disk_gb=0)
    for stage in (1, 2):
        for epoch in (1, 2):
            rows(cache, PAIRS)
            distinct = sum(len(row) for row in fresh(PAIRS))
            assert cache.distinct_tokens == stage * distinct
            assert cache.model.meter.tokens_in == (2 * stage - 2 + epoch) * distinct
        cache.flush()


def test_a_stage_takes_the_room_of_rows_that_it_does_not_ask_for(tmp_path):
    size = 4 * 32 * sum(len(row) for row in fresh(MANY[:8]))
    cache, _ = cached(tmp_path, memory_gb=size / 1e9, disk_gb=0)
    rows(cache, MANY[:8])
    rows(cache, MANY[8:12])
    before = cache.model.meter.tokens_in
    rows(cache, MANY[:8])
    assert cache.model.meter.tokens_in == before, "within a stage the first rows stay"
    cache.flush()
    rows(cache, MANY[:4])
    assert cache.model.meter.tokens_in == before
    rows(cache, MANY[8:11])
    before = cache.model.meter.tokens_in
    rows(cache, MANY[:4] + MANY[8:11])
    assert cache.model.meter.tokens_in == before, "the rows that no one asked for gave way"
    rows(cache, MANY[4:5])
    assert cache.model.meter.tokens_in > before


def test_a_full_disk_budget_is_kept_and_the_rest_passes_again(tmp_path):
    limit = 60_000
    cache, lines = cached(tmp_path, memory_gb=0, disk_gb=limit / 1e9)
    for part in (MANY[:8], MANY[8:16], MANY[16:]):
        rows(cache, part)
        cache.flush()
        assert 0 < sum(sizes(tmp_path)) <= limit
    assert len(lines) == 2
    assert "cache.disk_gb = 6e-05 is full" in lines[0]
    assert "cache.memory_gb = 0 and the files" in lines[1]
    rows(cache, MANY)
    assert cache.bytes_waiting == 0, "nothing waits for files that take no more"
    entered = cache.model.meter.tokens_in
    for kept, new in zip(rows(cache, MANY), fresh(MANY), strict=True):
        assert_close(kept, new, atol=1e-5, rtol=1e-5)
    again = cache.model.meter.tokens_in - entered
    assert 0 < again < entered / 2, "what is in the files does not pass again"
    assert len(lines) == 2


def test_a_large_stage_writes_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr("topgraft.rollout.cache.SEGMENT_BYTES", 10_000)
    cache, _ = cached(tmp_path)
    for pair in MANY:
        cache.get([pair])
        assert cache.bytes_waiting < 10_000
    assert len(sizes(tmp_path)) >= 5


def test_states_are_not_worth_a_file_where_no_block_made_them(tmp_path):
    cache, _ = cached(tmp_path, SplitModel(tiny.model("llama"), [0, 1, 2, 3], tiny.LORA))
    first = rows(cache, PAIRS)
    cache.flush()
    assert sizes(tmp_path) == []
    assert all(map(torch.equal, rows(cache, PAIRS), first))


@pytest.mark.parametrize(("given", "expected"), [("/some/where", "/some/where"), ("", "~/.cache"), ("no", "~/.cache")])
def test_files_lie_in_the_users_cache_folder(monkeypatch, given, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    made = tiny.split()
    cache = TrunkCache(made, tiny.actors(made, tiny.characters()).template, CacheSettings())
    assert cache.files.folder == Path(expected).expanduser() / "topgraft" / "trunk"
    assert cache.describe() == f"trunk states: 2 GB in memory, 20 GB in {cache.files.folder}"


def test_the_name_that_a_model_was_loaded_by_does_not_matter():
    one, two = tiny.split(), tiny.split()
    two.model.config._name_or_path = "elsewhere/the-same"
    assert fingerprint(one) == fingerprint(two)
