"""The automata of a constraint side by side, reading tokens instead of letters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from topgraft.evaluate.constrained.automata import DEAD, LETTERS, Table


@dataclass(frozen=True)
class Product:
    """All automata at once. `kinds` [V]: tokens of one kind move every state alike. `next` [states, kinds] are state
    numbers, DEAD where one automaton is dead or the token's text is not known; state 0 is the start; `accepts`
    [states]: all of them accept."""

    kinds: np.ndarray
    next: np.ndarray
    accepts: np.ndarray


def texts_of(tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> list[str | None]:
    """What each token adds to a text; None for special tokens, and where it holds other than printable ASCII (parts of
    a letter too), or nothing."""
    anchor = tokenizer("a", add_special_tokens=False).input_ids[-1]
    before = tokenizer.decode([anchor])
    special = set(tokenizer.all_special_ids)
    found: list[str | None] = []
    for token in range(vocabulary):
        # Behind another token, since some tokenizers drop the space at the beginning of a text.
        text = "" if token in special or token >= len(tokenizer) else tokenizer.decode([anchor, token])
        added = text[len(before) :] if text.startswith(before) else ""
        found.append(added if added and all(letter in LETTERS for letter in added) else None)
    return found


def over_tokens(table: Table, texts: Sequence[str | None]) -> np.ndarray:
    """The state of one automaton [states, V] after each token, from each state."""
    longest = max((len(text) for text in texts if text is not None), default=0)
    place = {letter: number for number, letter in enumerate(LETTERS)}
    letters_VL = np.full((len(texts), longest), -1)
    for token, text in enumerate(texts):
        if text is not None:
            letters_VL[token, : len(text)] = [place[letter] for letter in text]
    known_V = np.array([text is not None for text in texts])
    now = np.where(known_V, np.arange(len(table.next))[:, None], DEAD)
    for letter_V in letters_VL.T:
        moves = (letter_V >= 0) & (now != DEAD)
        now = np.where(moves, table.next[now, letter_V], now)
    return now


def product(tables: Sequence[Table], texts: Sequence[str | None]) -> Product:
    """The states of all automata together that tokens can reach from the start."""
    every = [over_tokens(table, texts) for table in tables]
    sizes = [len(part) for part in every]
    columns, kinds = np.unique(np.concatenate(every), axis=1, return_inverse=True)
    parts = np.split(columns, np.cumsum(sizes)[:-1])
    numbers, found, rows = {(0,) * len(parts): 0}, [(0,) * len(parts)], []
    for state in found:  # grows while it is read
        after = np.stack([part[own] for part, own in zip(parts, state, strict=True)])
        alive_K = (after != DEAD).all(0)
        codes, places = np.unique(np.ravel_multi_index(tuple(after[:, alive_K]), sizes), return_inverse=True)
        reached = []
        for code in codes:
            key = tuple(int(own) for own in np.unravel_index(code, sizes))
            if key not in numbers:
                numbers[key] = len(found)
                found.append(key)
            reached.append(numbers[key])
        row = np.full(len(alive_K), DEAD)
        row[alive_K] = np.array(reached, dtype=int)[places]
        rows.append(row)
    accepts = [all(table.accepts[own] for table, own in zip(tables, state, strict=True)) for state in found]
    return Product(kinds.reshape(-1), np.stack(rows), np.array(accepts))
