"""Inspection: every finding on rows made to show it, and against figures worked out by hand or by the library."""

from itertools import combinations

import pytest
import sacrebleu
import tiny

from topgraft.data.findings import render
from topgraft.data.inspecting import inspect
from topgraft.data.likeness import Likeness, pairwise_bleu, sentence_bleu
from topgraft.data.reading import DataSettings, read
from topgraft.data.splitting import Splits, split
from topgraft.data.template import LengthSettings, Template
from topgraft.records import Demonstration


def row(key: str, prompt: str = "", response: str = "", group: str = "", correct: bool | None = None) -> Demonstration:
    return Demonstration(
        key=key,
        group=group or key,
        prompt=prompt or f"prompt number {key}",
        response=response or f"response number {key}",
        correct=correct,
    )


def parts(train: list[Demonstration], test: list[Demonstration], validation: list[Demonstration]) -> Splits:
    return Splits(train=train, test=test, validation=validation)


def look(train, test, validation, template=None):
    return inspect([*train, *test, *validation], parts(train, test, validation), template)


def test_counts_of_rows_groups_parts_and_labels():
    found = look(
        [row("a", group="g", correct=True), row("b", group="g", correct=False)], [row("c")], [row("d", correct=True)]
    )
    assert (found.rows, found.groups) == (4, 3)
    assert found.parts == {"train": (2, 1), "test": (1, 1), "validation": (1, 1)}
    assert found.labels == {"correct": 2, "incorrect": 1, "unknown": 1}


