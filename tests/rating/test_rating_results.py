import csv
import io
import json

import pytest
from rated_run import build_run

from topgraft.rating.questions import DIMENSIONS
from topgraft.rating.ratings import read_ratings
from topgraft.rating.results import ratings_csv, results_of
from topgraft.rating.store import Click, Store
from topgraft.rating.study import new_study
from topgraft.report import write_report
from topgraft.runs.writing import append_line, write_json

BASE, SFT, PPO = "zebra-base", "quagga-sft", "okapi-ppo"
TWO = {name: DIMENSIONS[name] for name in ("coherence", "relevance")}


class Study:
    """A study of three prompts of three problems, where a test says what raters think."""

    def __init__(self, path, repeat=0.1):
        self.run = build_run(path, problems=3, rows=1)
        self.store = Store(self.run.path / "rating" / "ratings.sqlite")
        self.study = self.store.begin(new_study(self.run.responses(), None, TWO, prompts=3, repeat=repeat, seed=1))

    def rate(self, name, score, prefer, again=lambda screen: False):
        """`score(prompt key, arm, question)` and `prefer(prompt key, arm, other)`: the arm or None; None leaves a
        score out. `again(screen)` says whether a repeated screen is answered the other way."""
        rater = self.store.join(name)
        for number, screen in enumerate(self.store.screens(rater)):
            key = self.study.prompts[screen.prompt].key
            turned = screen.repeats is not None and again(screen)
            if len(screen.arms) == 2:
                best = prefer(key, *sorted(screen.arms))
                value = "equal" if best is None else "left" if (best == screen.arms[0]) != turned else "right"
                self.click(rater, number, "choice", value)
            else:
                for question in TWO:
                    value = score(key, screen.arms[0], question)
                    if value is not None:
                        self.click(rater, number, question, str(6 - value if turned else value))
        return rater

    def click(self, rater, screen, question, value):
        name = f"{rater}-{screen}-{question}-{value}"[:64]
        self.store.click(Click(id=name, rater=rater, screen=screen, question=question, value=value), self.study)

    def results(self):
        return results_of(read_ratings(self.store, self.study))


def by_arm(scores):
    return lambda key, arm, question: scores[arm]


def entry(results, name, arm, against):
    rows = [row for row in results["comparisons"] if (row["name"], row["arm"], row["against"]) == (name, arm, against)]
    assert len(rows) == 1
    return rows[0]


def test_means_are_over_prompts_of_the_means_over_raters(tmp_path):
    study = Study(tmp_path)
    # Anna rates all three prompts with 1, 2 and 3; Ben only the first, with 5: (3 + 2 + 3) / 3, not (1+2+3+5) / 4.
    study.rate("anna", lambda key, arm, question: {"row-0": 1, "row-1": 2, "row-2": 3}[key], lambda *_: None)
    study.rate("ben", lambda key, arm, question: 5 if key == "row-0" else None, lambda *_: None)
    results = study.results()
    found = results["arms"][BASE]["metrics"]["coherence"]
    assert found["value"] == pytest.approx(8 / 3)
    assert found["n"] == 3
    assert 2 <= found["low"] < found["value"] < found["high"] <= 3
    # All ties, yet three prompts show little: Wilson with r = t^2 / 3 = 4.3027^2 / 3 = 6.171, so a half-width of
    # sqrt(r / 4 + r^2 / 4) / (1 + r) = 0.4638.
    tied = {"value": 0.5, "low": pytest.approx(0.0362, abs=1e-4), "high": pytest.approx(0.9638, abs=1e-4), "n": 3}
    assert results["arms"][BASE]["metrics"]["win_rate"] == tied
    # Ben: 3 answers to the first prompt at 2 clicks, all 9 pairs, one pair again; and the repeated answer if it is one
    # to that prompt. 18 screens and 2 repeats.
    first = next(n for n, prompt in enumerate(study.study.prompts) if prompt.key == "row-0")
    more = [len(screen.arms) for screen in study.store.screens(2)[18:] if screen.prompt == first].count(1)
    assert results["raters"][1] == {"rater": 2, "done": 13 + more, "screens": 20, "clicks": 16 + 2 * more}


