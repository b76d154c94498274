"""Law: a classifier of the hub scores as transformers has it, with its own tokenizer; what is none is refused."""

from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    PreTrainedTokenizerBase,
)

from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.rewards.classifier import Classifier

PROMPTS, RESPONSES = ["Is it?", "Why, then?", "?"], ["Yes.", "Because it is so, as I said before.", "No"]
CLASSIFIER = AutoModelForSequenceClassification
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save(
    folder: Path, config: object, tokenizer: PreTrainedTokenizerBase, kind: type = AutoModelForSequenceClassification
) -> Path:
    torch.manual_seed(0)
    made = kind.from_config(config).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(5)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def llama(**more: object) -> object:
    ids = {"bos_token_id": tiny.BOS, "eos_token_id": tiny.END, "pad_token_id": None}
    return AutoConfig.for_model("llama", vocab_size=tiny.VOCABULARY, num_key_value_heads=2, **SMALL, **ids, **more)


@pytest.mark.parametrize("pad", ["<pad>", None])
def test_a_decoder_with_one_label_gives_its_logit_at_the_last_token(tmp_path, pad):
    folder = save(tmp_path / "rm", llama(num_labels=1), tiny.characters(pad=pad))
    found = Classifier(model=str(folder), reads="response").score_all(PROMPTS, RESPONSES)
    whole, tokenizer = CLASSIFIER.from_pretrained(folder), tiny.characters()
    with torch.no_grad():
        alone = [whole(**tokenizer(text, return_tensors="pt")).logits[0, 0] for text in RESPONSES]
    assert_close(torch.tensor(found), torch.stack(alone), atol=1e-5, rtol=1e-5)
    assert len({round(value, 4) for value in found}) == 3


def test_an_encoder_reads_the_pair_and_gives_the_probability_of_a_label(tmp_path):
    config = BertConfig(vocab_size=tiny.VOCABULARY, num_labels=3, pad_token_id=tiny.PAD, **SMALL)
    config.id2label, config.label2id = {0: "good", 1: "poor", 2: "odd"}, {"good": 0, "poor": 1, "odd": 2}
    folder = save(tmp_path / "bert", config, tiny.characters())
    asked = {"model": str(folder), "gives": "probability"}
    found = Classifier(label="poor", **asked).score_all(PROMPTS, RESPONSES)
    by_number = Classifier(label="1", **asked, rows_at_once=1).score_all(PROMPTS, RESPONSES)
    assert found == pytest.approx(by_number, abs=1e-5)
    whole, tokenizer = CLASSIFIER.from_pretrained(folder).eval(), tiny.characters()
    with torch.no_grad():
        alone = [
            whole(**tokenizer(prompt, response, return_tensors="pt")).logits.softmax(-1)[0, 1]
            for prompt, response in zip(PROMPTS, RESPONSES, strict=True)
        ]
    assert_close(torch.tensor(found), torch.stack(alone), atol=1e-5, rtol=1e-5)


def test_a_chat_template_joins_prompt_and_response(tmp_path):
    template = "{% for turn in messages %}{{ turn.role[0] }}:{{ turn.content }};{% endfor %}"
    folder = save(tmp_path / "rm", llama(num_labels=1), tiny.characters(chat_template=template))
    (found,) = Classifier(model=str(folder)).score_all(PROMPTS[:1], RESPONSES[:1])
    plain = Classifier(model=str(folder), reads="response").score_all([""], ["u:Is it?;a:Yes.;"])
    assert found == pytest.approx(plain[0], abs=1e-5)


def test_what_is_no_classifier_is_refused(tmp_path):
    folder = save(tmp_path / "lm", llama(), tiny.characters(), AutoModelForCausalLM)
    with pytest.raises(UserError, match=r"1 missing weights, e\.g\. 'score\.weight'"):
        Classifier(model=str(folder))("a", "b")
    with pytest.raises(UserError, match="cannot be loaded"):
        Classifier(model=str(tmp_path))("a", "b")


def test_the_label_must_be_one_of_the_models(tmp_path):
    folder = save(tmp_path / "rm", llama(num_labels=2), tiny.characters())
    with pytest.raises(UserError, match="has the labels LABEL_0, LABEL_1, and label = 'LABEL_2'"):
        Classifier(model=str(folder), label="LABEL_2")("a", "b")
    with pytest.raises(UserError, match="and label = ''"):
        Classifier(model=str(folder))("a", "b")


def test_check_is_told_what_it_costs(tmp_path):
    folder = save(tmp_path / "rm", llama(num_labels=1), tiny.characters())
    number = sum(weight.numel() for weight in CLASSIFIER.from_pretrained(folder).parameters())
    assert f"{number / 1e6:.1f} M weights more" in build(Classifier, {"model": str(folder)}).describe()
