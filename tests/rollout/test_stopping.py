"""Law: a response ends with the first token at which its text holds a stop string, and its text ends before it."""

from itertools import product

import pytest
import tiny
import torch
from sampling_case import LIMIT, NEAR, draws, prompts, responses
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.testing import assert_close
from transformers import PreTrainedTokenizerFast

from topgraft.records import Rollouts
from topgraft.rollout.choosing import SamplingSettings, greedy
from topgraft.rollout.stopping import completes, reach

SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]
PIECES = ["".join(letters) for count in (1, 2, 3) for letters in product("abc\n", repeat=count)] + ["bcab", "ba ba"]
PIECES += [f"-{number}-" for number in range(tiny.VOCABULARY - tiny.FIRST - len(PIECES))]


def pieces() -> PreTrainedTokenizerFast:
    """100 ids: four special tokens, then tokens of one to five characters, many of them overlapping."""
    core = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(SPECIAL + PIECES)}, merges=[]))
    core.add_special_tokens(SPECIAL)
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def shown(ids: list[int]) -> str:
    return "".join(PIECES[number - tiny.FIRST] for number in ids if number >= tiny.FIRST)


def over(response: list[int], stops: tuple[str, ...]) -> bool:
    """Whether a response ends here: with an end token, a special token among the stop strings, or text that has one."""
    named = response[-1] < tiny.FIRST and SPECIAL[response[-1]] in stops
    return response[-1] == tiny.END or named or any(stop in shown(response) for stop in stops)


def cut(free: list[int], stops: tuple[str, ...]) -> list[int]:
    """A response up to where it ends, found by reading it from the front."""
    return next((free[:count] for count in range(1, len(free)) if over(free[:count], stops)), free)


def text_before(response: list[int], stops: tuple[str, ...]) -> str:
    text = shown(response)
    return text[: min(text.find(stop) if stop in text else len(text) for stop in stops)].strip()


def both(stops: tuple[str, ...], **options) -> tuple[list[list[int]], Rollouts]:
    """Responses without stop strings, and rollouts with them from the same random numbers."""
    made, tokenizer, settings = tiny.split(), pieces(), SamplingSettings(temperature=1.5, **options)
    free = draws(made, tokenizer, settings, end_ids=(tiny.END,), rows=10)
    made.meter.tokens_in = 0
    stopping = settings.model_copy(update={"stop": stops})
    rollouts = draws(made, tokenizer, stopping, end_ids=(tiny.END,), rows=10)
    assert made.meter.tokens_in == rollouts.trunk.distinct_tokens == int(rollouts.tokens.lengths_B.sum())
    return responses(free), rollouts


@pytest.mark.parametrize("rows_at_once", [3, 64])
@pytest.mark.parametrize(
    "stops",
    [
        ("a",),
        ("bc",),
        ("ab", "ca", "c\nb"),
        ("aa", "abcabcabcab"),
        ("\n",),
        ("<s>",),
        ("<pad>", "ab"),
        ("-", "a\n"),
    ],
    ids=str,
)
@torch.no_grad()
def test_responses_are_those_without_stop_strings_up_to_the_token_that_completes_one(stops, rows_at_once):
    free, rollouts = both(stops, rows_at_once=rows_at_once)
    expected = [cut(response, stops) for response in free]
    assert responses(rollouts) == expected
    assert expected != free, "some rows are stopped"
    assert rollouts.ended_B.tolist() == [over(response, stops) for response in expected]
    assert rollouts.texts == [text_before(response, stops) for response in expected]


@torch.no_grad()
def test_states_and_log_probabilities_of_stopped_rows_are_those_of_a_fresh_pass():
    made, settings = tiny.split(), SamplingSettings(stop=("ab", "c\n"))
    rollouts = draws(made, pieces(), settings, rows=10)
    fresh = made.trunk(rollouts.tokens)
    for kept, new in zip(tiny.rows_of(rollouts.trunk), tiny.rows_of(fresh), strict=True):
        assert_close(kept, new, **NEAR)
    found, _ = made.logprobs(made.branch(fresh), rollouts.tokens)
    assert_close(rollouts.sampled_logprobs_BT[rollouts.tokens.counted_BT], found, **NEAR)