def test_lengths_in_words_are_nearest_rank_percentiles():
    everything = [row(f"r{n}", prompt="w " * n, response="v " * (1 + n // 20)) for n in range(1, 201)]
    found = look(everything[:100], everything[100:110], everything[110:])
    assert found.unit == "words"
    assert (found.prompts.p50, found.prompts.p99, found.prompts.longest) == (100, 198, 200)
    assert (found.responses.p50, found.responses.p99, found.responses.longest) == (6, 10, 11)


def test_lengths_in_tokens_are_those_that_training_sees_and_the_template_stays_as_it_was(tokenizer):
    settings = LengthSettings(max_prompt_tokens=60, max_response_tokens=20)
    template = Template(tokenizer, (tiny.END,), tiny.VOCABULARY, settings)
    everything = [row("a", "short", "fits"), row("b", "x" * 100, "fits"), row("c", "short", "y" * 20)]
    found = look(everything[:1], everything[1:2], everything[2:], template)
    assert found.unit == "tokens"
    assert found.cut == ["b", "c"]
    assert template.cut_prompts == set()
    assert template.cut_responses == set()
    roomy = Template(
        tokenizer, (tiny.END,), tiny.VOCABULARY, LengthSettings(max_prompt_tokens=999, max_response_tokens=99)
    )
    lengths = sorted(len(roomy.encode_prompt(r.prompt)) for r in everything)
    assert (found.prompts.p50, found.prompts.longest) == (lengths[1], lengths[2])
    assert found.responses.longest == len(roomy.encode_response("y" * 20)) == 21


def test_doubles_and_leaks_are_counted():
    same = "the same question"
    found = look(
        [row("a", same, "one answer"), row("b", same, "one answer"), row("e", group="shared")],
        [row("c", f" {same}\n", "another")],
        [row("d", group="shared")],
    )
    assert (found.double_prompts, found.double_responses) == (2, 1)
    assert found.leaked_prompts == [same]
    assert found.leaked_groups == ["shared"]


def test_programs_that_differ_in_their_indentation_only_are_different_prompts():
    assert look([row("a", "for x in y:\n  f(x)")], [row("b", "for x in y:\nf(x)")], [row("c")]).double_prompts == 0


def test_empty_rows_are_named():
    blank = Demonstration(key="blank", group="blank", prompt="p", response=" \n")
    assert look([row("a")], [blank], [row("b")]).empty == ["blank"]


def test_odd_rows_are_named_with_the_reason():
    usual = [row(f"r{n}", prompt=f"{n} " * 30, response=f"{n} " * 40) for n in range(9)]
    odd = [
        row("long", prompt="x " * 30, response="y " * 401),
        row("short", prompt="z " * 30, response="y y y"),
        row("echo", prompt="e " * 30, response="e " * 30),
        row("damaged", prompt="caf\ufffd " * 30, response="c " * 40),
    ]
    found = look(usual, odd[:2], odd[2:])
    assert found.suspicious == [
        ("long", "response of 401 words, usual are 40"),
        ("short", "response of 3 words, usual are 40"),
        ("echo", "the response is the prompt"),
        ("damaged", "damaged characters"),
    ]


def test_overlap_is_the_best_match_of_every_test_reference():
    train = [row("a", response="the loop ends one step too early"), row("b", response="nothing alike at all in here")]
    test = [row("c", response="the loop ends one step too late"), row("d", response="nothing alike at all in here")]
    best = [max(sacrebleu.sentence_bleu(t.response, [r.response]).score for r in train) for t in test]
    found = look(train, test, [row("e")]).overlap
    assert found.n == 2
    assert found.mean == pytest.approx(sum(best) / 2)
    assert found.highest == pytest.approx(100.0)
    assert 30 < best[0] < 90


def test_pairwise_bleu_takes_all_pairs_of_a_few_texts():
    texts = ["a b c d e", "a b c d f", "v w x y z", "a b c d e"]
    scores = [sentence_bleu(a, b) for a, b in combinations(texts, 2)]
    found = pairwise_bleu(texts)
    assert found.n == 6
    assert found.mean == pytest.approx(sum(scores) / 6)
    assert found.highest == pytest.approx(100.0)


def test_pairwise_bleu_of_many_texts_is_a_fixed_sample():
    texts = [row.response for row in read(DataSettings(max_rows=40))]
    assert pairwise_bleu(texts, pairs=100) == pairwise_bleu(texts, pairs=100)
    assert pairwise_bleu(texts, pairs=100).n == 100
    assert pairwise_bleu(texts, pairs=100) != pairwise_bleu(texts, pairs=100, seed=1)


@pytest.mark.parametrize("texts", [[], ["alone"]])
def test_pairwise_bleu_of_no_pair_is_zero_of_none(texts):
    assert pairwise_bleu(texts) == Likeness(0.0, 0.0, 0)


def test_bleu_of_equal_and_of_foreign_texts():
    assert sentence_bleu("one two three four five", "one two three four five") == pytest.approx(100.0)
    assert sentence_bleu("one two three four five", "six seven eight nine ten") < 10


def test_the_shipped_set_is_clean():
    settings = DataSettings()
    rows = read(settings)
    found = inspect(rows, split(rows, settings.split, settings.split_seed))
    assert found.labels == {"correct": 100, "incorrect": 100, "unknown": 0}
    assert (found.double_prompts, found.double_responses) == (0, 0)
    assert (found.leaked_prompts, found.leaked_groups, found.empty, found.suspicious) == ([], [], [], [])
    assert (found.overlap.n, found.likeness.n) == (40, 2000)
    assert found.likeness.mean < 15
    # The professor repeats his turns of phrase: the best match of a test comment in training has BLEU 37 on average.
    assert found.overlap.highest < 50
    assert len(found.examples) == 3


def test_the_rendered_lines_say_what_was_found():
    found = look(
        [row(f"k{n}", prompt="same  words\nhere", response=f"answer {n}", group="g", correct=True) for n in range(5)],
        [row("t", "same  words\nhere", "answer 1", group="g")],
        [row("v", "x" * 300, "answer 9")],
    )
    lines = dict(render(found))
    assert lines["rows"] == "7 in 2 groups"
    assert lines["  train"] == "5 in 1 group"
    assert lines["labels"] == "5 correct, 2 unknown"
    assert lines["repeated prompts"] == "5"
    assert lines["repeated responses"] == "1"
    assert lines["prompts in two parts"] == "1: same words here"
    assert lines["groups in two parts"] == "1: g"
    assert lines["empty"] == "none"
    assert lines["over the limits"] == "not known without a model"
    assert "best match of 1 test reference)" in lines["test to train BLEU"]
    assert "21 pairs of references" in lines["pairwise BLEU"]
    assert lines["example k0"] == "same words here"
    assert all("\n" not in text and len(text) <= 220 for text in lines.values())
