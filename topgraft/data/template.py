"""Texts <-> token ids: the chat template, the end of a response, and a pad id that never ends one.

The tokenizer's own chat template is used where it has one; a base model gets `PLAIN`. Pad is an id of the model's
vocabulary that is no end token; masks go by lengths, so which one does not matter, and the vocabulary never grows.
"""

from collections.abc import Sequence

import torch
from pydantic import Field
from transformers import PreTrainedTokenizerBase

from topgraft.errors import UserError
from topgraft.recipe import Settings
from topgraft.records import Tokens

PLAIN = "### Prompt\n{prompt}\n\n### Response\n"
"""The template of models that bring none."""


class LengthSettings(Settings):
    """Limits in tokens, part of [data]."""

    max_prompt_tokens: int = Field(512, ge=8)
    """A longer prompt is cut in the middle and counted."""
    max_response_tokens: int = Field(128, ge=1)
    """Responses are cut, and sampling stops, at this length (the end token included)."""
    too_long: str = Field("cut", pattern="^(cut|error)$")
    """ "cut", or "error" to refuse rows that do not fit."""
    template: str = ""
    """A plain-text template with {prompt} in it, instead of the tokenizer's own."""


class Template:
    """Turns prompts and responses into token ids for one model."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        end_ids: tuple[int, ...],
        vocabulary: int,
        settings: LengthSettings,
        context: int | None = None,
    ) -> None:
        """`vocabulary` = rows of the model's embedding, `context` = the longest sequence it takes (None: any)."""
        if settings.template and "{prompt}" not in settings.template:
            raise UserError(f"data.template = {settings.template!r} has no {{prompt}} in it.")
        self.tokenizer = tokenizer
        self.end_ids = end_ids
        self.vocabulary = vocabulary
        self.settings = settings
        self.pad_id = pick_pad(tokenizer, end_ids, vocabulary)
        self.prompt_limit = settings.max_prompt_tokens
        if context is not None:
            self.prompt_limit = min(self.prompt_limit, context - settings.max_response_tokens)
        if self.prompt_limit < 8:
            raise UserError(
                f"data.max_response_tokens = {settings.max_response_tokens} leaves no room for a prompt in a "
                f"context of {context} tokens. Lower it."
            )
        self.cut_prompts: set[str] = set()
        self.cut_responses: set[str] = set()
        self.own = not settings.template and bool(tokenizer.chat_template)

    def render(self, prompt: str) -> str:
        """The prompt as the model reads it, up to where the response begins."""
        if self.own:
            turn = [{"role": "user", "content": prompt}]
            return self.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        return (self.settings.template or PLAIN).replace("{prompt}", prompt)

    def describe(self) -> str:
        """One line about the template in use, for the start of a run."""
        if self.own:
            return "chat template of the tokenizer"
        return f"plain-text template {(self.settings.template or PLAIN)!r} (this tokenizer brings none)"

    def encode_prompt(self, prompt: str) -> list[int]:
        """Token ids of a rendered prompt; one that does not fit is cut in the middle and counted in `cut_prompts`."""
        if not prompt.strip():
            raise UserError("A prompt is empty: there is nothing to answer.")
        text = self.render(prompt)
        ids = self.tokenizer(text, add_special_tokens=not self.own).input_ids
        while not self.own and len(ids) > 1 and ids[-1] in self.end_ids:
            ids = ids[:-1]  # some tokenizers append their end token to any text
        self._check(ids)
        limit = self.prompt_limit
        if len(ids) > limit:
            if self.settings.too_long == "error":
                raise UserError(f"A prompt has {len(ids)} tokens, and only {limit} fit: {prompt[:60]!r}")
            self.cut_prompts.add(prompt)
            head = limit // 2
            ids = ids[:head] + ids[len(ids) - (limit - head) :]
        return ids

    def encode_response(self, response: str) -> list[int]:
        """Token ids of a response, the end token last; one that does not fit is cut and loses its end."""
        ids = [*self.tokenizer(response, add_special_tokens=False).input_ids, self.end_ids[0]]
        self._check(ids)
        limit = self.settings.max_response_tokens
        if len(ids) > limit:
            if self.settings.too_long == "error":
                raise UserError(
                    f"A response has {len(ids)} tokens, over data.max_response_tokens = {limit}: {response[:60]!r}"
                )
            self.cut_responses.add(response)
        return ids[:limit]

    def decode(self, ids: list[int], *, stop: Sequence[str] = ()) -> str:
        """The text of response ids, without end token and other special tokens, up to the first of `stop` in it."""
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        found = [place for place in map(text.find, stop) if place >= 0]
        return text[: min(found, default=len(text))].strip()

    def tokens(self, pairs: list[tuple[str, str]], device: torch.device) -> Tokens:
        """Token ids of (prompt, response) pairs."""
        return pack(
            [(self.encode_prompt(prompt), self.encode_response(response)) for prompt, response in pairs],
            self.pad_id,
            device,
        )

    def refuse_when_mostly_cut(self, rows: int) -> None:
        """Raise UserError when over half of `rows` distinct prompts did not fit."""
        if len(self.cut_prompts) > rows / 2:
            raise UserError(
                f"{len(self.cut_prompts)} of {rows} prompts do not fit {self.prompt_limit} tokens "
                f"(data.max_prompt_tokens, and the model's context less data.max_response_tokens). Raise the limit, "
                f"use a model with a longer context, or shorter prompts."
            )

    def _check(self, ids: list[int]) -> None:
        if ids and not 0 <= min(ids) <= max(ids) < self.vocabulary:
            raise UserError(
                f"The tokenizer gives token id {max(ids)}, but the model has embeddings for {self.vocabulary} only. "
                f"A token was added without growing the model: use the model's own tokenizer."
            )


def pick_pad(tokenizer: PreTrainedTokenizerBase, end_ids: tuple[int, ...], vocabulary: int) -> int:
    """An id inside the vocabulary that is no end token: the tokenizer's pad, its unknown token, a special token, or
    the first ordinary one."""
    special = sorted(getattr(tokenizer, "added_tokens_decoder", {}))
    for candidate in (tokenizer.pad_token_id, tokenizer.unk_token_id, *special, *range(vocabulary)):
        if candidate is not None and candidate not in end_ids and 0 <= candidate < vocabulary:
            return int(candidate)
    raise UserError("Every token of this vocabulary is an end token: there is none to pad with.")


def pack(pairs: list[tuple[list[int], list[int]]], pad_id: int, device: torch.device) -> Tokens:
    """(prompt ids, response ids) -> right-padded `Tokens` with masks made from the lengths."""
    width = max(len(prompt) + len(response) for prompt, response in pairs)
    ids_BT = torch.full((len(pairs), width), pad_id, dtype=torch.long)
    real_BT = torch.zeros(len(pairs), width, dtype=torch.bool)
    counted_BT = torch.zeros(len(pairs), width, dtype=torch.bool)
    for row, (prompt, response) in enumerate(pairs):
        length = len(prompt) + len(response)
        ids_BT[row, :length] = torch.tensor(prompt + response)
        real_BT[row, :length] = True
        counted_BT[row, len(prompt) : length] = True
    return Tokens(ids_BT=ids_BT.to(device), real_BT=real_BT.to(device), counted_BT=counted_BT.to(device))
