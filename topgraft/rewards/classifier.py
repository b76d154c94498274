"""A classifier or a reward model of the hub as a reward: any sequence-classification model, with its own tokenizer."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import torch
from pydantic import Field
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from topgraft.errors import UserError, nearest
from topgraft.recipe import Settings


class Classifier(Settings):
    """What a sequence-classification model says of a response: a logit, or the probability of a label.

    It is held beside the policy's model, and every response is tokenised again and passes the whole of it. Weights are
    read from safetensors only, and no code of the hub's is run.
    """

    model: str
    """A hub id, or a folder in the hub's layout."""
    label: str = ""
    """Name or number of the label that is scored; empty: the only one there is."""
    gives: Literal["logit", "probability"] = "logit"
    """ "logit", or "probability": the softmax over labels (where there is one label only, the sigmoid)."""
    reads: Literal["pair", "response"] = "pair"
    """ "pair": prompt and response, as the tokenizer joins two texts (its chat template where it has one); "response":
    that alone."""
    max_tokens: int = Field(512, ge=8)
    """Longer texts are cut at the end."""
    rows_at_once: int = Field(32, ge=1)
    """Responses in one pass."""

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response."""
        return self.score_all([prompt], [response])[0]

    def describe(self) -> str:
        """What it costs, in a line."""
        weights = list(self._model.parameters())
        size, number = sum(weight.nbytes for weight in weights), sum(weight.numel() for weight in weights)
        return (
            f"{self.model}: {number / 1e6:.1f} M weights more in memory ({size / 1e9:.2f} GB), and every scored "
            f"response passes all of it once more"
        )

    @torch.no_grad()
    def score_all(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """The values of responses."""
        found: list[float] = []
        at_once = self.rows_at_once if self._tokenizer.pad_token is not None else 1
        for start in range(0, len(prompts), at_once):
            part = slice(start, start + at_once)
            logits_BC = self._model(**self._tokens(prompts[part], responses[part])).logits.float()
            if self.gives == "probability":
                logits_BC = logits_BC.softmax(-1) if logits_BC.shape[1] > 1 else logits_BC.sigmoid()
            found += logits_BC[:, self._column].tolist()
        return found

    def _tokens(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        asked: dict[str, Any] = {"truncation": True, "max_length": self.max_tokens, "padding": len(responses) > 1}
        texts: tuple[list[str], ...] = (list(responses),)
        if self.reads == "pair" and self._tokenizer.chat_template:
            turns = [
                [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
                for prompt, response in zip(prompts, responses, strict=True)
            ]
            texts = ([str(text) for text in self._tokenizer.apply_chat_template(turns, tokenize=False)],)
            asked["add_special_tokens"] = False
        elif self.reads == "pair":
            texts = (list(prompts), list(responses))
        return self._tokenizer(*texts, return_tensors="pt", **asked).to(self._model.device)

    def _unread(self, error: Exception) -> UserError:
        return UserError(
            f"Reward model '{self.model}' cannot be loaded: {str(error).splitlines()[0]} Give a hub id or a folder "
            f"of a sequence-classification model with safetensors and its tokenizer."
        )

    @property
    def _tokenizer(self) -> Any:
        try:
            return _tokenizer(self.model)
        except (OSError, ValueError) as error:
            raise self._unread(error) from error

    @property
    def _model(self) -> Any:
        try:
            made, report = _weights(self.model)
        except (OSError, ValueError) as error:
            raise self._unread(error) from error
        for what in ("missing_keys", "unexpected_keys"):
            if found := sorted(report[what]):
                raise UserError(
                    f"Reward model '{self.model}' has {len(found)} {what.replace('_keys', '')} weights, e.g. "
                    f"'{found[0]}': its scores would mean nothing. Is it a sequence-classification model?"
                )
        made.config.pad_token_id = self._tokenizer.pad_token_id
        return made

    @property
    def _column(self) -> int:
        names = {str(name): int(number) for number, name in self._model.config.id2label.items()}
        if not self.label and len(names) == 1:
            return 0
        if self.label.isdecimal() and int(self.label) < len(names):
            return int(self.label)
        if self.label not in names:
            raise UserError(
                f"Reward model '{self.model}' has the labels {', '.join(names)}, and label = '{self.label}'. "
                f"{nearest(self.label, names)}"
            )
        return names[self.label]


@cache
def _tokenizer(name: str) -> Any:
    return AutoTokenizer.from_pretrained(name, trust_remote_code=False)


@cache
def _weights(name: str) -> tuple[Any, dict[str, Any]]:
    """Model and loading report: once in a process, however many steps and arms score with it."""
    made, report = AutoModelForSequenceClassification.from_pretrained(
        name, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    return made.eval().to("cuda" if torch.cuda.is_available() else "cpu"), report
