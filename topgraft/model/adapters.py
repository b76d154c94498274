"""Adapter slots: several LoRA adapters on the same upper blocks, one of them in use at a time.

A slot is a peft adapter named by its stage (`sft`, `ppo`, `reward`, ...). Which slot acts is chosen by a context
around forward and backward; which weights learn is set once, by the stage, and never by that switch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import torch
from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from peft.tuners.lora import LoraLayer
from pydantic import Field
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from topgraft.errors import UserError, nearest
from topgraft.model.lora import adapt
from topgraft.model.saved import read_weights
from topgraft.model.split import Parts
from topgraft.model.targets import Targets, describe, find_targets
from topgraft.recipe import Settings


class LoraSettings(Settings):
    """[model.lora]: the adapters of all slots."""

    rank: int = Field(16, ge=1)
    """Rank r of each update B A."""
    alpha: float = Field(32, gt=0)
    """The update is scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout in front of A; acts in update passes only. Above 0 the first ratio of PPO is not 1."""
    targets: tuple[str, ...] = ("q_proj", "v_proj", "down_proj")
    """Linear modules to adapt: names of the architecture (llama's also work for gpt2), "attention" or "ffn" (every
    linear module of that part of a block), or "qv" (query and value; the key too where the three are one matrix)."""


class Slots:
    """The adapter slots of one causal language model."""

    head_learns = False
    """The output matrix is never an adapter's."""

    def __init__(
        self, model: PreTrainedModel, parts: Parts, blocks_name: str, layers: list[int], lora: LoraSettings
    ) -> None:
        self.model = model
        self.parts = parts
        self.lora = lora
        self._layers = layers
        self._blocks_name = blocks_name
        self._peft: PeftModel | None = None
        self._lora_layers: list[LoraLayer] = []
        self.in_use: tuple[str | None, bool] = (None, False)
        """The slot in use, and whether its dropout acts (where gradients are recorded)."""

    def add(self, name: str, *, copy_of: str | None = None) -> None:
        """Add a slot, as peft initialises it (no effect on the outputs) or as a copy of another slot."""
        self._make(name, self._config())
        self._adopt(name)
        if copy_of is not None:
            source = dict(self.named_weights(copy_of))
            with torch.no_grad():
                for key, weight in self.named_weights(name):
                    weight.copy_(source[key])

    @cached_property
    def targets(self) -> Targets:
        """What the settings' targets are in this model. Raises UserError where a module does not exist."""
        return find_targets(self.lora.targets, list(self.parts.blocks), self._layers, self.model.config.model_type)

    def check_targets(self) -> list[str]:
        """Raise UserError where a target does not exist, before anything is trained; else what to say of them."""
        return list(self.targets.notes)

    def describe(self, name: str) -> str:
        """What a slot adapts, for people."""
        modules = {
            number: list(dict.fromkeys(path.partition(".lora_")[0] for path in weights))
            for number, weights in self.by_block(name).items()
        }
        return f"{describe(modules)}, rank {self.lora.rank}"

    def load(self, name: str, folder: Path) -> None:
        """Read a slot from a folder in peft's format; a missing, an unexpected or a misshapen weight is a UserError."""
        path = folder / "adapter_model.safetensors"
        if not path.exists():
            raise UserError(f"No adapter_model.safetensors in {folder}: nothing to load slot '{name}' from.")
        config = PeftConfig.from_pretrained(str(folder))
        low = min(config.layers_to_transform or [0])
        if low < self._layers[0]:
            raise UserError(f"{folder} adapts block {low}, below the split: set model.layers to its blocks.")
        if name not in self.names:
            config.base_model_name_or_path = None  # peft warns of any other place that the base model came from
            self._make(name, config)
            self._adopt(name)
        wanted = get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False)
        set_peft_model_state_dict(self._peft, read_weights(path, wanted), adapter_name=name)

    def save(self, name: str, folder: Path | None) -> None:
        """Write a slot in peft's format: adapter_config.json and adapter_model.safetensors in `folder` (None: nothing
        is to be done, all of it is here)."""
        if folder is None:
            return
        assert self._peft is not None
        config = self._peft.peft_config[name]
        if isinstance(config.target_modules, set):  # in whose order peft would write them, another in each process
            config.target_modules = sorted(config.target_modules)
        folder.mkdir(parents=True, exist_ok=True)
        self._peft.save_pretrained(
            str(folder), selected_adapters=[name], save_embedding_layers=False, safe_serialization=True
        )
        written = folder / name
        for file in written.iterdir():
            file.replace(folder / file.name)
        written.rmdir()

    @property
    def names(self) -> list[str]:
        """The slots present."""
        return list(self._peft.peft_config) if self._peft is not None else []

    def named_weights(self, name: str) -> list[tuple[str, nn.Parameter]]:
        """The slot's weights, by their module's name without the slot's."""
        marked = f".{name}."
        return [
            (key.replace(marked, "."), weight)
            for key, weight in self.model.named_parameters()
            if marked in key and "lora_" in key
        ]

    def by_block(self, name: str) -> dict[int, dict[str, nn.Parameter]]:
        """The slot's weights, block by block, under their names inside the block, e.g. "mlp.up_proj.lora_A.weight"."""
        found: dict[int, dict[str, nn.Parameter]] = {}
        for key, weight in self.named_weights(name):
            number, _, path = key.partition(f".{self._blocks_name}.")[2].partition(".")
            found.setdefault(int(number), {})[path] = weight
        return found

    def weights(self, name: str) -> list[nn.Parameter]:
        """The slot's weights."""
        return [weight for _, weight in self.named_weights(name)]

    @contextmanager
    def use(self, name: str | None, *, learning: bool = False) -> Iterator[None]:
        """Let slot `name` act (None: the base model alone) for forward and backward inside the context.

        With `learning` the adapter's dropout acts as well, where gradients are recorded.
        """
        if name is not None and name not in self.names:
            raise UserError(f"There is no adapter slot '{name}'. {nearest(name, self.names)}")
        before = [(layer._active_adapter, layer._disable_adapters) for layer in self._lora_layers]
        outside, dropouts = self.in_use, [layer.lora_dropout[name] for layer in self._lora_layers] if name else []
        trained = [dropout.training for dropout in dropouts]
        self.in_use = name, learning
        for layer in self._lora_layers:
            layer._active_adapter = [name]
            layer._disable_adapters = name is None
        for dropout in dropouts:
            dropout.train(learning and torch.is_grad_enabled())
        try:
            yield
        finally:
            self.in_use = outside
            for dropout, was in zip(dropouts, trained, strict=True):
                dropout.train(was)
            for layer, (active, disabled) in zip(self._lora_layers, before, strict=True):
                layer._active_adapter, layer._disable_adapters = active, disabled

    def _make(self, name: str, config: LoraConfig) -> None:
        if self._peft is None:
            self._peft = get_peft_model(self.model, config, adapter_name=name)
        else:
            self._peft.add_adapter(name, config)

    def _adopt(self, name: str) -> None:
        """After a slot came in: freeze everything, drop nothing, and act as the base until told otherwise."""
        self._lora_layers = [module for module in self.model.modules() if isinstance(module, LoraLayer)]
        for layer in self._lora_layers:
            layer._disable_adapters = True
            adapt(layer)
        self.model.eval()
        for weight in self.model.parameters():
            weight.requires_grad_(False)

    def _config(self) -> LoraConfig:
        return LoraConfig(
            task_type="CAUSAL_LM",
            r=self.lora.rank,
            lora_alpha=self.lora.alpha,
            lora_dropout=self.lora.dropout,
            target_modules=list(self.targets.names),
            layers_to_transform=self._layers,
            layers_pattern=self._blocks_name,
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in self.model.modules()),
        )
