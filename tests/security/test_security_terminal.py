"""What data, models and recipes bring cannot steer a terminal, on any way out."""

import io
import json

import pytest
from commands import forked
from rich.console import Console

from topgraft.cli.show import print_table
from topgraft.train.progress import Screen, printable

EVIL = "a\x1b]0;title\x07\x1b[2J\x9b31m\x08\x7f\u202eb"
STEERS = set("\x1b\x07\x08\x7f\x9b\x9d\u202e")


def shown(width: int = 200) -> tuple[Screen, io.StringIO]:
    """A screen that is no terminal, and what it shows: whatever stands there, the data brought."""
    out = io.StringIO()
    return Screen(Console(file=out, width=width, color_system=None)), out


def test_lines_headings_bars_and_tables_hold_no_control_characters():
    screen, out = shown()
    screen.say(EVIL)
    screen.heading(EVIL)
    print_table(screen, [EVIL, "n"], [[EVIL, "1"]], title=EVIL)
    with screen.bar(EVIL, 1) as bar:
        bar.advance({"a/x": 1.0}, ("a/x",))
    assert out.getvalue().count("]0;title") == 6
    assert not STEERS & set(out.getvalue())


def test_markup_of_the_screens_own_is_text(tmp_path):
    screen, out = shown()
    screen.say("[bold]x[/bold] [/] [link=http://a]b")
    screen.heading("[red]y")
    print_table(screen, ["[red]z"], [["[/]"]])
    assert all(text in out.getvalue() for text in ("[bold]x[/bold] [/] [link=http://a]b", "[red]y", "[red]z", "[/]"))


def test_a_terminal_is_shown_bars_without_them(tmp_path):
    out = io.StringIO()
    screen = Screen(Console(file=out, force_terminal=True, width=100, color_system=None))
    with screen.bar("\x1b]0;title\x07[/x]", 1) as bar:
        bar.advance({}, ())
    assert "\x1b]0;" not in out.getvalue()
    assert "]0;title" in out.getvalue()


@pytest.mark.parametrize("column", ["question", "label"])
def test_errors_and_tables_of_a_command_hold_none_either(tmp_path, column):
    rows = {"question": EVIL, "code": "def f(): return 1"} | ({"label": EVIL} if column == "label" else {})
    tests = {"question": EVIL if column == "label" else "other", "tests": [{"input": "f()", "output": "1"}]}
    (tmp_path / "programs.jsonl").write_text(json.dumps(rows))
    (tmp_path / "tests.jsonl").write_text(json.dumps(tests))
    done = forked("data", "programs", "programs.jsonl", "--tests", "tests.jsonl", "--out", "out.jsonl", cwd=tmp_path)
    assert done.code == 2
    assert "]0;title" in done.err
    assert not STEERS & set(done.out + done.err)
    if column == "label":
        (tmp_path / "programs.jsonl").write_text(json.dumps(rows | {"label": ""}))
        done = forked(
            "data", "programs", "programs.jsonl", "--tests", "tests.jsonl", "--out", "out.jsonl", cwd=tmp_path
        )
        assert done.code == 0, done.err
        assert "]0;title" in done.out
        assert not STEERS & set(done.out + done.err)


def test_scripts_that_join_letters_are_left_whole():
    for text in ("\U0001f469\u200d\U0001f4bb", "क्\u200dष", "\u200fשלום\u200e", "line\nline\ttab"):
        assert printable(text) == text
