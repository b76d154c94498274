"""`topgraft rate` as its user meets it, in processes of its own."""

import pytest
from commands import forked
from rated_run import ARMS, Server, build_run

from topgraft.rating.questions import DIMENSIONS
from topgraft.rating.store import Click, Store
from topgraft.rating.study import new_study


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run with a study of two prompts, of which one answer has been scored."""
    run = build_run(tmp_path_factory.mktemp("begun") / "run")
    store = Store(run.path / "rating" / "ratings.sqlite")
    study = store.begin(new_study(run.responses(), None, DIMENSIONS, prompts=2, repeat=0.1, seed=3))
    rater = store.join("Anna")
    store.click(Click(id="one click", rater=rater, screen=0, question="coherence", value="4"), study)
    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prompts", "5"], "was begun with --prompts 2"),
        (["--arms", "okapi-ppo,zebra-base"], f"was begun with --arms {','.join(ARMS)}"),
        (["--repeat", "0.5"], "was begun with --repeat 0.1"),
        (["--dimensions", "coherence"], "was begun with --dimensions coherence,relevance,helpfulness"),
        (["--dimensions", "grace"], "Unknown dimension 'grace'"),
    ],
)
def test_a_study_that_has_begun_holds(begun, words, said):
    done = forked("rate", begun.path, *words, cwd=begun.path)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_results_of_nothing_and_of_no_run_say_what_to_do(tmp_path):
    run = build_run(tmp_path / "run")
    done = forked("rate", run.path, "--results", cwd=tmp_path)
    assert (done.code, "Open the page first: topgraft rate" in done.err) == (2, True)
    done = forked("rate", tmp_path / "absent", cwd=tmp_path)
    assert (done.code, "holds no run" in done.err) == (2, True)
    assert not (run.path / "rating").exists()


def test_results_are_written_at_any_time_and_rated_again_they_change(begun):
    done = forked("rate", begun.path, "--results", "--prompts", "2", cwd=begun.path)
    assert done.code == 0, done.err
    assert "rater 1   0 of 14 screens, 1 clicks" in done.out
    assert "report " in done.out
    text = (begun.path / "rating" / "ratings.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2
    assert "Anna" not in text + (begun.path / "rating" / "results.json").read_text(encoding="utf-8")


def test_an_open_address_is_cautioned_and_a_stop_without_ratings_is_said(tmp_path):
    run = build_run(tmp_path / "run")
    server = Server(run, "--host", "0.0.0.0", "--prompts", "1", "--arms", ARMS[0])
    assert "caution   Other machines can reach the page." in server.said
    assert "a rater   2 screens, 1 of them repeats, 10 clicks" in server.said
    assert "://0.0.0.0" not in server.link  # no link for another machine
    assert "No answers have been rated yet." in server.stop()
    assert server.process.returncode == 0
    assert not (run.path / "rating" / "results.json").exists()
