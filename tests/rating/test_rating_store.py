import sqlite3
import threading

import pytest
from rated_run import build_run

from topgraft.errors import UserError
from topgraft.rating.questions import DIMENSIONS, LONGEST_COMMENT
from topgraft.rating.store import Click, Refused, Store
from topgraft.rating.study import new_study


@pytest.fixture
def opened(tmp_path):
    """A store with its study."""
    run = build_run(tmp_path / "run")
    store = Store(run.path / "rating" / "ratings.sqlite")
    assert store.study() is None
    return store, store.begin(new_study(run.responses(), None, DIMENSIONS, prompts=2, repeat=0.1, seed=1))


def click(rater, screen, question, value, number=0):
    return Click(
        id=f"click-{rater}-{screen}-{question}-{number}", rater=rater, screen=screen, question=question, value=value
    )


def test_a_click_is_on_the_disk_when_the_call_returns(opened):
    store, study = opened
    rater = store.join("Anna")
    store.click(click(rater, 0, "coherence", "4"), study)
    with sqlite3.connect(f"file:{store.path}?mode=ro", uri=True) as other:
        assert other.execute("SELECT rater, screen, question, value FROM clicks").fetchall() == [
            (1, 0, "coherence", "4")
        ]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_every_click_stays_and_the_last_counts(opened):
    store, study = opened
    rater = store.join("anna")
    for number, value in enumerate("425"):
        store.click(click(rater, 0, "coherence", value, number), study)
    assert [row["value"] for row in store.clicks(rater)] == ["4", "2", "5"]
    assert store.answers(rater) == {0: {"coherence": "5"}}


def test_a_click_that_is_sent_twice_counts_once(opened):
    store, study = opened
    rater = store.join("anna")
    for _ in range(3):
        store.click(click(rater, 0, "coherence", "4"), study)
    assert len(store.clicks(rater)) == 1


def test_a_rater_who_comes_back_is_the_same_however_the_name_is_written(opened):
    store, _ = opened
    assert [store.join(name) for name in ("Anna  Maier", " anna maier ", "ＡＮＮＡ MAIER", "ben")] == [1, 1, 1, 2]
    assert store.raters() == [1, 2]
    assert store.screens(1) != store.screens(2)
    assert len(store.screens(1)) == len(store.screens(2)) == 14


@pytest.mark.parametrize("name", ["", "  ", "\n\t", "x" * 61])
def test_names_that_are_none_are_refused(opened, name):
    with pytest.raises(Refused, match="name or a code"):
        opened[0].join(name)


def test_clicks_that_the_page_cannot_have_sent_are_refused(opened):
    store, study = opened
    rater = store.join("anna")
    kinds = [len(screen.arms) for screen in store.screens(rater)]
    single, pair = kinds.index(1), kinds.index(2)
    wrong = [
        click(rater, single, "coherence", "6"),
        click(rater, single, "coherence", "4.5"),
        click(rater, single, "choice", "left"),
        click(rater, single, "beauty", "3"),
        click(rater, pair, "coherence", "3"),
        click(rater, pair, "choice", "zebra-base"),
        click(rater, single, "comment", "x" * (LONGEST_COMMENT + 1)),
        click(rater, 99, "coherence", "3"),
        click(rater + 1, single, "coherence", "3"),
        Click(id="", rater=rater, screen=single, question="coherence", value="3"),
    ]
    for one in wrong:
        with pytest.raises(Refused):
            store.click(one, study)
    assert store.clicks(rater) == []
    store.click(click(rater, single, "comment", "fine\x00\ud800"), study)
    store.click(click(rater, pair, "choice", "equal"), study)
    assert [row["value"] for row in store.clicks(rater)] == ["fine␀\N{REPLACEMENT CHARACTER}", "equal"]


def test_no_rater_fills_the_disk(opened, monkeypatch):
    store, study = opened
    monkeypatch.setattr("topgraft.rating.store.MOST_CLICKS", 3)  # 20,000, in less time
    rater, other = store.join("anna"), store.join("ben")
    for number in range(3):
        store.click(click(rater, 0, "coherence", "4", number), study)
    with pytest.raises(Refused, match="3 clicks of one rater are kept"):
        store.click(click(rater, 0, "coherence", "4", 9), study)
    store.click(click(other, 0, "coherence", "4"), study)
    assert [len(store.clicks(one)) for one in (rater, other)] == [3, 1]


def test_raters_who_click_at_once_all_get_their_clicks_kept(opened):
    store, study = opened
    wanted = 40

    def rate(name):
        rater = store.join(name)
        screen = next(place for place, found in enumerate(store.screens(rater)) if len(found.arms) == 1)
        for number in range(wanted):
            store.click(click(rater, screen, "coherence", str(number % 5 + 1), number), study)

    threads = [threading.Thread(target=rate, args=(name,)) for name in ("anna", "ben", "carl", "anna", "ben", "carl")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.raters()) == 3  # each came in twice at the same time, with the same ids
    for rater in store.raters():
        assert sorted(int(row["value"]) for row in store.clicks(rater)) == sorted(n % 5 + 1 for n in range(wanted))


def test_the_first_study_holds_and_keeps_the_texts(opened):
    store, study = opened
    other = new_study(
        [{"arm": "a", "id": "1", "prompt": "p", "response": "r"}], None, DIMENSIONS, prompts=1, repeat=0.5, seed=9
    )
    assert store.begin(other) == study
    assert store.study() == study


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "ratings.sqlite"
    path.write_text("not a database, but long enough to be read as one" * 100)
    with pytest.raises(UserError, match=r"ratings\.sqlite cannot be read or written"):
        Store(path).study()
