"""Reading rows: every sort of file, every column setting, and what a user is told when something is wrong."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from refusing import refusal

from topgraft.data.reading import DataSettings, digest, read, read_all, thin
from topgraft.data.sources import shipped_sets
from topgraft.records import Demonstration

ROWS = [
    {"id": "a", "problem": "p", "prompt": "What is 2 + 2?", "response": "Four, of course.", "correct": True},
    {
        "id": "b",
        "problem": "p",
        "prompt": 'Say "hi",\nplease',
        "response": "hi \u00fc \u2028 \U0001f600",
        "correct": False,
    },
    {"id": "c", "problem": "q", "prompt": "Why?", "response": "Because.", "correct": None},
]
WANTED = [
    Demonstration(key=r["id"], group=r["problem"], prompt=r["prompt"], response=r["response"], correct=r["correct"])
    for r in ROWS
]


def json_lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def csv_text(rows: list[dict]) -> str:
    def cell(value: object) -> str:
        return '"' + ("" if value is None else str(value)).replace('"', '""') + '"'

    return "\r\n".join([",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)]) + "\r\n"


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", json_lines(ROWS)),
        ("rows.jsonl", "\ufeff" + json_lines(ROWS).replace("\n", "\r\n") + "\r\n\r\n"),
        ("rows.json", json_lines(ROWS)),
        ("rows.json", json.dumps(ROWS)),
        ("rows.json", json.dumps(ROWS, indent=2)),
        ("rows.json", json.dumps({"about": "answers", "rows": ROWS}, indent=2)),
        ("rows.json", json.dumps({"about": "answers", "rows": ROWS})),
        ("ROWS.JSON", json.dumps(ROWS)),
        ("rows.csv", csv_text(ROWS)),
        ("rows.csv", "\ufeff" + csv_text(ROWS) + "\r\n"),
    ],
    ids=["lines", "bom-crlf", "json-lines", "list", "indented", "object", "object-line", "capitals", "csv", "csv-bom"],
)
def test_the_same_rows_come_out_of_every_sort_of_text_file(write, name, content, gz):
    assert read(DataSettings(source=write(name + gz, content))) == WANTED


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_parquet_is_read_and_leaves_nothing_behind(tmp_path, write, gz):
    import datasets

    datasets.Dataset.from_list(ROWS).to_parquet(str(tmp_path / "plain.parquet"))
    plain = (tmp_path / "plain.parquet").read_bytes()
    source = write(f"rows.parquet{gz}", gzip.compress(plain) if gz else plain)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert read(DataSettings(source=source)) == WANTED
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_parquet_file_is_refused(write):
    assert "is not a readable Parquet file" in refusal(write("rows.parquet", b"PAR1 but no more"))


def test_reading_changes_nothing_on_disk(tmp_path, write):
    source = write("rows.csv", csv_text(ROWS))
    stamp = Path(source).stat().st_mtime_ns
    read(DataSettings(source=source))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert Path(source).stat().st_mtime_ns == stamp


def test_the_shipped_set_is_the_default():
    rows = read(DataSettings())
    assert len(rows) == 200
    assert len({row.group for row in rows}) == 50
    assert sum(row.correct is True for row in rows) == 100
    assert rows[0].response.startswith("I am pleased to find that your solution is correct.")
    assert "feedback-200" in shipped_sets()


def test_columns_are_taken_as_named(write):
    source = write(
        "r.jsonl", '{"q": "one?", "a": "1", "unit": 7, "n": 3, "ok": "incorrect", "id": "x", "prompt": "no"}\n'
    )
    (row,) = read(DataSettings(source=source, prompt="q", response="a", group="unit", key="n", correct="ok"))
    assert row == Demonstration(key="3", group="7", prompt="one?", response="1", correct=False)


@pytest.mark.parametrize("column", ["professor_feedback", "completion", "response", "output", "answer", "chosen"])
def test_usual_names_of_the_response_are_found(write, column):
    source = write("r.jsonl", json.dumps({"prompt": "p", column: "r"}) + "\n")
    assert read(DataSettings(source=source))[0].response == "r"


def test_of_two_usual_names_the_earlier_in_the_table_is_taken(write):
    source = write("r.jsonl", '{"prompt": "p", "answer": "late", "completion": "early"}\n')
    assert read(DataSettings(source=source))[0].response == "early"


def test_rows_without_id_and_problem_are_numbered_and_rows_of_one_prompt_stay_together(write):
    source = write("r.csv", "prompt,response\na,b\nc,d\n")
    rows = read(DataSettings(source=source))
    assert [(row.key, row.group, row.correct) for row in rows] == [("row-1", "a", None), ("row-2", "c", None)]


def test_a_dash_switches_the_usual_columns_off(write):
    source = write("r.csv", "prompt,response,id,problem,correct\na,b,same,p,maybe\nc,d,same,p,perhaps\n")
    rows = read(DataSettings(source=source, key="-", group="-", correct="-"))
    assert [(row.key, row.group, row.correct) for row in rows] == [("row-1", "a", None), ("row-2", "c", None)]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (1.0, True),
        ("true", True),
        ("False", False),
        ("1", True),
        ("0", False),
        ("correct", True),
        (" Incorrect ", False),
        (None, None),
        ("", None),
    ],
)
def test_labels_are_read_in_every_usual_way(write, written, label):
    source = write("r.jsonl", json.dumps({"prompt": "p", "response": "r", "correct": written}) + "\n")
    assert read(DataSettings(source=source))[0].correct is label


@pytest.mark.parametrize("written", ["yes", "maybe", 2, -1, 0.5, [True], {"is": True}, "1.0", "not correct"])
def test_any_other_label_is_refused(write, written):
    source = write("r.jsonl", json.dumps({"prompt": "p", "response": "r", "correct": written}) + "\n")
    message = refusal(source)
    assert f"line 1: 'correct' is {written!r}" in message
    assert "true or false, 1 or 0, 'correct' or 'incorrect'" in message


def test_a_broken_line_is_named_and_shown(write):
    source = write("r.jsonl", '{"prompt": "p", "response": "r"}\n\n{"prompt": "p", "response": oh no}\n')
    message = refusal(source)
    assert f"{source}, line 3 is not JSON: Expecting value at column 29" in message
    assert '{"prompt": "p", "response": oh no}' in message


def test_a_long_broken_line_is_shown_by_its_start(write):
    message = refusal(write("r.jsonl", '{"prompt": "' + "x" * 5000 + "\n"))
    assert "line 1 is not JSON" in message
    assert len(message) < 400 + len("r.jsonl") + 200


def test_a_broken_place_inside_one_document_is_found_by_its_line(write):
    source = write("r.json", '[\n  {"prompt": "p", "response": "r"},\n  {"prompt": "p" "response": "r"}\n]\n')
    assert f"{source}, line 3 is not JSON: Expecting ',' delimiter" in refusal(source)


def test_a_broken_first_line_of_lines_named_json_is_line_1(write):
    source = write("r.json", '{"prompt": "p",}\n{"prompt": "p", "response": "r"}\n')
    assert f"{source}, line 1 is not JSON" in refusal(source)


@pytest.mark.parametrize(("text", "kind"), [("[1]", "list"), ('"hi"', "string"), ("3", "number"), ("null", "null")])
def test_a_line_that_is_no_object_is_refused(write, text, kind):
    source = write("r.jsonl", '{"prompt": "p", "response": "r"}\n' + text + "\n")
    assert f"{source}, line 2 holds a {kind}, not an object" in refusal(source)


def test_nesting_without_end_is_refused_without_a_traceback(write):
    assert "line 1 is not readable JSON" in refusal(write("r.jsonl", "[" * 200_000))


def test_two_lists_of_rows_in_one_object_are_refused_by_name(write):
    assert "several lists of rows (train, test)" in refusal(write("r.json", json.dumps({"train": ROWS, "test": ROWS})))


def test_a_misnamed_column_is_answered_with_the_nearest(write):
    source = write("r.csv", "promt,response\na,b\n")
    message = refusal(source, prompt="prompt")
    assert f"{source} has columns promt, response; data.prompt = 'prompt' is not among them." in message
    assert "Did you mean 'promt'? Write --set data.prompt=promt" in message
    message = refusal(source)
    assert f"{source} has columns promt, response; none of them is a usual name of a prompt (prompt, inst" in message
    assert "Did you mean 'promt'? Write --set data.prompt=promt" in message


@pytest.mark.parametrize("name", ["question", "Question", "Instruction", "QUERY"])
def test_a_prompt_by_another_usual_name_is_found_and_suggested(write, name):
    source = write("r.csv", f"{name},response\na,b\n")
    assert read(DataSettings(source=source))[0].prompt == "a"
    assert f"Did you mean '{name}'? Write --set data.prompt={name}" in refusal(source, prompt="prompt")


def test_an_instruction_is_asked_with_its_input(write):
    lines = [
        {"instruction": "Add.", "input": "1 2", "output": "3"},
        {"instruction": "Hi.", "input": "", "output": "Ho."},
    ]
    assert [row.prompt for row in read(DataSettings(source=write("r.json", json.dumps(lines))))] == [
        "Add.\n\n1 2",
        "Hi.",
    ]


def test_a_column_inside_an_object_is_named_with_dots(write):
    source = write("r.jsonl", json.dumps({"q": {"text": "why?"}, "tutors": {"expert": {"says": "so"}, "novice": {}}}))
    (row,) = read(DataSettings(source=source, prompt="q.text", response="tutors.expert.says"))
    assert (row.prompt, row.response) == ("why?", "so")
    message = refusal(source)
    assert "has columns q (object: text), tutors (object: expert, novice); none of them is a usual name" in message
    assert "What stands inside an object is named with dots, e.g. q.text." in message
    assert "line 1 has no 'tutors.novice.says'" in refusal(source, prompt="q.text", response="tutors.novice.says")


def test_a_missing_response_lists_columns_and_usual_names(write):
    message = refusal(write("r.csv", "prompt,reply\na,b\n"), view="conversations")
    assert "has columns prompt, reply; none of them is a usual name of a response" in message
    assert "Write --set data.response=reply." in message
    assert "--set data.response=COLUMN" in refusal(write("s.csv", "prompt\na\n"), view="conversations")


@pytest.mark.parametrize("field", ["prompt", "response", "group", "key", "correct", "category", "right", "wrong"])
def test_a_named_column_that_is_absent_is_refused(write, field):
    message = refusal(write("r.csv", "prompt,response\na,b\n"), **{field: "nowhere"})
    assert f"data.{field} = 'nowhere' is not among them" in message


def test_a_row_without_the_column_is_named(write):
    source = write("r.jsonl", '{"prompt": "p", "response": "r"}\n{"prompt": "p"}\n')
    assert f"{source}, line 2 has no 'response' (it has prompt)" in refusal(source)


@pytest.mark.parametrize("column", ["prompt", "response"])
@pytest.mark.parametrize("nothing", ["", " \n\t", None])
def test_an_empty_text_is_refused_with_its_line(write, column, nothing):
    row = {"prompt": "p", "response": "r"}
    source = write("r.jsonl", json.dumps(row) + "\n" + json.dumps(row | {column: nothing}) + "\n")
    assert f"{source}, line 2: '{column}' is empty" in refusal(source)


def test_a_text_that_is_no_text_is_refused(write):
    assert "'response' must be text, not list: ['r']" in refusal(write("r.jsonl", '{"prompt": "p", "response": ["r"]}'))


def test_half_a_character_is_refused(write):
    message = refusal(write("r.jsonl", '{"prompt": "ab\\ud83d", "response": "r"}'))
    assert "'prompt' holds half a character (\\ud83d) at position 2" in message


def test_doubled_ids_are_refused_with_both_lines(write):
    source = write("r.csv", "id,prompt,response\nx,a,b\ny,c,d\nx,e,f\n")
    assert f"{source}, line 4: the id 'x' was used before ({source}, line 2)" in refusal(source)


@pytest.mark.parametrize("written", [None, "", " ", True, 1.5, ["x"]])
def test_an_id_that_is_no_word_or_number_is_refused(write, written):
    source = write("r.jsonl", json.dumps({"id": written, "prompt": "p", "response": "r"}) + "\n")
    assert "line 1: 'id' must be a word or a whole number" in refusal(source)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.jsonl", ""),
        ("r.jsonl", "\n \n"),
        ("r.json", "[]"),
        ("r.json", ""),
        ("r.csv", ""),
        ("r.csv", "prompt,response\n"),
        ("r.jsonl.gz", ""),
    ],
)
def test_a_file_without_rows_is_refused(write, name, content):
    source = write(name, content)
    assert f"{source} has no rows" in refusal(source)


def test_another_encoding_is_named_by_byte_and_line(write):
    source = write("r.jsonl", b'{"prompt": "p", "response": "r"}\n{"prompt": "caf\xe9", "response": "r"}\n')
    assert f"{source} is not UTF-8 text: byte 0xe9 at offset 48 (line 2)." in refusal(source)


def test_the_byte_is_counted_with_the_byte_order_mark(write):
    assert "byte 0xe9 at offset 5 (line 2)" in refusal(write("r.csv", b"\xef\xbb\xbfa\n\xe9"))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ('{"prompt": "p"}'.encode("utf-16"), "UTF-16"),
        (gzip.compress(b'{"prompt": "p"}', mtime=0), "gzip"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xff\xff", "an Excel sheet or a zip archive"),
    ],
)
def test_what_is_no_text_at_all_is_recognised(write, data, kind):
    assert f"It looks like {kind}" in refusal(write("r.csv", data))


# Names are given: gzip writes the time into the data, and the workers of one run must agree on the names of tests.
@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"x" * 99)[:-9], gzip.compress(b"x" * 99)[:12] + b"\xff" * 20],
    ids=["none", "cut", "damaged"],
)
def test_a_gz_file_that_is_none_or_cut_is_refused(tmp_path, data):
    (tmp_path / "r.jsonl.gz").write_bytes(data)
    assert "cannot be unzipped" in refusal(str(tmp_path / "r.jsonl.gz"))


def test_a_csv_row_with_too_many_cells_is_named(write):
    source = write("r.csv", 'prompt,response\n"two\nlines",b\na,b,c\n')
    message = refusal(source)
    assert f"{source}, line 4 has 3 cells, the header 2 (prompt, response): 'a,b,c'" in message


def test_a_quote_that_is_not_closed_is_named_by_where_it_opens(write):
    source = write("r.csv", 'prompt,response\na,b\n"open,b\nc,d\n')
    message = refusal(source)
    assert f"{source}, line 3 is not CSV: unexpected end of data" in message


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs")])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_other_separators_are_recognised(write, mark, word, suffix):
    found = read_all(DataSettings(source=write(f"r.{suffix}", f'prompt{mark}response\n"a{mark}"{mark}b, c\n')))
    assert [(row.prompt, row.response) for row in found.rows] == [(f"a{mark}", "b, c")]
    assert f"columns are separated by {word}" in found.remarks


@pytest.mark.parametrize(("header", "why"), [("prompt,prompt", "more than once"), ("prompt,", "without a name")])
def test_a_header_that_names_no_columns_is_refused(write, header, why):
    assert why in refusal(write("r.csv", f"{header}\na,b\n"))


def test_a_missing_file_is_answered_with_the_nearest(write):
    source = write("answers.jsonl", json_lines(ROWS))
    message = refusal(source.replace("answers", "anwsers"))
    assert "there is no such file" in message
    assert "Did you mean 'answers.jsonl'?" in message


def test_a_missing_folder_a_folder_and_another_suffix_are_explained(tmp_path, write):
    write("answers.jsonl", json_lines(ROWS))
    assert "there is no folder" in refusal(str(tmp_path / "nowhere" / "r.csv"))
    assert "is a folder; name one file. In it: answers.jsonl" in refusal(str(tmp_path))
    assert "is none of .json, .jsonl, .csv, .tsv, .parquet" in refusal(write("r.xlsx", b"PK"))


def test_a_misspelt_shipped_name_is_answered_without_any_network():
    assert "Did you mean 'feedback-200'?" in refusal("feedback-20")


def test_a_local_file_without_suffix_is_not_sought_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/rows").write_text("{}")
    assert "is none of .json" in refusal("data/rows")


def test_the_digest_sees_every_field_and_the_order():
    rows = read(DataSettings(max_rows=8))
    assert digest(rows) == digest(list(rows))
    assert len(digest(rows)) == 16
    assert int(digest(rows), 16) >= 0
    changed = [rows[::-1], rows[:-1]]
    first = {"key": rows[0].key, "group": rows[0].group, "prompt": rows[0].prompt, "response": rows[0].response}
    for name in first:
        changed.append([Demonstration(**(first | {name: "other"}), correct=rows[0].correct), *rows[1:]])
    changed.append([Demonstration(**first, correct=None), *rows[1:]])
    for known in ({"category": "c"}, {"right": ("c",)}, {"wrong": ("c",)}, {"right": ("c", "d")}, {"right": ("c; d",)}):
        changed.append([Demonstration(**first, correct=rows[0].correct, **known), *rows[1:]])
    digests = {digest(version) for version in [rows, *changed]}
    assert len(digests) == 1 + len(changed)


def test_the_digest_is_the_same_on_every_machine():
    assert digest(WANTED) == "297fb66b20332757"


def groups_of(rows: list[Demonstration]) -> list[str]:
    return list(dict.fromkeys(row.group for row in rows))


def test_max_rows_keeps_whole_groups_spread_evenly_in_their_order():
    rows, few = read(DataSettings()), read(DataSettings(max_rows=40))
    assert len(few) == 40
    order = groups_of(rows)
    places = [order.index(name) for name in groups_of(few)]
    assert places == sorted(places)
    assert max(late - early for early, late in itertools.pairwise(places)) <= 8
    assert places[0] < 5
    assert places[-1] >= 42
    for name in groups_of(few):
        assert sum(row.group == name for row in few) == 4


@pytest.mark.parametrize(("limit", "kept"), [(0, 200), (200, 200), (500, 200), (199, 196), (7, 4), (4, 4)])
def test_max_rows_is_never_exceeded(limit, kept):
    assert len(read(DataSettings(max_rows=limit))) == kept


def test_a_group_too_large_is_passed_over_for_smaller_ones():
    rows = [
        Demonstration(key=f"{g}{n}", group=g, prompt="p", response="r")
        for g, size in [("big", 9), ("a", 2)]
        for n in range(size)
    ]
    assert groups_of(thin(rows, 5)) == ["a"]


def test_max_rows_below_every_group_and_below_zero_are_refused():
    assert "data.max_rows = 3, but every group has 4 rows or more" in refusal("feedback-200", max_rows=3)
    assert "data.max_rows = -1" in refusal("feedback-200", max_rows=-1)
