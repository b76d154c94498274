"""Dialogues: chat messages in every usual dress, and OpenAssistant's messages, flat and as trees."""

from pathlib import Path

import pytest

from topgraft.data.reading import DataSettings, read, read_all
from topgraft.data.splitting import split
from topgraft.errors import UserError

OASST = Path(__file__).resolve().parents[3] / "shared" / "data" / "oasst-eval100"


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def bot(text: str) -> dict:
    return {"role": "assistant", "content": text}


def one(path: str, **settings: object) -> tuple[str, str, str | None, str]:
    (row,) = read(DataSettings(source=path, **settings))
    return row.prompt, row.response, row.rejected, row.group


def test_the_prompt_is_everything_up_to_the_assistants_last_turn(source):
    path = source({"messages": [user("a?"), bot("b"), user("c?"), bot("d")]})
    assert one(path) == ("Human: a?\n\nAssistant: b\n\nHuman: c?", "d", None, "a?")
    assert one(source({"messages": [user("a?"), bot("b")]})) == ("a?", "b", None, "a?")


def test_a_system_message_stands_above_the_question(source):
    system = {"role": "system", "content": "Be brief."}
    assert one(source({"messages": [system, user("a?"), bot("b")]}))[0] == "Be brief.\n\na?"


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "b"}],
        [{"user": "student", "text": "a?", "time": "1"}, {"user": "tutor", "text": "b", "time": "2"}],
        [{"role": "User", "content": [{"type": "text", "text": "a?"}]}, {"role": "assistant", "content": " b "}],
    ],
)
def test_other_names_of_who_speaks_are_known(source, turns):
    assert one(source({"conversations": turns})) == ("a?", "b", None, "a?")


def test_turns_after_the_last_answer_are_left_out_and_the_row_is_odd(source):
    found = read_all(DataSettings(source=source({"messages": [user("a?"), bot("b"), user("c?")]})))
    assert (found.rows[0].prompt, found.rows[0].response) == ("a?", "b")
    assert [fault.kind for fault in found.odd] == ["turns after the assistant's last one are left out"]


def test_dialogues_without_any_answer_are_prompts_but_among_others_they_are_bad(source):
    assert one(source({"messages": [user("a?")]})) == ("a?", "", None, "a?")
    path = source({"messages": [user("a?")]}, {"messages": [user("c?"), bot("d")]})
    with pytest.raises(UserError, match="line 1: 'messages' has no turn of the assistant after a question"):
        read(DataSettings(source=path))
    assert [row.prompt for row in read(DataSettings(source=path, skip_bad=True))] == ["c?"]


def test_pairs_of_dialogues_are_cut_where_they_part(source):
    before = [user("a?"), bot("b"), user("c?")]
    pair = {
        "prompt": "a?",
        "messages": [*before, bot("d")],
        "chosen": [*before, bot("d")],
        "rejected": [*before, bot("e")],
    }
    assert one(source(pair)) == ("Human: a?\n\nAssistant: b\n\nHuman: c?", "d", "e", "a?")
    parted = {"chosen": [user("a?"), bot("b"), user("x?"), bot("y")], "rejected": [user("a?"), bot("c")]}
    found = read_all(DataSettings(source=source(parted)))
    assert (found.rows[0].prompt, found.rows[0].rejected) == ("a?", "c")
    assert found.rows[0].response == "Assistant: b\n\nHuman: x?\n\nAssistant: y"
    assert [fault.kind for fault in found.odd] == ["the prompts differ (the prompt ends where the dialogues part)"]
    with pytest.raises(UserError, match="differ in their first question"):
        read(DataSettings(source=source({"chosen": [user("a"), bot("b")], "rejected": [user("z"), bot("b")]})))


@pytest.mark.parametrize("dress", [lambda text: text, lambda text: [bot(text)]])
def test_a_prompt_of_messages_may_have_its_answers_beside_it(source, dress):
    pair = {"prompt": [user("a?")], "chosen": dress("b"), "rejected": dress("c")}
    assert one(source(pair)) == ("a?", "b", "c", "a?")
    assert one(source({"prompt": [user("a?")], "completion": dress("b")})) == ("a?", "b", None, "a?")
    assert one(source({"prompt": "a?", "chosen": dress("b"), "rejected": dress("c")})) == ("a?", "b", "c", "a?")


def test_a_column_says_which_dialogue_a_row_is_of(source):
    rows = [{"messages": [user(f"{n}?"), bot("b")], "conversation_id": f"c{n // 2}"} for n in range(4)]
    assert [row.group for row in read(DataSettings(source=source(*rows)))] == ["c0", "c0", "c1", "c1"]


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"role": "weather", "content": "b"}, "a message is by 'weather', who is neither human nor assistant"),
        ({"role": "assistant", "content": 7}, "holds 7, which is no text"),
    ],
)
def test_a_strange_message_is_named(source, turn, said):
    with pytest.raises(UserError, match=said):
        read(DataSettings(source=source({"messages": [user("a?"), turn]})))


