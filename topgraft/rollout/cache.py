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
        self._states: dict[Pair, tuple[torch.Tensor, torch.Tensor]] = {}
        self.distinct_tokens = 0
        """Tokens kept, a prompt that new rows share counted once: with the meter's count of tokens in, trunk passes
        per token."""

    def get(self, pairs: Sequence[Pair]) -> tuple[Tokens, TrunkState]:
        """Tokens and trunk state of (prompt, response); the trunk runs on those not seen before."""
        for prompt, response in pairs:
            if (prompt, response) not in self._ids:
                ids = list(response) if isinstance(response, tuple) else self.template.encode_response(response)
                self._ids[prompt, response] = (self.template.encode_prompt(prompt), ids)
        tokens = pack([self._ids[pair] for pair in pairs], self.template.pad_id, self.model.device)
        new = list({pair: place for place, pair in enumerate(pairs) if pair not in self._states}.values())
        if new:
            state = self.model.trunk(tokens.rows(torch.tensor(new, device=self.model.device)))
            self.distinct_tokens += state.distinct_tokens
            for place, owner, response_LH in zip(new, state.owners, state.responses, strict=True):
                self._states[pairs[place]] = state.prompts[owner], response_LH
        states = [self._states[pair] for pair in pairs]
        prompts = {id(prompt_PH): prompt_PH for prompt_PH, _ in states}
        number = {key: place for place, key in enumerate(prompts)}
        owners = [number[id(prompt_PH)] for prompt_PH, _ in states]
        return tokens, self.model.state(prompts.values(), owners, (response_LH for _, response_LH in states))
