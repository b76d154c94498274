"""The split model: one copy of the base weights, a trunk that runs once, branches for every role.

state = model.trunk(tokens)                      # at every token, kept
with model.slots.use("sft"):
    final = model.branch(state)                  # [B, 1 + L, H]: from the prompt's last token on
logprobs, _ = model.logprobs(final, tokens)      # [R]
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from topgraft.data.batching import buckets, sibling_buckets
from topgraft.errors import UserError
from topgraft.model.adapters import LoraSettings, Slots
from topgraft.model.checkpointing import checkpointed
from topgraft.model.digest import digest
from topgraft.model.lean import lean
from topgraft.model.meter import TrunkMeter
from topgraft.model.passes import shared_pass, sharing_holds, whole_pass
from topgraft.model.products import quicken
from topgraft.model.reading import is_plain, read_learning, read_logprobs
from topgraft.model.split import Parts, check_identity, cut, find_blocks
from topgraft.model.states import predicting
from topgraft.model.tiled import read_tiled
from topgraft.model.whole import Copies
from topgraft.processes import ALONE, Processes
from topgraft.records import Tokens, TrunkState

TOKENS_AT_ONCE = 4096
"""Tokens, padding included, in one pass without gradients."""


class SplitModel:
    """A causal language model, cut below its lowest trained block.

    Without `lora` every weight is trained: a slot is a copy of the model, and the kept state is the token ids.
    """

    slots: Slots | Copies

    def __init__(
        self,
        model: PreTrainedModel,
        layers: list[int],
        lora: LoraSettings | None,
        *,
        gradient_checkpointing: bool = False,
        together: Processes = ALONE,
    ) -> None:
        """`together` are the processes that hold the blocks in shares (topgraft.model.sharding)."""
        model.eval().requires_grad_(False)
        if together.alone:  # both look at whole matrices
            lean(model)
            quicken(model)
        _, blocks_name = find_blocks(model)
        self.model = model
        self.layers = layers
        self.precision = torch.promote_types(model.dtype, torch.float32)  # of logits and log-probabilities
        self.split_layer = layers[0]
        self.whole = lora is None
        parts = cut(model, self.split_layer)
        self.slots = Copies(model, parts, together) if lora is None else Slots(model, parts, blocks_name, layers, lora)
        self.identity_gap = check_identity(model, parts, self.split_layer)
        # In shares, rows pass whole: all processes must make as many passes, and go through each block to its end.
        self.shares_prompts = together.alone and sharing_holds(parts, vocabulary=self.vocabulary)
        self.plain_head = is_plain(model, self.logits)
        self.base_digest = digest(model)
        self.meter = TrunkMeter(parts.blocks, self.split_layer)
        self.gradient_checkpointing = gradient_checkpointing
        self.together = together
        self.records_steps = together.alone
        """Whether decoding may try to record its steps on CUDA (topgraft.rollout.captured)."""
        self._blocks_name = blocks_name

    @property
    def parts(self) -> Parts:
        """The pieces of the model: of the copy in use, where every weight is trained."""
        return self.slots.parts

    @property
    def sharded(self) -> bool:
        """Whether several processes hold the blocks in shares, so that a pass of one is a pass of all."""
        return not self.together.alone

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
    def trunk(self, tokens: Tokens, *, tokens_at_once: int = TOKENS_AT_ONCE) -> TrunkState:
        """Run the trunk over right-padded tokens and keep the crossing state of every real token.

        Rows with the same prompt run together, and their prompt once.
        """
        asked = self._tokens_as_rows(tokens)
        if self.whole:
            return asked
        at_prompts: dict[int, torch.Tensor] = {}
        at_responses: dict[int, torch.Tensor] = {}
        lengths = [len(ids) for ids in asked.prompts], [len(ids) for ids in asked.responses]
        parts = list(sibling_buckets(asked.owners, *lengths, tokens_at_once))
        for index in self.together.in_step(parts):
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
        part = self.parts.decoder if self.whole else self.parts.branch
        if self.gradient_checkpointing and torch.is_grad_enabled():
            # Run again, a block would hand its keys and values over a second time, when others read them long since:
            # rows pass whole instead, and nothing changes hands.
            return whole_pass(checkpointed(part, self._blocks_name, self.slots), prompts, state.owners, rests)[1]
        if not self.shares_prompts:
            return whole_pass(part, prompts, state.owners, rests)[1]
        last = len(self.parts.blocks) - 1
        return shared_pass(part, prompts, state.owners, rests, stop_at=last)[1]

    def over_rows(
        self,
        state: TrunkState,
        tokens: Tokens,
        read: Callable[[torch.Tensor, Tokens], Iterable[torch.Tensor]],
        *,
        tokens_at_once: int = TOKENS_AT_ONCE,
    ) -> list[torch.Tensor]:
        """What `read` makes of the branch's final states, an entry for each row, in buckets of rows of like lengths."""
        found: dict[int, torch.Tensor] = {}
        parts = list(buckets(tokens.lengths_B.tolist(), tokens_at_once))
        for part in self.together.in_step(parts):
            index = torch.tensor(part, device=tokens.ids_BT.device)
            found.update(zip(part, read(self.branch(state.rows(index)), tokens.rows(index)), strict=True))
        return [found[row] for row in range(len(tokens))]

    def row_logprobs(self, state: TrunkState, tokens: Tokens, *, temperature: float = 1.0) -> list[torch.Tensor]:
        """Log-probabilities [L] of each row's response tokens under the slot in use, without entropies."""

        def read(final_BLH: torch.Tensor, part: Tokens) -> Iterable[torch.Tensor]:
            logprobs_R, _ = self.logprobs(final_BLH, part, temperature=temperature)
            return logprobs_R.split(part.counted_BT.sum(1).tolist())

        return self.over_rows(state, tokens, read)

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
        """[B, T, H] or [R, H] -> logits of the same leading shape, fp32 at least, by the library's own head."""
        if hidden.dim() == 2:
            return self.parts.head(inputs_embeds=hidden[None]).logits[0].to(self.precision)
        return self.parts.head(inputs_embeds=hidden).logits.to(self.precision)

    def logprobs(
        self,
        final_BLH: torch.Tensor,
        tokens: Tokens,
        *,
        temperature: float = 1.0,
        entropy: bool = False,
        entropy_learns: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Log-probabilities [R] of the response tokens, packed, and their entropies [R] where asked, through which
        gradients flow with `entropy_learns` only.

        `final_BLH` is what `branch` returned. Only response positions pass the head. log-softmax(logits / temperature)
        over the whole vocabulary.
        """
        asked: Any = {"temperature": temperature, "entropy": entropy, "entropy_learns": entropy_learns}
        states_RH, ids_R = predicting(final_BLH, tokens), tokens.ids_BT[tokens.counted_BT]
        if self.slots.head_learns:
            return read_learning(self.logits, states_RH, ids_R, **asked)
        if self.plain_head:
            return read_tiled(states_RH, ids_R, cast(torch.Tensor, self.parts.output.weight), **asked)
        return read_logprobs(self.logits, states_RH, ids_R, vocabulary=self.vocabulary, **asked)
