"""The split model: one copy of the base weights, a trunk that runs once, branches for every role.

state = model.trunk(tokens)                      # at every token, kept
with model.slots.use("sft"):
    final = model.branch(state)                  # [B, 1 + L, H]: from the prompt's last token on
logprobs, _ = model.logprobs(final, tokens)      # [R]
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings, Slots
from topgraft.model.passes import shared_pass, sharing_holds, whole_pass
from topgraft.model.reading import plain_matrix, read_logprobs
from topgraft.model.split import check_identity, cut, find_blocks
from topgraft.model.tiled import read_tiled
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
        self.shares_prompts = sharing_holds(self.parts, vocabulary=self.vocabulary)
        self.plain_head = plain_matrix(model, self.logits)
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

        Rows with the same prompt run together, and their prompt once. Rows run in order of their lengths, about
        `rows_at_once` together, so that little padding is computed.
        """
        asked = self._tokens_as_rows(tokens)
        at_prompts: dict[int, torch.Tensor] = {}
        at_responses: dict[int, torch.Tensor] = {}
        for index in _by_prompt(asked, rows_at_once):
            part = asked.rows(torch.tensor(index))
            siblings = len(part.prompts) < len(part)
            run = shared_pass if siblings and self.shares_prompts else whole_pass
            prompts, hidden_BLH = run(self._metered_trunk, part.prompts, part.owners, part.responses)
            for place, row in enumerate(index):
                at_prompts[asked.owners[row]] = prompts[part.owners[place]]
                at_responses[row] = hidden_BLH[place, : len(asked.responses[row])]
        return replace(
            asked,
            prompts=tuple(at_prompts[owner].clone() for owner in range(len(asked.prompts))),
            responses=tuple(at_responses[row].clone() for row in range(len(asked))),
        )

    def state(
        self, prompts: Iterable[torch.Tensor], owners: Iterable[int], responses: Iterable[torch.Tensor]
    ) -> TrunkState:
        """Label crossing states with this base and this split."""
        return TrunkState(
            prompts=tuple(prompts),
            owners=tuple(owners),
            responses=tuple(responses),
            split_layer=self.split_layer,
            base_digest=self.base_digest,
        )

    def branch(self, state: TrunkState) -> torch.Tensor:
        """Run the upper blocks, under the slot in use, on kept states.

        Returns the final hidden states [B, 1 + L, H], right-padded, at each row's last prompt token and at its response
        tokens: the only ones that are read. Raises UserError for a state made by another base or at another split.
        """
        if (state.base_digest, state.split_layer) != (self.base_digest, self.split_layer):
            raise UserError(
                f"These trunk states were made by base {state.base_digest} split at {state.split_layer}; this model "
                f"is base {self.base_digest} split at {self.split_layer}. Run the trunk again."
            )
        prompts = [prompt[:-1] for prompt in state.prompts]
        rests = [
            torch.cat([state.prompts[owner][-1:], response])
            for owner, response in zip(state.owners, state.responses, strict=True)
        ]
        if not self.shares_prompts:
            return whole_pass(self.parts.branch, prompts, state.owners, rests)[1]
        last = len(self.parts.blocks) - 1
        return shared_pass(self.parts.branch, prompts, state.owners, rests, stop_at=last)[1]

    def _metered_trunk(self, **inputs: Any) -> Any:
        """The trunk, its real tokens counted."""
        fed = inputs["input_ids"]
        with self.meter.counting(inputs["attention_mask"][:, -fed.shape[1] :].bool()):
            return self.parts.trunk(**inputs)

    def _tokens_as_rows(self, tokens: Tokens) -> TrunkState:
        """The ids of the distinct prompts and of every response, in the order of their first row."""
        counted_B = tokens.counted_BT.sum(1)
        starts, ends = (tokens.lengths_B - counted_B).tolist(), tokens.lengths_B.tolist()
        number: dict[tuple[int, ...], int] = {}
        owners, responses = [], []
        for row, start, end in zip(tokens.ids_BT, starts, ends, strict=True):
            owners.append(number.setdefault(tuple(row[:start].tolist()), len(number)))
            responses.append(row[start:end])
        prompts = (torch.tensor(prompt, device=tokens.ids_BT.device) for prompt in number)
        return self.state(prompts, owners, responses)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """[B, T, H] or [R, H] -> fp32 logits of the same leading shape, by the library's own head."""
        if hidden.dim() == 2:
            return self.parts.head(inputs_embeds=hidden[None]).logits[0].float()
        return self.parts.head(inputs_embeds=hidden).logits.float()

    def logprobs(
        self, final_BLH: torch.Tensor, tokens: Tokens, *, temperature: float = 1.0, entropy: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Log-probabilities [R] of the response tokens, packed, and their entropies [R] where asked.

        `final_BLH` is what `branch` returned. Only response positions pass the head. log-softmax(logits / temperature)
        over the whole vocabulary.
        """
        states_RH, ids_R = predicting(final_BLH, tokens), tokens.ids_BT[tokens.counted_BT]
        if self.plain_head is not None:
            return read_tiled(states_RH, ids_R, self.plain_head, temperature=temperature, entropy=entropy)
        return read_logprobs(
            self.logits, states_RH, ids_R, vocabulary=self.vocabulary, temperature=temperature, entropy=entropy
        )


def predicting(final_BLH: torch.Tensor, tokens: Tokens) -> torch.Tensor:
    """The states [R, H] that predict the response tokens, of what `branch` returned: position t - 1 for token t."""
    lengths_B = tokens.counted_BT.sum(1)
    places_L = torch.arange(final_BLH.shape[1] - 1, device=final_BLH.device)
    return final_BLH[:, :-1][places_L < lengths_B[:, None]]


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


def _by_prompt(rows: TrunkState, rows_at_once: int) -> Iterator[list[int]]:
    """Numbers of rows to run together: in order of their prompts' lengths, siblings never apart."""
    siblings: dict[int, list[int]] = {}
    for row in sorted(range(len(rows)), key=lambda row: len(rows.responses[row])):
        siblings.setdefault(rows.owners[row], []).append(row)

    def length(group: list[int]) -> int:
        return len(rows.prompts[rows.owners[group[0]]]) + len(rows.responses[group[-1]])

    part: list[int] = []
    for group in sorted(siblings.values(), key=length):
        if part and len(part) + len(group) > rows_at_once:
            yield part
            part = []
        part = part + group
    yield part


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