def test_win_rates_and_differences_by_hand(tmp_path):
    study = Study(tmp_path)
    best = {"row-0": PPO, "row-1": SFT, "row-2": None}
    prefer = lambda key, first, second: best[key] if best[key] in (first, second) else None  # noqa: E731
    study.rate("anna", by_arm({BASE: 2, SFT: 3, PPO: 5}), prefer)
    results = study.results()
    assert entry(results, "coherence", PPO, SFT)["value"] == pytest.approx(2)
    assert entry(results, "coherence", SFT, BASE)["value"] == pytest.approx(1)
    found = entry(results, "win_rate", PPO, BASE)  # won on row 0, ties on rows 1 and 2
    assert found["value"] == pytest.approx(2 / 3)
    assert (found["wins"], found["ties"], found["losses"], found["neutral"]) == (1, 2, 0, 0.5)
    found = entry(results, "win_rate", PPO, SFT)  # won, lost, tied
    assert found["value"] == pytest.approx(0.5)
    assert (found["wins"], found["ties"], found["losses"]) == (1, 1, 1)
    # PPO beside both: 1 on row 0, (1/2 + 0) / 2 on row 1, 1/2 on row 2.
    assert results["arms"][PPO]["metrics"]["win_rate"]["value"] == pytest.approx((1 + 0.25 + 0.5) / 3)
    assert results["arms"][BASE]["metrics"]["win_rate"]["value"] == pytest.approx((0.25 + 0.25 + 0.5) / 3)
    assert results["sides"]["n"] == 4 + sum(
        len(screen.arms) == 2 and best[study.study.prompts[screen.prompt].key] in screen.arms
        for screen in study.store.screens(1)
        if screen.repeats is not None
    )


def test_a_preference_does_not_depend_on_the_side(tmp_path):
    study = Study(tmp_path)
    for name in ("anna", "ben", "carl", "dora", "emil"):
        study.rate(name, by_arm({BASE: 1, SFT: 1, PPO: 1}), lambda key, *pair: PPO if PPO in pair else SFT)
    results = study.results()
    assert [results["arms"][arm]["metrics"]["win_rate"]["value"] for arm in (BASE, SFT, PPO)] == [0, 0.5, 1]
    assert results["agreement"]["win_rate"]["same"]["value"] == 1
    assert 0.2 < results["sides"]["value"] < 0.8


def test_agreement_reads_first_showings_and_pairs_of_raters(tmp_path):
    study = Study(tmp_path)
    study.rate("anna", by_arm({BASE: 1, SFT: 3, PPO: 5}), lambda key, *pair: PPO if PPO in pair else SFT)
    one = study.results()
    assert one["agreement"]["coherence"]["alpha"]["value"] is None
    assert one["agreement"]["coherence"]["same"] == {"value": None, "low": None, "high": None, "n": 0}
    study.rate("ben", by_arm({BASE: 1, SFT: 4, PPO: 5}), lambda key, *pair: PPO if PPO in pair else None)
    two = study.results()["agreement"]
    assert two["coherence"]["same"]["value"] == pytest.approx(2 / 3)
    assert two["coherence"]["same"]["n"] == 9
    assert two["coherence"]["within_one"]["value"] == 1
    assert two["coherence"]["level"] == "ordinal"
    assert 0.8 < two["coherence"]["alpha"]["value"] < 1
    assert two["win_rate"]["same"]["value"] == pytest.approx(2 / 3)
    assert two["win_rate"]["level"] == "nominal"
    assert "within_one" not in two["win_rate"]


@pytest.mark.parametrize(("turned", "same"), [(False, 1.0), (True, 0.0)])
def test_consistency_is_what_a_rater_says_the_second_time(tmp_path, turned, same):
    study = Study(tmp_path, repeat=0.5)
    study.rate("anna", by_arm({BASE: 1, SFT: 2, PPO: 5}), lambda key, *pair: max(pair), lambda screen: turned)
    found = study.results()["consistency"]
    for name in ("coherence", "win_rate"):
        assert found[name]["same"]["value"] == same
        assert found[name]["same"]["n"] == 5
    assert found["coherence"]["within_one"]["value"] == same  # 1, 2, 5 turned are 5, 4, 1: more than one apart


