"""Slots for training every weight: whole copies of the model, with the base kept frozen beside them.

They stand where adapter slots stand (topgraft.model.adapters), with the same names. There is no trunk then: what is
kept of a sequence is its token ids, and the "branch" is the copy's whole decoder.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from topgraft.errors import UserError, nearest
from topgraft.model.sharding import copied, spread, whole_weights
from topgraft.model.split import Parts, cut
from topgraft.processes import ALONE, Processes


class Copies:
    """The copies of one causal language model. No slot in use means the frozen base."""

    def __init__(self, model: PreTrainedModel, parts: Parts, together: Processes = ALONE) -> None:
        """`together` are the processes that hold the model, and its copies, in shares."""
        self.model, self.together = model, together
        self._base_parts = parts
        self._copies: dict[str, tuple[PreTrainedModel, Parts]] = {}
        self._used: str | None = None

    @property
    def parts(self) -> Parts:
        """The pieces of the model in use."""
        return self._base_parts if self._used is None else self._copies[self._used][1]

    @property
    def head_learns(self) -> bool:
        """Whether gradients are wanted of the output matrix in use."""
        if self._used is None or not torch.is_grad_enabled():
            return False
        return any(weight.requires_grad for weight in self.parts.output.parameters())

    def add(self, name: str, *, copy_of: str | None = None) -> None:
        """Copy the base model, or another slot."""
        source = self.model if copy_of is None else self._of(copy_of)
        self._keep(name, copy.deepcopy(source) if self.together.alone else copied(source))

    def check_targets(self) -> list[str]:
        """Nothing to check: every weight is trained."""
        return []

    def describe(self, name: str) -> str:
        """What a slot trains, for people."""
        return "every weight"

    def load(self, name: str, folder: Path) -> None:
        """Read a whole model that `save` wrote."""
        if not any(folder.glob("*.safetensors")):
            raise UserError(f"No weights in {folder}: nothing to load slot '{name}' from.")
        kind = type(self.model)
        options = {"dtype": self.model.dtype, "attn_implementation": self.model.config._attn_implementation}
        read = kind.from_pretrained(folder, use_safetensors=True, **options) if self.together.first else None
        if self.together.alone:
            assert read is not None
            self._keep(name, read.to(self.model.device))
        else:
            self._keep(name, spread(read, self.model.config, self.model.device, options))

    def save(self, name: str, folder: Path | None) -> None:
        """Write the whole model in the library's format; without a folder, only send what is held of it."""
        model, state = self._of(name), None
        if not self.together.alone:
            state = whole_weights(model)
        if folder is not None:
            model.save_pretrained(folder, state_dict=state, safe_serialization=True)

    @property
    def names(self) -> list[str]:
        """The slots present."""
        return list(self._copies)

    def named_weights(self, name: str) -> list[tuple[str, nn.Parameter]]:
        """The slot's weights; tied ones once."""
        return list(self._of(name).named_parameters())

    def weights(self, name: str) -> list[nn.Parameter]:
        """The slot's weights; tied ones once."""
        return [weight for _, weight in self.named_weights(name)]

    @contextmanager
    def use(self, name: str | None, *, learning: bool = False) -> Iterator[None]:
        """Let slot `name` act (None: the frozen base) inside the context. `learning` is for dropout, which a whole copy
        never has."""
        if name is not None:
            self._of(name)
        before, self._used = self._used, name
        try:
            yield
        finally:
            self._used = before

    @property
    def in_use(self) -> tuple[str | None, bool]:
        """The slot that acts, and whether dropout does: never."""
        return self._used, False

    def _of(self, name: str) -> PreTrainedModel:
        if name not in self._copies:
            raise UserError(f"There is no slot '{name}'. {nearest(name, self.names)}")
        return self._copies[name][0]

    def _keep(self, name: str, made: PreTrainedModel) -> None:
        made.eval()
        for weight in made.parameters():
            weight.requires_grad_(False)
        self._copies[name] = made, cut(made, 0)
