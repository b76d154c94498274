"""What both sides of a benchmark work on: model geometry, lengths, batch, inner epochs and adapter."""

from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


@dataclass(frozen=True)
class Workload:
    """Llama geometry with tied embeddings, and the size of one PPO iteration."""

    layers: int
    width: int
    vocabulary: int
    sequences: int
    prompt: int
    response: int
    inner_epochs: int
    trained_layers: int
    feed_forward: int
    head_width: int = 64
    kv_heads: int = 0

    def config(self) -> LlamaConfig:
        """The model: random weights do for speed."""
        heads = self.width // self.head_width
        return LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=heads,
            num_key_value_heads=self.kv_heads or heads,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            num_labels=1,
        )

    def texts(self, rows: int, length: int, seed: int) -> list[str]:
        """Random ordinary words, each of them one token."""
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(len(SPECIAL), self.vocabulary, (rows, length), generator=generator)
        return [" ".join(f"w{number}" for number in row) for row in ids.tolist()]

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """One token per word w4, w5, ..."""
        words = {word: number for number, word in enumerate(SPECIAL)}
        words |= {f"w{number}": number for number in range(len(SPECIAL), self.vocabulary)}
        core = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return PreTrainedTokenizerFast(
            tokenizer_object=core,
            pad_token="<pad>",
            bos_token="<s>",
            eos_token="</s>",
            unk_token="<unk>",
            padding_side="left",
        )


RANK, ALPHA, TARGETS = 16, 32, ("q_proj", "v_proj", "down_proj")
"""The adapter, on the trained layers of either side."""

WORKLOADS = {
    "tiny": Workload(4, 128, 2048, 8, 32, 16, 2, 2, feed_forward=320),
    "small": Workload(16, 512, 32000, 16, 96, 64, 4, 4, feed_forward=1344),
    "gpt2": Workload(12, 768, 50257, 16, 128, 64, 4, 4, feed_forward=2048),
    "llama3-3b": Workload(28, 3072, 128256, 64, 512, 128, 3, 4, feed_forward=8192, head_width=128, kv_heads=8),
}