def test_the_csv_holds_what_counts_and_no_formula(tmp_path):
    study = Study(tmp_path)
    rater = study.rate("=cmd|' /C calc'!A0", by_arm({BASE: 1, SFT: 3, PPO: 5}), lambda key, *pair: max(pair))
    study.click(rater, 0, "comment", '=HYPERLINK("http://example.org","x")\nsecond line')
    text = ratings_csv(read_ratings(study.store, study.study))
    rows = list(csv.DictReader(io.StringIO(text)))
    screens = study.store.screens(rater)
    assert len(rows) == sum(2 if len(screen.arms) == 1 else 1 for screen in screens) + 1
    assert "calc" not in text
    assert rows[-1]["value"] == '\'=HYPERLINK("http://example.org","x")\nsecond line'
    scores = {row["value"] for row in rows if row["question"] == "coherence" and row["arm"] == SFT}
    assert scores == {"3"}
    for row in rows[:-1]:
        screen = screens[int(row["screen"])]
        assert row["repeats"] == ("" if screen.repeats is None else str(screen.repeats))
        if row["question"] == "win_rate":
            assert {row["arm"], row["against"]} == set(screen.arms)
            assert row["value"] == ("1" if row["arm"] == max(screen.arms) else "0")
            assert row["side"] == ("left" if screen.arms[0] == row["arm"] else "right")


def test_results_are_strict_json_in_the_shape_of_the_evaluation(tmp_path):
    study = Study(tmp_path)
    study.rate("anna", by_arm({BASE: 1, SFT: 3, PPO: 5}), lambda *_: None)
    results = json.loads(json.dumps(study.results(), allow_nan=False))
    assert list(results["arms"]) == [BASE, SFT, PPO]
    for arm in results["arms"].values():
        assert list(arm["metrics"]) == ["coherence", "relevance", "win_rate"]
        assert all(set(found) == {"value", "low", "high", "n"} for found in arm["metrics"].values())
    assert results["directions"] == dict.fromkeys(("coherence", "relevance", "win_rate"), "higher")
    assert set(results["descriptions"]) == set(results["directions"])


def test_nothing_rated_is_no_error(tmp_path):
    study = Study(tmp_path)
    study.store.join("anna")
    results = study.results()
    assert results["arms"][BASE]["metrics"] == {}
    assert results["comparisons"] == []


def test_the_report_has_a_section_that_says_what_is_not_shown(tmp_path):
    study = Study(tmp_path)
    study.rate("anna", by_arm({BASE: 1, SFT: 3, PPO: 3}), lambda key, *pair: None)
    study.click(1, 0, "comment", "<script>alert(1)</script>")
    folder = study.run.path / "rating"
    assert 'id="human-rating"' not in write_report(study.run).read_text(encoding="utf-8")
    write_json(folder / "results.json", study.results())
    page = write_report(study.run).read_text(encoding="utf-8")
    assert 'id="human-rating"' in page
    assert "One rater: nothing can be said of agreement" in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "rating/results.json" in page
    study.rate("ben", by_arm({BASE: 5, SFT: 2, PPO: 1}), lambda key, *pair: None)
    write_json(folder / "results.json", study.results())
    page = write_report(study.run).read_text(encoding="utf-8")
    assert "Raters do not agree well enough to lean on coherence and relevance" in page
    assert "no alpha can be given" in page  # of the choices, which were all ties
    assert "not separated" in page


def test_a_later_evaluation_does_not_change_what_was_rated(tmp_path):
    study = Study(tmp_path)
    study.rate("anna", by_arm({BASE: 1, SFT: 3, PPO: 5}), lambda *_: None)
    before = study.results()
    append_line(study.run.responses_file, {"arm": BASE, "id": "row-0", "prompt": "new", "response": "new"})
    assert study.store.study() == study.study
    assert study.results() == before
