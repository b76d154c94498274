"""Trunk states of dataset rows: computed once, kept over all epochs and all stages that read the same rows."""

from collections.abc import Sequence

import torch

from topgraft.data.template import Template, pack
from topgraft.model.split_model import SplitModel
from topgraft.records import Tokens, TrunkState

Pair = tuple[str, str | tuple[int, ...]]
"""A prompt and its response: a text, or the ids that were sampled."""


class TrunkCache:
    """Keeps, in memory, the token ids and the trunk state of every (prompt, response) it was asked for."""

    def __init__(self, model: SplitModel, template: Template) -> None:
        self.model = model
        self.template = template
        self._ids: dict[Pair, tuple[list[int], list[int]]] = {}
        self._hidden: dict[Pair, torch.Tensor] = {}

    def get(self, pairs: Sequence[Pair]) -> tuple[Tokens, TrunkState]:
        """Tokens and packed trunk state of (prompt, response); the trunk runs on those not seen before."""
        for prompt, response in pairs:
            if (prompt, response) not in self._ids:
                ids = list(response) if isinstance(response, tuple) else self.template.encode_response(response)
                self._ids[prompt, response] = (self.template.encode_prompt(prompt), ids)
        tokens = pack([self._ids[pair] for pair in pairs], self.template.pad_id, self.model.device)
        new = list({pair: place for place, pair in enumerate(pairs) if pair not in self._hidden}.values())
        if new:
            state = self.model.trunk(tokens.rows(torch.tensor(new, device=self.model.device)))
            for place, hidden_TH in zip(new, state.hidden_NH.split(state.lengths_B.tolist()), strict=True):
                self._hidden[pairs[place]] = hidden_TH
        hidden_NH = torch.cat([self._hidden[pair] for pair in pairs])
        return tokens, self.model.state(hidden_NH, tokens.lengths_B)

    @property
    def distinct_tokens(self) -> int:
        """Tokens kept: with the meter's count of tokens in, trunk passes per token."""
        return sum(len(hidden_TH) for hidden_TH in self._hidden.values())
