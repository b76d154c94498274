"""Stop strings: whether a response's newest token completes one.

The text that counts is the one that is handed on, without special tokens. A special token named as a stop string is an
end token for once.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

MARGIN = 4
"""Tokens decoded beyond those that a string may lie in: some decoders treat their first token differently (a space in
front goes, half a character is replaced), and tokens that do not show may stand between those that do."""


def special_ids(tokenizer: PreTrainedTokenizerBase, strings: Sequence[str]) -> list[int]:
    """Ids of the special tokens among the strings."""
    tokens = tokenizer.added_tokens_decoder
    return [number for number, token in tokens.items() if token.special and token.content in strings]


def reach(strings: Sequence[str]) -> int:
    """How many of a response's last tokens to look at: one that shows has a byte of the text or more."""
    return max(len(string.encode()) for string in strings) + MARGIN


def completes(tokenizer: PreTrainedTokenizerBase, tail: list[int], strings: Sequence[str]) -> bool:
    """Whether the text of `tail` holds one of the strings."""
    text = tokenizer.decode(tail, skip_special_tokens=True)
    return any(string in text for string in strings)
