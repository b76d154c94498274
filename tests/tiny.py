"""Builders for tests: random models of many architectures, a character tokenizer, split models and actors.

Models have 4 blocks, hidden size 32 and 100 tokens. All their weights are random (biases and norms too) and large
enough that a wrong mask, position or scale shows in the logits. The same seed gives the same weights.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from architectures import EAGER_ONLY, LISTED, OTHERS, TARGETS
from peft import PeftModel
from tokenizers import Tokenizer, decoders, models
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from topgraft.algorithms.protocol import Actors, Algorithm
from topgraft.data.template import LengthSettings, Template
from topgraft.model.adapters import LoraSettings
from topgraft.model.split_model import SplitModel
from topgraft.records import Batch, Scores, Tokens, TrunkState
from topgraft.rollout.cache import TrunkCache
from topgraft.rollout.choosing import SamplingSettings


def attentions(names: Iterable[str]) -> list[tuple[str, str]]:
    """(architecture, attention) for every implementation that the library has for it."""
    return [(name, how) for name in names for how in ("eager", "sdpa") if how == "eager" or name not in EAGER_ONLY]


ARCHITECTURES = ("llama", "qwen2", "gemma2", "gpt2")
"""Four that differ much, for the tests of what stands above the split."""
ATTENTIONS = attentions(ARCHITECTURES)
LISTED_ATTENTIONS = attentions(LISTED)

VOCABULARY = 100
UNK, BOS, END, PAD, FIRST = 0, 1, 2, 3, 4
CHARACTERS = "\n" + "".join(chr(code) for code in range(32, 127))
LORA = LoraSettings(rank=4, alpha=8)
CPU = torch.device("cpu")


def model(
    architecture: str,
    *,
    attention: str = "eager",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    **changed: object,
) -> PreTrainedModel:
    """A random causal language model, the same at any precision; `changed` are options of its config."""
    ids = {"bos_token_id": BOS, "eos_token_id": END, "pad_token_id": PAD}
    options = {**LISTED, **OTHERS}[architecture] | changed
    config = AutoConfig.for_model(architecture, vocab_size=VOCABULARY, **options, **ids)
    generator = torch.Generator().manual_seed(seed)
    made = AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()
    one = 0.0 if architecture in ("gemma", "gemma2", "gemma3_text") else 1.0  # their norms multiply by 1 + weight
    with torch.no_grad():
        for name, weight in made.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            around = one if weight.dim() == 1 and "bias" not in name else 0.0
            weight.copy_(around + (0.2 if weight.dim() > 1 else 0.1) * noise)
    return made.to(dtype)


def characters(*, pad: str | None = "<pad>", chat_template: str | None = None) -> PreTrainedTokenizerFast:
    """One token per printable character; 100 ids: <unk>, <s>, </s>, <pad>, then the characters."""
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    vocabulary = {token: number for number, token in enumerate([*special, *CHARACTERS])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    core.add_special_tokens(special)
    core.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token=pad
    )
    made.chat_template = chat_template
    return made


def split(
    architecture: str = "llama",
    layers: tuple[int, ...] = (2, 3),
    *,
    attention: str = "eager",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    gradient_checkpointing: bool = False,
) -> SplitModel:
    """A split model without slots."""
    base = model(architecture, attention=attention, seed=seed, dtype=dtype)
    return SplitModel(base, list(layers), lora(architecture), gradient_checkpointing=gradient_checkpointing)


def lora(architecture: str) -> LoraSettings:
    """LORA with the module names of this architecture."""
    return LORA.model_copy(update={"targets": TARGETS.get(architecture, LORA.targets)})


def fill(made: SplitModel, slot: str, seed: int = 1, scale: float = 0.2) -> None:
    """Give a slot random weights, so that it changes the outputs."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in made.slots.weights(slot):
            weight.copy_(scale * torch.randn(weight.shape, generator=generator))


def unsplit(made: SplitModel, slot: str | None, folder: Path, architecture: str, **options: object) -> torch.nn.Module:
    """The same base built anew and whole, with `slot` put on by peft from its saved files (None: no adapter)."""
    base = model(architecture, **options)
    if slot is None:
        return base
    made.slots.save(slot, folder / slot)
    return PeftModel.from_pretrained(base, str(folder / slot)).eval()


def random_tokens(lengths: list[tuple[int, int]], seed: int = 0) -> Tokens:
    """Right-padded random tokens with (prompt, response) lengths."""
    from topgraft.data.template import pack

    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(FIRST, VOCABULARY, (p + r,), generator=generator).tolist() for p, r in lengths]
    return pack([(row[:p], row[p:]) for row, (p, _) in zip(rows, lengths, strict=True)], PAD, CPU)


def whole_logits(whole: torch.nn.Module, tokens: Tokens, *, left: bool = False) -> list[torch.Tensor]:
    """Per row, the logits [length, V] of an unsplit model run on the padded batch, padded on either side."""
    lengths, width = tokens.lengths_B.tolist(), tokens.ids_BT.shape[1]
    ids_BT, mask_BT = torch.full_like(tokens.ids_BT, PAD), torch.zeros_like(tokens.ids_BT)
    spans = [slice(width - length, width) if left else slice(0, length) for length in lengths]
    positions_BT = torch.zeros_like(ids_BT)
    for row, (span, length) in enumerate(zip(spans, lengths, strict=True)):
        ids_BT[row, span] = tokens.ids_BT[row, :length]
        mask_BT[row, span] = 1
        positions_BT[row, span] = torch.arange(length)
    logits_BTV = whole(input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions_BT, use_cache=False).logits
    return [logits_TV[span] for logits_TV, span in zip(logits_BTV, spans, strict=True)]


def rows_of(state: TrunkState) -> list[torch.Tensor]:
    """Per row, the crossing states [prompt + response, H]."""
    return [torch.cat([state.prompts[owner], rest]) for owner, rest in zip(state.owners, state.responses, strict=True)]


def read_logits(whole: torch.nn.Module, tokens: Tokens, *, left: bool = False) -> list[torch.Tensor]:
    """Per row, the unsplit model's logits [1 + L, V] from the prompt's last token on."""
    prompts = (tokens.lengths_B - tokens.counted_BT.sum(1)).tolist()
    return [row[length - 1 :] for row, length in zip(whole_logits(whole, tokens, left=left), prompts, strict=True)]


def gradients(algorithm: Algorithm, batch: Batch, size: int) -> list[torch.Tensor]:
    """The gradient of every trainable weight, from micro-batches of `size` items."""
    count = algorithm.count(batch)
    for part in torch.arange(len(batch)).split(size):
        algorithm.loss(batch.rows(part), count=count).value.backward()
    found = [weight.grad.clone() for weight in algorithm.trainable()]
    for weight in algorithm.trainable():
        weight.grad = None
    return found


def actors(
    made: SplitModel,
    tokenizer: PreTrainedTokenizerFast,
    *,
    score: Callable[[Tokens, TrunkState], Scores] | None = None,
    response: int = 8,
    sampling: SamplingSettings | None = None,
    end_ids: tuple[int, ...] = (END,),
    seed: int = 0,
) -> Actors:
    """What an algorithm works with; the template is the prompt and a colon."""
    settings = LengthSettings(max_prompt_tokens=40, max_response_tokens=response, template="{prompt}:")
    template = Template(tokenizer, end_ids, VOCABULARY, settings)
    return Actors(
        model=made,
        template=template,
        cache=TrunkCache(made, template),
        sampling=sampling or SamplingSettings(),
        generator=torch.Generator().manual_seed(seed),
        score=score,
    )