def test_a_string_that_never_comes_changes_nothing_and_special_tokens_are_no_text():
    free, rollouts = both(("never", "abcabcabcabcabcabc", "s>", "pad"))
    assert responses(rollouts) == free
    assert any(number in row[:-1] for row in free for number in (tiny.BOS, tiny.PAD))
    assert rollouts.texts == [shown(row).strip() for row in free]
    assert rollouts.ended_B.tolist() == [row[-1] == tiny.END for row in free]


def test_a_string_in_the_first_token_leaves_one_token_and_no_text():
    made, tokenizer = tiny.split(), pieces()
    first = responses(draws(made, tokenizer, rows=1))[0][0]
    rollouts = draws(made, tokenizer, SamplingSettings(stop=(shown([first]),)), rows=1)
    assert responses(rollouts) == [[first]]
    assert rollouts.texts == [""]
    assert rollouts.ended_B.tolist() == [True]


def test_a_string_completed_at_the_very_limit_counts_as_ended():
    made, tokenizer = tiny.split(), pieces()
    free = next(row for row in responses(draws(made, tokenizer, end_ids=(tiny.END,), rows=10)) if len(row) == LIMIT)
    settings = SamplingSettings(stop=(shown(free),))
    rollouts = draws(made, tokenizer, settings, end_ids=(tiny.END,), rows=10)
    row = responses(rollouts).index(free)
    assert rollouts.ended_B[row]
    assert rollouts.texts[row] == ""


def test_a_string_of_the_prompt_does_not_stop_the_response():
    made, tokenizer = tiny.split(), pieces()
    prompt = prompts(1)[0]
    free = responses(draws(made, tokenizer, rows=1))[0]
    string = shown(prompt[-1:] + free[:1])
    assert string not in shown(free)
    assert responses(draws(made, tokenizer, SamplingSettings(stop=(string,)), rows=1)) == [free]


def test_greedy_responses_stop_too():
    made, tokenizer = tiny.split(), pieces()
    free = responses(draws(made, tokenizer, greedy(SamplingSettings()), rows=10))
    found = draws(made, tokenizer, greedy(SamplingSettings(stop=("a",))), rows=10)
    assert responses(found) == [cut(response, ("a",)) for response in free] != free


BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())


def by_byte(text: str) -> tuple[PreTrainedTokenizerFast, list[int]]:
    """A tokenizer with one token per byte, and the ids of a text."""
    core = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(BYTES)}, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=core)
    return made, made(text).input_ids


@pytest.mark.parametrize("stops", [("né!",), ("é",), ("日本",), ("never", "本語"), ("語日本語 né",)], ids=str)
def test_characters_of_several_bytes_are_seen_when_their_last_byte_comes(stops: tuple[str, ...]):
    text = "日日本語日本語 né! né"
    tokenizer, ids = by_byte(text)
    end = min(len(text[: text.find(stop)] + stop) for stop in stops if stop in text)
    bytes_needed = len(text[:end].encode())
    seen = [completes(tokenizer, ids[max(0, n - reach(stops)) : n], stops) for n in range(1, bytes_needed + 1)]
    assert seen == [False] * (bytes_needed - 1) + [True]


def test_a_string_is_found_in_the_tail_of_a_decoder_that_drops_the_first_space():
    vocabulary = {token: number for number, token in enumerate(["<unk>", "▁", "a", "b", "x"])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    core.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")
    stops, ids = (" ab",), [4] * 12 + [1, 2, 3]
    assert not completes(tokenizer, ids[-3:], stops), "alone, the three tokens have no space"
    assert completes(tokenizer, ids[-reach(stops) :], stops)
    assert not completes(tokenizer, ids[:-1][-reach(stops) :], stops)
