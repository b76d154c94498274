"""Dataset rows by their token ids, and the keys under which their trunk states are kept."""

import hashlib
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from topgraft.data.batching import sibling_buckets
from topgraft.data.template import Template
from topgraft.rollout.segments import KEY_BYTES

Pair = tuple[str, str | tuple[int, ...]]
"""A prompt and its response: a text, or the ids that were sampled."""


class Row(NamedTuple):
    """Token ids of a prompt and its response, and the keys of their states."""

    prompt: list[int]
    response: list[int]
    prompt_key: bytes
    response_key: bytes


class Rows:
    """The row of every pair that was asked for; each is tokenized once."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self._rows: dict[Pair, Row] = {}

    def __getitem__(self, pair: Pair) -> Row:
        if pair not in self._rows:
            prompt, response = pair
            ids = list(response) if isinstance(response, tuple) else self.template.encode_response(response)
            asked = self.template.encode_prompt(prompt)
            self._rows[pair] = Row(asked, ids, _key(asked), _key(asked, ids))
        return self._rows[pair]

    def distinct(self, pairs: Sequence[Pair]) -> list[Row]:
        """Those of `pairs`, each once."""
        return list({row.response_key: row for row in map(self.__getitem__, pairs)}.values())


def buckets_of(rows: Sequence[Row], tokens_at_once: int) -> list[list[Row]]:
    """Batches for the trunk that depend on the rows alone, those with one prompt side by side."""
    number = prompt_numbers(rows)
    owners = [number[row.prompt_key] for row in rows]
    prompts = {owner: len(row.prompt) for owner, row in zip(owners, rows, strict=True)}
    lengths = [prompts[owner] for owner in range(len(prompts))], [len(row.response) for row in rows]
    return [[rows[place] for place in bucket] for bucket in sibling_buckets(owners, *lengths, tokens_at_once)]


def prompt_numbers(rows: Sequence[Row]) -> dict[bytes, int]:
    """A number for each prompt, by its key, in the order in which they come."""
    return {key: place for place, key in enumerate(dict.fromkeys(row.prompt_key for row in rows))}


def keys_of(rows: Sequence[Row]) -> dict[bytes, int]:
    """The keys of all their prompts and responses, each once, and how many tokens they have."""
    return {
        key: len(ids) for row in rows for key, ids in ((row.prompt_key, row.prompt), (row.response_key, row.response))
    }


def _key(*parts: Sequence[int]) -> bytes:
    """A key made from token ids; the same ids cut into other parts have another."""
    state = hashlib.blake2b(digest_size=KEY_BYTES)
    for ids in parts:
        state.update(len(ids).to_bytes(8, "little") + array("q", ids).tobytes())
    return state.digest()
