"""The split model: one copy of the base weights, a trunk that runs once, branches for every role.

state = model.trunk(tokens)                      # [N, H], kept
with model.slots.use("sft"):
    hidden = model.branch(state)                 # [B, T, H]
logprobs = model.logprobs(hidden, tokens)        # [R]
"""

import hashlib
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings, Slots
from topgraft.model.reading import read_logprobs
from topgraft.model.split import check_identity, cut, find_blocks, positions
from topgraft.records import Tokens, TrunkState


class SplitModel:
    """A causal language model, cut below its lowest trained block."""

    def __init__(self, model: PreTrainedModel, layers: list[int], lora: LoraSettings) -> None:
        model.eval()
        for weight in model.parameters():
            weight.requires_grad_(False)
        _, blocks_name = find_blocks(model)
        self.model = model
        self.layers = layers
        self.split_layer = layers[0]
        self.parts = cut(model, self.split_layer)
        self.identity_gap = check_identity(model, self.parts, self.split_layer)
        self.base_digest = digest(model)
        self.slots = Slots(model, blocks_name, layers, lora)
        self.meter = TrunkMeter(self.parts.blocks, self.split_layer)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def vocabulary(self) -> int:
        """Rows of the embedding, and so ids that the model knows."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.model.config.get_text_config().hidden_size)

    @torch.no_grad()
    def trunk(self, tokens: Tokens, *, rows_at_once: int = 32) -> TrunkState:
        """Run the trunk over right-padded tokens and keep the crossing state of every real token.

        Rows run in order of their lengths, `rows_at_once` together, so that little padding is computed.
        """
        lengths_B = tokens.lengths_B
        order = torch.argsort(lengths_B)
        pieces: list[torch.Tensor] = [torch.empty(0)] * len(tokens)
        for index in order.split(rows_at_once):
            part = tokens.rows(index)
            with self.meter.counting(part.real_BT):
                hidden_BTH = self.parts.trunk(
                    input_ids=part.ids_BT,
                    attention_mask=part.real_BT.long(),
                    position_ids=positions(part.real_BT),
                    use_cache=False,
                ).last_hidden_state
            for row, length, hidden_TH in zip(index.tolist(), part.lengths_B.tolist(), hidden_BTH, strict=True):
                pieces[row] = hidden_TH[:length]
        return self.state(torch.cat(pieces), lengths_B)

    def state(self, hidden_NH: torch.Tensor, lengths_B: torch.Tensor) -> TrunkState:
        """Label packed crossing states with this base and this split."""
        return TrunkState(
            hidden_NH=hidden_NH,
            lengths_B=lengths_B,
            split_layer=self.split_layer,
            base_digest=self.base_digest,
        )

    def branch(self, state: TrunkState) -> torch.Tensor:
        """Run the upper blocks, under the slot in use, on kept states: final hidden states [B, T, H], right-padded.

        Raises UserError for a state made by another base or at another split.
        """
        if (state.base_digest, state.split_layer) != (self.base_digest, self.split_layer):
            raise UserError(
                f"These trunk states were made by base {state.base_digest} split at {state.split_layer}; this model "
                f"is base {self.base_digest} split at {self.split_layer}. Run the trunk again."
            )
        rows = state.hidden_NH.split(state.lengths_B.tolist())
        hidden_BTH = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        width = torch.arange(hidden_BTH.shape[1], device=hidden_BTH.device)
        real_BT = width[None] < state.lengths_B[:, None]
        return self.parts.branch(
            inputs_embeds=hidden_BTH,
            attention_mask=real_BT.long(),
            position_ids=positions(real_BT),
            use_cache=False,
        ).last_hidden_state

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """[B, T, H] or [R, H] -> fp32 logits of the same leading shape, by the library's own head."""
        if hidden.dim() == 2:
            return self.parts.head(inputs_embeds=hidden[None]).logits[0].float()
        return self.parts.head(inputs_embeds=hidden).logits.float()

    def logprobs(
        self, hidden_BTH: torch.Tensor, tokens: Tokens, *, temperature: float = 1.0, entropy: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Log-probabilities [R] of the counted tokens, packed, and their entropies [R] where asked.

        Only response positions pass the head. log-softmax(logits / temperature) over the whole vocabulary.
        """
        states_RH, ids_R = predicting(hidden_BTH, tokens), tokens.ids_BT[tokens.counted_BT]
        return read_logprobs(
            self.logits, states_RH, ids_R, vocabulary=self.vocabulary, temperature=temperature, entropy=entropy
        )


def predicting(hidden_BTH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The states [R, H] that predict the counted tokens: position t - 1 for the token at t."""
    before_BT = tokens.counted_BT[:, 1:]
    return hidden_BTH[:, :-1][before_BT]


def last_states(hidden_BTH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The states [B, H] at each row's last real token."""
    rows = torch.arange(len(tokens), device=hidden_BTH.device)
    return hidden_BTH[rows, tokens.lengths_B - 1]


def mean_states(hidden_BTH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The mean [B, H] of the states at each row's response tokens, its end included."""
    counted_BT1 = tokens.counted_BT[:, :, None].to(hidden_BTH.dtype)
    return (hidden_BTH * counted_BT1).sum(1) / counted_BT1.sum(1)


def block_input(inputs: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
    """The hidden states [B, T, H] that a decoder block was called with, however the library passed them."""
    return inputs[0] if inputs else named["hidden_states"]


class TrunkMeter:
    """Counts the tokens that enter the top trunk block, by a forward hook on that block."""

    def __init__(self, blocks: nn.ModuleList, split_layer: int) -> None:
        self.tokens_in = 0
        self.counts = split_layer > 0
        self._real: torch.Tensor | None = None
        if self.counts:
            blocks[split_layer - 1].register_forward_hook(self._hook, with_kwargs=True)

    def counting(self, real: torch.Tensor) -> "_Counting":
        """Inside this context, passes count the True entries of `real`; outside, every position counts."""
        return _Counting(self, real)

    def _hook(self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], _output: object) -> None:
        hidden = block_input(inputs, named)
        self.tokens_in += int(self._real.sum()) if self._real is not None else hidden.shape[0] * hidden.shape[1]


class _Counting:
    def __init__(self, meter: TrunkMeter, real: torch.Tensor) -> None:
        self.meter, self.real = meter, real

    def __enter__(self) -> None:
        self.meter._real = self.real

    def __exit__(self, *_: object) -> None:
        self.meter._real = None


def digest(model: PreTrainedModel) -> str:
    """Sixteen hex digits over the base weights' names, shapes and bytes (adapters left out)."""
    state = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        if "lora_" not in name:
            state.update(f"{name.replace('.base_layer', '')}{tuple(weight.shape)}{weight.dtype}".encode())
            state.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy())
    return state.hexdigest()[:16]
