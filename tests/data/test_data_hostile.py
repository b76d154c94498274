"""Files that are not what they seem: a clear message with the row's place, and no good row is lost."""

import gzip
import json

import pytest
from refusing import refusal

from topgraft.data.files import LONGEST
from topgraft.data.findings import introduce
from topgraft.data.reading import DataSettings, read, read_all
from topgraft.data.table import Fault, summary
from topgraft.data.voices import read_voices
from topgraft.errors import UserError

GOOD = '{"prompt": "p", "response": "r"}'


@pytest.mark.parametrize("page", ["<!DOCTYPE html>\n<html>", "\n <html lang='en'><head>", "<!-- x --><!doctype HTML>"])
@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.csv"])
def test_a_web_page_under_another_name_is_recognised(write, page, name):
    source = write(name, page + "<body>Sign in</body></html>")
    for skip in (False, True):
        message = refusal(source, skip_bad=skip)
        assert f"{source} is a web page (it begins with " in message
        assert "Download the file itself" in message


def test_a_pointer_of_git_lfs_is_recognised(write):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"
    assert "is a pointer of Git LFS" in refusal(write("r.jsonl", pointer))


def test_of_a_truncated_gzip_the_rows_before_the_cut_are_saved(write):
    lines = [json.dumps({"prompt": f"question {n}?", "response": str(hash((n, "x")))}) for n in range(2000)]
    packed = gzip.compress("\n".join(lines).encode())
    source = write("r.jsonl.gz", packed[: len(packed) // 2])
    assert "cannot be unzipped" in refusal(source)
    assert "--skip-bad takes the rows before the damage" in refusal(source)
    found = read_all(DataSettings(source=source, skip_bad=True))
    assert 500 < len(found.rows) < 2000
    assert [row.prompt for row in found.rows] == [f"question {n}?" for n in range(len(found.rows))]
    assert len(found.left_out) <= 1
    assert "cannot be unzipped" in refusal(write("s.jsonl.gz", b"no gzip at all"), skip_bad=True)


def test_latin_1_is_named_by_its_row_read_by_a_flag_and_skipped_row_by_row(write):
    bad = '{"prompt": "café", "response": "r"}'.encode("latin-1")
    source = write("r.jsonl", GOOD.encode() + b"\n" + bad + b"\n" + GOOD.encode())
    message = refusal(source)
    assert "byte 0xe9 at offset 48 (line 2)" in message
    assert "--set data.encoding=latin-1" in message
    assert [row.prompt for row in read(DataSettings(source=source, encoding="latin-1"))] == ["p", "café", "p"]
    found = read_all(DataSettings(source=source, skip_bad=True))
    assert [row.prompt for row in found.rows] == ["p", "p"]
    assert [fault.message for fault in found.left_out] == [
        f"{source}, line 2: 'prompt' is not UTF-8 text: byte 0xe9 at position 3. "
        f"Name the encoding, e.g. --set data.encoding=latin-1."
    ]
    assert "no encoding that Python knows" in refusal(source, encoding="klingon")
    assert read(DataSettings(source=write("u.csv", "prompt,response\né,b\n".encode("utf-16")), encoding="utf-16"))


def test_a_byte_order_mark_is_dropped_also_where_bad_rows_are_skipped(write):
    source = write("r.jsonl", b"\xef\xbb\xbf" + GOOD.encode() + b'\n{"prompt": "\xff", "response": "r"}')
    assert len(read(DataSettings(source=source, skip_bad=True))) == 1
    assert read(DataSettings(source=write("r.csv", b"\xef\xbb\xbfprompt,response\na,b\n")))[0].prompt == "a"


@pytest.mark.parametrize(("name", "size"), [("r.jsonl", 100_000_000), ("r.csv", LONGEST + 1), ("r.json", LONGEST + 1)])
def test_a_row_of_100_mb_is_named_and_the_others_are_read(write, name, size):
    long = "x" * size
    good, bad = {"prompt": "p", "response": "r"}, {"prompt": long, "response": "r"}
    text = {
        "r.jsonl": f"{GOOD}\n{json.dumps(bad)}\n{GOOD}\n",
        "r.csv": f"prompt,response\np,r\n{long},r\np,r\n",
        "r.json": json.dumps([good, bad, good]),
    }[name]
    place = {"r.jsonl": "line 2", "r.csv": "line 3", "r.json": "row 2"}[name]
    source = write(name, text)
    message = refusal(source)
    assert f"{source}, {place}" in message
    assert "is too long" in message
    assert f"{LONGEST:,}" in message
    assert len(message) < 500
    assert len(read(DataSettings(source=source, skip_bad=True))) == 2


def test_a_column_of_lists_is_named(write):
    source = write("r.jsonl", GOOD + '\n{"prompt": ["p", "q"], "response": "r"}')
    assert f"{source}, line 2: 'prompt' must be text, not list: ['p', 'q']" in refusal(source)
    assert "1 of 2 rows is no good; --skip-bad" in refusal(source)
    assert len(read(DataSettings(source=source, skip_bad=True))) == 1


def test_emoji_and_right_to_left_text_come_through_unchanged(write):
    texts = [
        "\U0001f469\u200d\U0001f4bb e\u0301 \U0001f600",
        "\u200fשלום עולם\u200e, مرحبا",
        "\u202eabc\u202c 한국어 \u0e01\u0e33",
    ]
    for name in ("r.jsonl", "r.csv"):
        lines = [json.dumps({"prompt": t, "response": t}, ensure_ascii=False) for t in texts]
        table = "prompt,response\n" + "\n".join(f'"{t}","{t}"' for t in texts)
        rows = read(DataSettings(source=write(name, "\n".join(lines) if name == "r.jsonl" else table)))
        assert [row.prompt for row in rows] == [row.response for row in rows] == texts


BROKEN = ['{"prompt": "p", "response"', '{"prompt": "p"}', '{"prompt": "", "response": "r"}', "[1]", '"text"']


def test_of_rows_of_which_a_tenth_is_broken_every_good_one_is_kept(write):
    lines = [BROKEN[n // 10 % 5] if n % 10 == 3 else GOOD.replace('"p"', f'"p{n}"') for n in range(2000)]
    source = write("r.jsonl", "\n".join(lines))
    message = refusal(source)
    assert message.startswith(f"{source}, line 4 is not JSON")
    assert "(120 of 2000 rows are no good; --skip-bad, or data.skip_bad = true" in message
    found = read_all(DataSettings(source=source, skip_bad=True))
    assert [row.prompt for row in found.rows] == [f"p{n}" for n in range(2000) if n % 10 != 3]
    assert (found.found, len(found.left_out)) == (2000, 200)
    assert {fault.place for fault in found.left_out} == {f"{source}, line {n + 1}" for n in range(3, 2000, 10)}
    said = "\n".join(text for _, text in introduce(found))
    assert "200 of 2000 rows" in said
    assert f"40 rows: is not JSON; {source}, line 4, line 54, line 104 and 37 more" in said
    assert "rows for 2 other reasons" in said


def test_when_every_row_is_bad_nothing_is_skipped(write):
    source = write("r.jsonl", "\n".join(BROKEN[:1] * 5))
    assert "None of the 5 rows can be used" in refusal(source, skip_bad=True)
    assert "is not JSON" in refusal(source, skip_bad=True)
    assert "None of the 2 rows can be used" in refusal(
        write("s.jsonl", '{"prompt": "", "response": "r"}\n' * 2), skip_bad=True
    )


def test_bad_rows_of_csv_do_not_swallow_those_behind_them(write):
    source = write("r.csv", 'prompt,response\na,b\nc\n"open,d\ne,f\n"g\ng",h\ni,j,k\nl,m\n')
    found = read_all(DataSettings(source=source, skip_bad=True))
    assert [(row.prompt, row.response) for row in found.rows] == [("a", "b"), ("e", "f"), ("g\ng", "h"), ("l", "m")]
    assert [fault.place.rpartition(", ")[2] for fault in found.left_out] == ["line 3", "line 4", "line 8"]


def test_of_a_json_list_that_is_cut_the_rows_before_the_cut_are_saved(write):
    source = write("r.json", json.dumps([{"prompt": f"p{n}", "response": "r"} for n in range(9)], indent=1)[:-40])
    assert "is not JSON" in refusal(source)
    found = read_all(DataSettings(source=source, skip_bad=True))
    assert [row.prompt for row in found.rows] == [f"p{n}" for n in range(8)]
    assert "What follows row 8 is lost." in found.left_out[0].message


@pytest.mark.parametrize("name", ["r.jsonl", "r.json"])
def test_a_row_that_is_nested_too_deep_is_one_bad_row(write, name):
    for depth in [*range(700, 1000, 7), 5000]:  # what Python can still read it cannot always show
        bad = f'{{"prompt": {"[" * depth}{"]" * depth}, "response": "r"}}'
        rows = [GOOD, bad, GOOD]
        source = write(name, "\n".join(rows) if name == "r.jsonl" else f"[{', '.join(rows)}]")
        if name == "r.jsonl":
            found = read_all(DataSettings(source=source, skip_bad=True))
            assert [fault.place.rpartition(", ")[2] for fault in found.left_out] == ["line 2"]
            assert len(found.rows) == 2
        assert "r.json" in refusal(source)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"prompt": "p", "answer_a": "1", "answer_b": "2", "winner": NaN}', "'winner' is nan, which is neither"),
        ('{"prompt": "p", "answer_a": "1", "answer_b": "2", "winner": Infinity}', "'winner' is inf, which is neither"),
        (
            '{"prompt": "p", "answer_a": "1", "answer_b": "2", "score_a": NaN, "score_b": 1}',
            "'score_a' must be a number",
        ),
        (
            f'{{"prompt": "p", "answer_a": "1", "answer_b": "2", "score_a": 1{"0" * 400}, "score_b": 1}}',
            "'score_a' must be a number",
        ),
        ('{"key": "k", "group": "g", "prompt": "p", "response": "r", "right": 3}', "is no row that"),
        ('{"key": "k", "group": "g", "prompt": "p", "response": "r", "strength": "x"}', "is no row that"),
        ('{"key": "k", "group": "g", "prompt": "\\ud800", "response": "r"}', "'prompt' holds half a character"),
    ],
)
def test_numbers_that_are_none_and_fields_of_another_kind_are_bad_rows(write, row, said):
    assert said in refusal(write("r.jsonl", f"{row}\n"))


def test_a_rank_that_is_no_number_is_no_rank(write):
    messages = [{"message_id": "q", "parent_id": None, "text": "Why?", "role": "prompter"}]
    messages += [{"message_id": f"a{n}", "parent_id": "q", "text": f"So {n}.", "role": "assistant"} for n in range(3)]
    for message, rank in zip(messages[1:], (10**400, 1, 0), strict=True):
        message["rank"] = rank
    source = write("r.jsonl", "\n".join(map(json.dumps, messages)))
    pairs = read(DataSettings(source=source, view="pairs"))
    assert [(row.response, row.rejected) for row in pairs] == [("So 2.", "So 1.")]


def test_prepared_rows_that_name_their_part_keep_it(write):
    rows = [
        {"key": p, "group": p, "prompt": f"{p}?", "response": "r", "part": p} for p in ("train", "test", "validation")
    ]
    found = read(DataSettings(source=write("r.jsonl", "\n".join(map(json.dumps, rows)))))
    assert [row.part for row in found] == ["train", "test", "validation"]
    table = "key,group,prompt,response,correct\nk,g,p,r,true\n"  # a table of one's own that happens to have the names
    assert [row.correct for row in read(DataSettings(source=write("r.csv", table)))] == [True]


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "hex", "zlib", "a\0b", "", "utf-7", "rot13"])
def test_codecs_that_are_none_of_text_are_refused(write, encoding):
    said = refusal(write("r.csv", b"prompt,response\n\xff..,\xc3\n" * 30), encoding=encoding)
    assert "no encoding that Python knows" in said or "is not" in said


