"""Pretrain `seedling`, the tiny Llama-type model that topgraft ships, on the corpus that tools/corpus builds.

    python -m tools.corpus.build --out corpus.jsonl
    python -m tools.pretrain corpus.jsonl --out topgraft/shipped/seedling

The tokenizer is a byte-level BPE fitted on the corpus; a row is <|user|>prompt<|end|><|assistant|>response<|end|>.
Matrices learn by Muon, the rest by AdamW. Perplexity is measured on rows held out by prompt. The model card is written
from the figures of the run.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tools.muon import Muon

SPECIAL = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
PAD, END = 0, 1
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PROMPT_WEIGHT = 0.3
"""Weight of prompt tokens in the loss: problems and programs are worth learning, answers more so."""


def fit_tokenizer(rows: list[dict[str, str]], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE with single digits, on prompts and responses."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((row["prompt"] + "\n" + row["response"] for row in rows), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template=CHAT,
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )


def encode(rows: list[dict[str, str]], tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], int]]:
    """(ids, where the response begins) of every row that fits the context."""
    user, assistant = tokenizer.convert_tokens_to_ids(["<|user|>", "<|assistant|>"])
    prompts = tokenizer([row["prompt"] for row in rows], add_special_tokens=False).input_ids
    responses = tokenizer([row["response"] for row in rows], add_special_tokens=False).input_ids
    coded = [
        ([user, *prompt, END, assistant, *response, END], len(prompt) + 3)
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    return [(ids, start) for ids, start in coded if len(ids) <= 512]


def batches(coded: list[tuple[list[int], int]], budget: int, rng: random.Random) -> list[list[int]]:
    """One epoch of batches: rows of similar length together, at most `budget` padded tokens, in random order."""
    order = sorted(range(len(coded)), key=lambda row: len(coded[row][0]) + rng.uniform(0, 12))
    found: list[list[int]] = [[]]
    for row in order:
        if (len(found[-1]) + 1) * len(coded[row][0]) > budget:
            found.append([])
        found[-1].append(row)
    rng.shuffle(found)
    return found


def tensors(coded: list[tuple[list[int], int]], rows: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Right-padded ids, their mask and the loss weight of every token."""
    width = max(len(coded[row][0]) for row in rows)
    ids_BT = torch.full((len(rows), width), PAD)
    weight_BT = torch.zeros(len(rows), width)
    for place, row in enumerate(rows):
        ids, start = coded[row]
        ids_BT[place, : len(ids)] = torch.tensor(ids)
        weight_BT[place, 1 : len(ids)] = PROMPT_WEIGHT
        weight_BT[place, start : len(ids)] = 1.0
    return ids_BT, (weight_BT > 0) | (ids_BT != PAD), weight_BT


def loss_of(model: Callable[..., Any], batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """(weighted sum of token losses, sum of weights)."""
    ids_BT, _, weight_BT = batch
    # Padding stands on the right, where no real token looks: without a mask attention takes its fast path.
    logits_BTV = model(input_ids=ids_BT, use_cache=False).logits[:, :-1]
    losses_N = cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none")
    weight_N = weight_BT[:, 1:].flatten()
    return (losses_N * weight_N).sum(), weight_N.sum()


@torch.no_grad()
def perplexity(model: LlamaForCausalLM, coded: list[tuple[list[int], int]]) -> float:
    """Perplexity of response tokens."""
    total = count = 0.0
    for rows in batches(coded, 8192, random.Random(0)):
        ids_BT, real_BT, weight_BT = tensors(coded, rows)
        answers = (weight_BT == 1.0).float()
        loss, weight = loss_of(model, (ids_BT, real_BT, answers))
        total, count = total + loss.item(), count + weight.item()
    return math.exp(total / count)


def optimizers(model: LlamaForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embedding and norms."""
    matrices = [w for name, w in model.named_parameters() if w.dim() == 2 and "layers" in name]
    others = [w for name, w in model.named_parameters() if w.dim() != 2 or "layers" not in name]
    return [
        Muon(matrices, lr=rate),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def train(model: LlamaForCausalLM, coded: list[tuple[list[int], int]], args: argparse.Namespace) -> int:
    """Train for args.steps steps under a warm-up, constant, decay schedule; the number of tokens seen."""
    rng = random.Random(args.seed)
    queue: list[list[int]] = []
    seen, begun = 0, time.time()
    optims = optimizers(model, args.rate)
    forward = torch.compile(model, dynamic=True) if args.compile else model
    for step in range(args.steps):
        queue = queue or batches(coded, args.batch_tokens, rng)
        batch = tensors(coded, queue.pop())
        share = min((step + 1) / 50, 1.0, max(0.02, (args.steps - step) / (0.45 * args.steps)))
        for optim in optims:
            for group in optim.param_groups:
                group["lr"] = args.rate * share
        loss, weight = loss_of(forward, batch)
        (loss / weight).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        seen += int(batch[1].sum())
        if step % 50 == 0 or step + 1 == args.steps:
            spent = time.time() - begun
            left = spent / (step + 1) * (args.steps - step - 1)
            print(
                f"step {step} loss {(loss / weight).item():.3f} {seen / spent:.0f} tokens/s, {left / 60:.0f} min left",
                flush=True,
            )
    return seen


def main() -> None:
    """Fit the tokenizer, train, measure, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch-tokens", type=int, default=5120)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--vocabulary", type=int, default=3072)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--inner", type=int, default=352)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--compile", action="store_true", help="fuse kernels; needs a C++ compiler")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.corpus.read_text(encoding="utf-8").splitlines()]
    rng = random.Random(args.seed)
    prompts = sorted({row["prompt"] for row in rows})
    held = set(rng.sample(prompts, len(prompts) // 50))
    tokenizer = fit_tokenizer(rows, args.vocabulary)
    coded = encode([row for row in rows if row["prompt"] not in held], tokenizer)
    held_rows = [row for row in rows if row["prompt"] in held]
    torch.manual_seed(args.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden,
        intermediate_size=args.inner,
        num_hidden_layers=args.blocks,
        num_attention_heads=args.heads,
        num_key_value_heads=args.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    model = LlamaForCausalLM(config)
    count = sum(weight.numel() for weight in model.parameters())
    total = sum(len(ids) for ids, _ in coded)
    print(f"{count / 1e6:.2f} M weights, {len(coded)} rows, {total / 1e6:.2f} M tokens", flush=True)
    begun = time.time()
    seen = train(model, coded, args)
    minutes = (time.time() - begun) / 60
    model.eval()
    figures = {
        kind: perplexity(model, encode([r for r in held_rows if r["kind"] == kind], tokenizer))
        for kind in sorted({r["kind"] for r in held_rows})
    }
    print(json.dumps(figures), f"{minutes:.1f} minutes")
    model.half().save_pretrained(args.out, safe_serialization=True)
    tokenizer.save_pretrained(args.out)
    (args.out / "training.json").write_text(
        json.dumps(
            {
                "seed": args.seed,
                "minutes": round(minutes, 1),
                "tokens": seen,
                "steps": args.steps,
                "weights": count,
                "held_out_perplexity": {k: round(v, 3) for k, v in figures.items()},
                "rows": len(coded),
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