def message(name: str, parent: str | None, text: str, rank: float | None = None, **more: object) -> dict:
    role = "prompter" if text.endswith("?") else "assistant"
    return {"message_id": name, "parent_id": parent, "text": text, "role": role, "rank": rank, "lang": "en", **more}


FLAT = [
    message("r", None, "a?"),
    message("r0", "r", "best", 0),
    message("r2", "r", "worst", 2),
    message("r1", "r", "middle", 1),
    message("m", "r", "machine", 0, synthetic=True),
    message("q", "r0", "and?"),
    message("q0", "q", "alone"),
    message("s", None, "was?", lang="de"),
    message("s0", "s", "das", 0, lang="de"),
]


def tree(name: str) -> dict:
    own = next(row for row in FLAT if row["message_id"] == name)
    return {**own, "replies": [tree(row["message_id"]) for row in FLAT if row["parent_id"] == name]}


@pytest.fixture(params=["flat", "mixed up", "nested", "ready trees"])
def oasst(request, source) -> str:
    shapes = {
        "flat": FLAT,
        "mixed up": FLAT[::-1],
        "nested": [tree("r"), tree("s")],
        "ready trees": [{"message_tree_id": name, "tree_state": "ok", "prompt": tree(name)} for name in ("r", "s")],
    }
    return source(*shapes[request.param])


def told(path: str, **settings: object) -> set[tuple[str, str, str, str | None, str]]:
    rows = read(DataSettings(source=path, **settings))
    return {(row.key, row.prompt, row.response, row.rejected, row.group) for row in rows}


LONG = "Human: a?\n\nAssistant: best\n\nHuman: and?"


def test_conversations_end_with_the_best_answer_of_a_person(oasst):
    wanted = {("r0", "a?", "best", None, "r"), ("q0", LONG, "alone", None, "r"), ("s0", "was?", "das", None, "s")}
    assert told(oasst) == told(oasst, view="conversations") == wanted
    assert (
        "view conversations; --set data.view=pairs or prompts gives another"
        in read_all(DataSettings(source=oasst)).remarks
    )


def test_pairs_are_all_that_people_ranked(oasst):
    wanted = [("r0>r1", "best", "middle"), ("r0>r2", "best", "worst"), ("r1>r2", "middle", "worst")]
    assert told(oasst, view="pairs") == {(key, "a?", good, bad, "r") for key, good, bad in wanted}


def test_prompts_hold_no_text_of_the_assistants(oasst):
    assert told(oasst, view="prompts") == {
        ("r", "a?", "", None, "r"),
        ("q", "and?", "", None, "r"),
        ("s", "was?", "", None, "s"),
    }


def test_a_language_is_chosen_by_the_messages_own_column(oasst):
    assert {key for key, *_ in told(oasst, lang="de")} == {"s0"}
    with pytest.raises(UserError, match=r"data\.lang = 'fr', but no row is in it\. There are: en \(7\), de \(2\)"):
        read(DataSettings(source=oasst, lang="fr"))


def test_orphans_and_deleted_messages_are_left_out_and_told(source):
    rows = [
        message("a", None, "a?"),
        message("b", "a", "b", 0, deleted=True),
        message("c", "b", "c?"),
        message("d", "a", "d"),
    ]
    found = read_all(DataSettings(source=source(*rows)))
    assert [(row.prompt, row.response) for row in found.rows] == [("a?", "d")]
    assert [fault.message.split(": ")[1] for fault in found.odd] == [
        "a message is left out, the message that it answers is not there"
    ]


def test_the_real_trees_give_the_pairs_and_conversations_that_were_counted_elsewhere():
    path = OASST / "en_100_message.jsonl"
    if not path.exists():
        pytest.skip(f"the real data are not here: {path}")
    pairs = read(DataSettings(source=str(path), view="pairs"))
    other = read(DataSettings(source=str(OASST / "pairs.jsonl")))
    assert len(pairs) == len(other) == 732
    assert {(r.prompt, r.response, r.rejected) for r in pairs} == {(r.prompt, r.response, r.rejected) for r in other}
    assert len(read(DataSettings(source=str(path), view="prompts"))) == 475
    parts = split(pairs, (0.7, 0.2, 0.1), 0).parts()
    roots = [{row.prompt.removeprefix("Human: ").split("\n\nAssistant:")[0] for row in part} for part in parts.values()]
    assert not roots[0] & roots[1] | roots[0] & roots[2] | roots[1] & roots[2]