def test_a_table_of_very_many_columns_is_read_and_its_bad_rows_named_in_few_words(write):
    source = write("r.csv", ",".join(f"column {n}" for n in range(100_000)) + "\n" + "x\n" * 1000)
    said = refusal(source)
    assert "has 1 cells, the header 100000 (column 0, column 1," in said
    assert len(said) < 1000


def test_doubled_ids_are_bad_rows_but_the_first_is_kept(write):
    source = write("r.csv", "id,prompt,response\nx,a,b\nx,c,d\ny,e,f\n")
    assert [row.prompt for row in read(DataSettings(source=source, skip_bad=True))] == ["a", "e"]


def test_lines_that_are_strings_are_prompts_but_not_among_objects(write):
    rows = read(DataSettings(source=write("r.jsonl", '"one?"\n"two?"\n')))
    assert [(row.prompt, row.response) for row in rows] == [("one?", ""), ("two?", "")]
    assert "line 2 holds a string, not an object" in refusal(write("s.jsonl", f'{GOOD}\n"one?"\n'))


def test_voices_are_never_skipped(write):
    with pytest.raises(UserError, match="line 2 is not JSON"):
        read_voices(write("v.jsonl", '{"id": "a", "voice": "v", "feedback": "f"}\nno\n'))


def test_a_summary_counts_kinds_and_names_the_first_places():
    faults = [Fault(f"f, line {n}", f"f, line {n}: 'a' is empty. Fill it in.") for n in range(5)]
    assert summary([*faults, Fault("f, line 9", "f, line 9 is not JSON: x")]) == [
        "5 rows: 'a' is empty; f, line 0, line 1, line 2 and 2 more",
        "1 row: is not JSON; f, line 9",
    ]
