"""Perplexity under a third model, against its own probabilities, token by token."""

import math
from pathlib import Path

import pytest
import torch
from evaluations import answers, evaluation
from transformers import AutoModelForCausalLM, AutoTokenizer

from topgraft.errors import UserError
from topgraft.evaluate.metrics import perplexity
from topgraft.evaluate.metrics.perplexity import refuse_unreadable, surprise
from topgraft.model.load import SHIPPED


def nats_of(folder: Path, text: str) -> tuple[float, int]:
    """-log p of the text behind the start token, one step at a time, in float64."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).double()
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids, nats = [start], 0.0
    for token in tokenizer(text, add_special_tokens=False).input_ids:
        with torch.no_grad():
            logits_V = model(input_ids=torch.tensor([ids])).logits[0, -1]
        nats -= torch.log_softmax(logits_V, -1)[token].item()
        ids.append(token)
    return nats, len(ids) - 1


def test_surprise_is_the_models_own(model_folder: Path):
    texts = ["abc def", "", "a"]
    found = surprise(str(model_folder), texts)
    assert found[1] == (0.0, 0)
    for text, (nats, tokens) in zip(texts, found, strict=True):
        expected, count = nats_of(model_folder, text)
        assert tokens == count
        assert nats == pytest.approx(expected, abs=1e-3)


def test_perplexity_weighs_tokens_alike_and_ignores_prompts(model_folder: Path):
    rows = answers("sft", ["abc", "a longer text", "", "x"])
    result = perplexity.measure(evaluation(rows, perplexity_model=str(model_folder), base="other/model"))
    assert result is not None
    sums = [nats_of(model_folder, row.response) for row in rows]
    by_hand = math.exp(sum(nats for nats, _ in sums) / sum(tokens for _, tokens in sums))
    measure = result.measures["sft"]
    assert measure.value == pytest.approx(by_hand, rel=1e-5)
    assert measure.low <= measure.value <= measure.high
    assert result.instrument == {"model": str(model_folder), "tokens": sum(tokens for _, tokens in sums)}


def test_the_arms_own_base_is_named_as_such(model_folder: Path):
    rows = answers("sft", ["abc"])
    for base in (str(model_folder), f"{model_folder}/"):
        result = perplexity.measure(evaluation(rows, perplexity_model=str(model_folder), base=base))
        assert result is not None
        assert "own base model" in str(result.instrument["warning"])


def test_texts_longer_than_the_model_reads_are_cut():
    text = "def f(x): return x + 1 " * 400
    ((nats, tokens),) = surprise(str(SHIPPED["seedling"]), [text])
    limit = AutoModelForCausalLM.from_pretrained(SHIPPED["seedling"]).config.max_position_embeddings
    assert tokens == min(perplexity.LONGEST, limit) - 1
    assert math.isfinite(nats)


def test_without_a_model_there_is_no_perplexity_and_an_unknown_one_is_refused(tmp_path: Path):
    assert perplexity.measure(evaluation(answers("sft", ["abc"]))) is None
    with pytest.raises(UserError, match=r"evaluate\.perplexity_model: There is no model folder"):
        refuse_unreadable(str(tmp_path / "none"))
