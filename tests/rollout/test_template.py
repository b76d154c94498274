"""Law: masks go by lengths, pad never ends a response, ids stay inside the vocabulary, and what is cut is counted."""

import pytest
import tiny
import torch
from transformers import PreTrainedTokenizerFast

from topgraft.data.template import PLAIN, LengthSettings, Template, pack, pick_pad
from topgraft.errors import UserError

CHAT = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make(tokenizer=None, end_ids: tuple[int, ...] = (tiny.END,), **settings: object) -> Template:
    return Template(tokenizer or tiny.characters(), end_ids, tiny.VOCABULARY, LengthSettings(**settings))


def text(ids: list[int]) -> str:
    return "".join(tiny.CHARACTERS[number - tiny.FIRST] if number >= tiny.FIRST else f"[{number}]" for number in ids)


def gpt2_like(*, unk: bool) -> PreTrainedTokenizerFast:
    """Pad, end and (as GPT-2 has it) the unknown token are one and the same."""
    made = tiny.characters(pad=None)
    made.pad_token = made.eos_token
    made.unk_token = made.eos_token if unk else None
    return made


@pytest.mark.parametrize(
    ("tokenizer", "end_ids"),
    [
        (tiny.characters(), (tiny.END,)),
        (tiny.characters(pad=None), (tiny.END,)),
        (tiny.characters(pad="</s>"), (tiny.END,)),
        (tiny.characters(pad="</s>"), (tiny.END, tiny.UNK, tiny.BOS, tiny.PAD)),
        (gpt2_like(unk=True), (tiny.END,)),
        (gpt2_like(unk=False), (tiny.END, tiny.BOS)),
    ],
    ids=["own pad", "no pad", "pad is end", "every special token ends", "gpt2", "no unknown token"],
)
def test_pad_is_inside_the_vocabulary_and_no_end_id(tokenizer, end_ids: tuple[int, ...]):
    form = make(tokenizer, end_ids)
    assert form.pad_id not in end_ids
    assert 0 <= form.pad_id < tiny.VOCABULARY


def test_the_tokenizers_own_pad_is_used_where_it_is_apart_from_the_end():
    assert make().pad_id == tiny.PAD


def test_a_pad_outside_the_model_is_not_used():
    tokenizer = tiny.characters(pad=None)
    tokenizer.add_special_tokens({"pad_token": "<extra>"})
    assert tokenizer.pad_token_id == tiny.VOCABULARY
    assert 0 <= make(tokenizer).pad_id < tiny.VOCABULARY


def test_a_vocabulary_of_end_tokens_only_is_refused():
    with pytest.raises(UserError, match="none to pad with"):
        pick_pad(tiny.characters(), (0, 1), 2)


def test_ids_outside_the_models_vocabulary_are_refused():
    tokenizer = tiny.characters()
    tokenizer.add_tokens(["<new>"])
    form = make(tokenizer)
    for encode in (form.encode_prompt, form.encode_response):
        with pytest.raises(UserError, match=r"token id 100.*100 only"):
            encode("a<new>b")


def test_a_prompt_without_a_chat_template_is_put_into_the_plain_one():
    form = make()
    assert text(form.encode_prompt("2+2?")) == PLAIN.replace("{prompt}", "2+2?")
    assert not form.own


def test_the_tokenizers_chat_template_is_used_where_there_is_one():
    form = make(tiny.characters(chat_template=CHAT))
    assert text(form.encode_prompt("2+2?")) == "<user>2+2?<assistant>"
    assert "chat template" in form.describe()


def test_a_template_of_the_recipe_goes_before_the_tokenizers_own():
    form = make(tiny.characters(chat_template=CHAT), template="Q: {prompt}\nA: ")
    assert text(form.encode_prompt("{x}")) == "Q: {x}\nA: "
    with pytest.raises(UserError, match=r"\{prompt\}"):
        make(template="Q:")


def test_a_response_ends_with_the_first_end_id_and_it_is_counted():
    form = make(end_ids=(tiny.END, 50), template="{prompt}")
    tokens = form.tokens([("ab", "xyz"), ("abcd", "x")], tiny.CPU)
    assert text(tokens.ids_BT[0].tolist()) == "abxyz[2]"
    assert text(tokens.ids_BT[1].tolist()) == "abcdx[2]"
    assert tokens.counted_BT.tolist() == [[False] * 2 + [True] * 4, [False] * 4 + [True] * 2]


