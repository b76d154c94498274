"""The token that ends an answer in training is the one that the chat template puts behind an answer."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from topgraft.model.load import turn_end

WORDS = ["<pad>", "<eos>", "<end_of_turn>", "<start>", "question", "ANSWER", "user", "assistant", "<unk>"]


def tokenizer(template: str | None) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.add_special_tokens(["<pad>", "<eos>", "<end_of_turn>", "<start>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>", unk_token="<unk>", chat_template=template
    )


def turns(behind: str) -> str:
    return (
        "{% for message in messages %}<start>{{ message['role'] }} {{ message['content'] }}" + behind + "{% endfor %}"
    )


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (turns("<end_of_turn>"), "<end_of_turn>"),
        (turns("<eos>"), "<eos>"),
        (turns(" <end_of_turn><eos>"), "<end_of_turn>"),
        (turns(""), None),
        (None, None),
    ],
)
def test_the_end_of_a_turn_is_read_from_the_template(template, end):
    found = turn_end(tokenizer(template))
    assert (WORDS[found] if found is not None else None) == end
