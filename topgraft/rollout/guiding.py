"""What steers decoding from outside: a chance for every next token, by which its probability is multiplied."""

from typing import Protocol

import torch


class Guided(Protocol):
    """Rows that are being decoded, numbered from 0."""

    def log_chances(self, rows_B: torch.Tensor, left: int) -> torch.Tensor:
        """The logarithm of each next token's chance [B, V] in the rows of these numbers, of any device; -inf forbids a
        token. `left` tokens may still come, the next one included."""

    def follow(self, rows_B: torch.Tensor, ids_B: torch.Tensor) -> None:
        """Take note that these tokens were chosen in these rows."""


class Guide(Protocol):
    """Made once, for many rows."""

    def begin(self, rows: int) -> Guided:
        """So many rows, at their first token."""