def test_masks_go_by_length_so_a_response_that_holds_the_pad_id_stays_counted():
    tokens = pack([([9, tiny.PAD], [tiny.PAD, 5, tiny.PAD]), ([9], [tiny.PAD])], tiny.PAD, tiny.CPU)
    assert tokens.real_BT.tolist() == [[True] * 5, [True] * 2 + [False] * 3]
    assert tokens.counted_BT.tolist() == [
        [False, False, True, True, True],
        [False, True, False, False, False],
    ]


def test_a_long_prompt_is_cut_in_the_middle_and_counted_once():
    form = make(template="{prompt}", max_prompt_tokens=9)
    assert text(form.encode_prompt("abcdefghijklm")) == "abcdijklm"
    form.encode_prompt("abcdefghijklm")
    assert text(form.encode_prompt("stuvwxyz!")) == "stuvwxyz!"
    assert form.cut_prompts == {"abcdefghijklm"}
    assert form.cut_responses == set()


def test_a_long_response_is_cut_at_its_end_and_counted():
    form = make(max_response_tokens=4)
    assert text(form.encode_response("abc")) == "abc[2]"
    assert text(form.encode_response("abcd")) == "abcd"
    assert form.cut_responses == {"abcd"}
    assert form.cut_prompts == set()


def test_too_long_error_refuses_prompts_and_responses_with_their_lengths():
    form = make(template="{prompt}", max_prompt_tokens=8, max_response_tokens=3, too_long="error")
    with pytest.raises(UserError, match=r"10 tokens.* 8 .*abcdefghij"):
        form.encode_prompt("abcdefghij")
    with pytest.raises(UserError, match=r"4 tokens.*max_response_tokens = 3.*abc"):
        form.encode_response("abc")
    assert len(form.encode_prompt("abcdefgh")) == 8
    assert len(form.encode_response("ab")) == 3


def test_prompt_and_response_together_fit_the_models_context():
    settings = LengthSettings(max_prompt_tokens=100, max_response_tokens=20, template="{prompt}")
    form = Template(tiny.characters(), (tiny.END,), tiny.VOCABULARY, settings, context=30)
    assert len(form.encode_prompt("x" * 50)) == 10
    with pytest.raises(UserError, match=r"max_response_tokens = 20.*context of 25"):
        Template(tiny.characters(), (tiny.END,), tiny.VOCABULARY, settings, context=25)


def test_a_data_set_of_which_over_half_is_cut_is_refused():
    form = make(template="{prompt}", max_prompt_tokens=8)
    for prompt in ("a" * 9, "b" * 9, "short", "brief"):
        form.encode_prompt(prompt)
    form.refuse_when_mostly_cut(4)
    with pytest.raises(UserError, match="2 of 3 prompts do not fit 8 tokens"):
        form.refuse_when_mostly_cut(3)


@pytest.mark.parametrize(
    "settings", [{"too_long": "eror"}, {"max_prompt_tokens": 7}, {"max_response_tokens": 0}], ids=str
)
def test_settings_that_mean_nothing_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        LengthSettings(**settings)


def test_an_empty_prompt_is_refused_and_an_empty_response_is_its_end():
    form = make()
    with pytest.raises(UserError, match="empty"):
        form.encode_prompt(" \n")
    assert form.encode_response("") == [tiny.END]


def test_decoding_a_response_gives_the_text_back():
    form = make()
    assert form.decode(form.encode_response("Good: 2+2 = 4.\nNext?")) == "Good: 2+2 = 4.\nNext?"


def test_an_end_token_that_the_tokenizer_appends_to_prompts_is_taken_off():
    from tokenizers.processors import TemplateProcessing

    tokenizer = tiny.characters()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", tiny.BOS), ("</s>", tiny.END)]
    )
    form = make(tokenizer, template="{prompt}")
    assert text(form.encode_prompt("ab")) == "[1]ab"
    assert text(form.encode_response("ab")) == "ab[2]"


def test_rows_cut_padding_back_to_the_longest_chosen_row():
    tokens = tiny.random_tokens([(2, 1), (5, 5), (3, 2)])
    few = tokens.rows(torch.tensor([2, 0]))
    assert few.ids_BT.shape == (2, 5)
    assert few.lengths_B.tolist() == [5, 3]
    assert few.counted_BT.sum(1).tolist() == [2, 1]
