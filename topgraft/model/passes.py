"""Run a part of the model (trunk or branch) over rows, and a prompt that rows share only once.

First the prompts pass, padded on the left, and leave their keys and values; then what follows them, padded on the
right, reads the keys and values of its prompt. Real tokens stay next to one another, as a sliding window needs it.
A part that nobody reads at the prompts stops in its last block, as soon as that has handed over its keys and values.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import Cache

from topgraft.model.split import FULL, Parts, narrow_windows, positions


def shared_pass(
    part: Callable[..., Any],
    prompts: Sequence[torch.Tensor],
    owners: Sequence[int],
    rests: Sequence[torch.Tensor],
    *,
    stop_at: int | None = None,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """States at every prompt ([P, H] each) and, right-padded, at what follows: [B, L, H].

    Row b is `prompts[owners[b]]` and then `rests[b]`, each token ids [T] or hidden states [T, H]. With `stop_at`, the
    number of the part's last block, there are no states at the prompts: the list is empty.
    """
    lengths = [len(prompt) for prompt in prompts]
    owners_B = torch.tensor(owners, device=prompts[0].device)
    cache = _Shared(owners_B, stop_at)
    at_prompts: list[torch.Tensor] = []
    prompt_real = real(lengths, prompts[0].device, left=True)
    if max(lengths):
        padded = _pad(prompts, left=True)
        try:
            hidden_GPH = part(
                **_fed(padded),
                attention_mask=prompt_real.long(),
                position_ids=positions(prompt_real),
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
            at_prompts = [row[row.shape[0] - length :] for row, length in zip(hidden_GPH, lengths, strict=True)]
        except _Enough:
            pass
    cache.answering = True
    rest_real = real([len(rest) for rest in rests], prompts[0].device)
    real_BT = torch.cat([prompt_real[owners_B], rest_real], dim=1)
    if rest_real.shape[1] == 0:
        return at_prompts, at_prompts[0].new_zeros(len(rests), 0, at_prompts[0].shape[1])
    hidden_BLH = part(
        **_fed(_pad(rests)),
        attention_mask=real_BT.long(),
        position_ids=positions(real_BT)[:, prompt_real.shape[1] :],
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return at_prompts, hidden_BLH


def whole_pass(
    part: Callable[..., Any], prompts: Sequence[torch.Tensor], owners: Sequence[int], rests: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The same states with every row passing whole: no keys and values change hands."""
    rows = [torch.cat([prompts[owner], rest]) for owner, rest in zip(owners, rests, strict=True)]
    real_BT = real([len(row) for row in rows], rows[0].device)
    hidden_BTH = part(
        **_fed(_pad(rows)), attention_mask=real_BT.long(), position_ids=positions(real_BT), use_cache=False
    ).last_hidden_state
    starts = [len(prompts[owner]) for owner in owners]
    seen = {owner: hidden_BTH[row, : starts[row]] for row, owner in enumerate(owners)}
    width = max(len(rest) for rest in rests)
    places_BL = torch.tensor(starts)[:, None] + torch.arange(width)
    places_BL = places_BL.clamp(max=hidden_BTH.shape[1] - 1).to(hidden_BTH.device)
    hidden_BLH = hidden_BTH.gather(1, places_BL[:, :, None].expand(-1, -1, hidden_BTH.shape[2]))
    return [seen[owner] for owner in range(len(prompts))], hidden_BLH


@torch.no_grad()
def sharing_holds(parts: Parts, *, vocabulary: int) -> bool:
    """Whether shared prompts give the states that whole rows give (within 1e-4, fp32; 5e-2 in half precision).

    Where they do not, e.g. because an architecture makes a cache of its own kind, rows pass whole: slower, and right.
    """
    weight = next(parts.decoder.parameters())
    generator = torch.Generator().manual_seed(0)
    draw = (torch.randint(0, vocabulary, (length,), generator=generator) for length in (6, 3, 4, 2, 0, 5))
    first, second, *rests = (ids.to(weight.device) for ids in draw)
    prompts, owners = [first, second], [0, 0, 1, 1]
    limit = 1e-4 if weight.dtype in FULL else 5e-2
    try:
        with narrow_windows(parts):
            at_prompts, at_rests = shared_pass(parts.trunk, prompts, owners, rests)
            whole_prompts, whole_rests = whole_pass(parts.trunk, prompts, owners, rests)
            pieces = [*zip(at_prompts, whole_prompts, strict=True), *_rows(at_rests, whole_rests, rests)]
            states = [row[: len(rest)] for row, rest in zip(whole_rests, rests, strict=True)]
            last = len(parts.blocks) - 1
            final = shared_pass(parts.branch, whole_prompts, owners, states, stop_at=last)[1]
            pieces += _rows(final, whole_pass(parts.branch, whole_prompts, owners, states)[1], rests)
    except Exception:  # of whatever kind: the cache is not one that this architecture knows
        return False
    return all(
        bool((ours - theirs).abs().max() <= limit * max(1.0, float(theirs.abs().max())))
        for ours, theirs in pieces
        if len(ours)
    )


def _rows(
    ours: torch.Tensor, theirs: torch.Tensor, rests: Sequence[torch.Tensor]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Both sides of every row, without its padding."""
    return [(a[: len(rest)], b[: len(rest)]) for a, b, rest in zip(ours, theirs, rests, strict=True)]


def real(lengths: Sequence[int], device: torch.device, *, left: bool = False) -> torch.Tensor:
    """True [B, T] at the tokens of rows of these lengths, which padding fills up on the right (or the left)."""
    places_T, lengths_B1 = torch.arange(max(lengths)), torch.tensor(lengths)[:, None]
    real_BT = places_T >= max(lengths) - lengths_B1 if left else places_T < lengths_B1
    return real_BT.to(device)


def _pad(rows: Sequence[torch.Tensor], *, left: bool = False) -> torch.Tensor:
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_side="left" if left else "right")


def _fed(padded: torch.Tensor) -> dict[str, torch.Tensor]:
    """Token ids and hidden states go in at different doors."""
    return {"input_ids": padded} if padded.dim() == 2 else {"inputs_embeds": padded}


class _Enough(Exception):
    """The last block has handed over its keys and values, and nobody reads what it would make of the prompts."""


class _Shared(Cache):
    """Keeps every block's keys and values at the prompts, and puts them in front of those of the rows."""

    def __init__(self, owners_B: torch.Tensor, stop_at: int | None) -> None:
        super().__init__(layers=[])
        alone = owners_B.tolist() == list(range(len(owners_B)))
        self.owners_B, self.stop_at = None if alone else owners_B, stop_at
        self.answering = False
        self.kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """[rows, heads, T, D] in; the same, behind those of the rows' prompts, out."""
        if not self.answering:
            self.kept[layer_idx] = key_states, value_states
            if layer_idx == self.stop_at:
                raise _Enough
            return key_states, value_states
        if layer_idx not in self.kept:
            return key_states, value_states
        keys, values = self.kept[layer_idx]
        if self.owners_B is not None:
            keys, values = keys.index_select(0, self.owners_B), values.index_select(0, self.owners_B)
        return torch.cat([keys, key_states], dim=2), torch.cat([values, value_states], dim=2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens in front of the rows."""
        return next(iter(self.kept.values()))[0].shape[2] if self.answering and self.kept else 0

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Keys in all, and where they begin."""
        return self.get_seq_length() + query_length, 0
