"""Which of the states that `SplitModel.branch` returned a head reads. They are [B, 1 + L, H]: at each row's last prompt
token and at its response tokens, padded on the right."""

import torch

from topgraft.records import Tokens


def predicting(final_BLH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The states [R, H] that predict the response tokens, of what `branch` returned: position t - 1 for token t."""
    lengths_B = tokens.counted_BT.sum(1)
    places_L = torch.arange(final_BLH.shape[1] - 1, device=final_BLH.device)
    read_R = (places_L < lengths_B[:, None]).flatten().nonzero().squeeze(1)
    return final_BLH[:, :-1].flatten(0, 1).index_select(0, read_R)  # its backward is faster than that of a mask


def last_states(final_BLH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The states [B, H] at each row's last token."""
    rows = torch.arange(len(tokens), device=final_BLH.device)
    return final_BLH[rows, tokens.counted_BT.sum(1)]


def mean_states(final_BLH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The mean [B, H] of the states at each row's response tokens, its end included."""
    lengths_B1 = tokens.counted_BT.sum(1, keepdim=True)
    places_L = torch.arange(1, final_BLH.shape[1], device=final_BLH.device)
    read_BL = (places_L <= lengths_B1).to(final_BLH.dtype)
    return (final_BLH[:, 1:] * read_BL[:, :, None]).sum(1) / lengths_B1
