"""The tree of a run with many arms, in words and drawn, and the frontier."""

import re
from itertools import combinations

import pytest
from fake_arms import fake_arms, many_results
from fake_run import fake_provenance, fake_results
from matplotlib.figure import Figure

from topgraft.report.figures.frontier import draw_frontier, points
from topgraft.report.figures.labels import label_points
from topgraft.report.figures.pipeline import draw_pipeline
from topgraft.report.words.lineage import arms_table, is_chain, read_arms, read_steps
from topgraft.report.words.roles import stage_title
from topgraft.report.words.story import Stage, opening


@pytest.fixture
def many_arms() -> dict:
    return many_results()


def provenance() -> dict:
    return fake_provenance() | {"arms": fake_arms()}


def stages_of(run) -> dict[str, dict]:
    return {name: run.stage(name).summary() for name in run.provenance()["stages"]}


def test_the_arms_table_says_what_each_went_through(many):
    header, *rows = arms_table(many.provenance(), stages_of(many))
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert list(found) == list(fake_arms())
    dpo = found["dpo-full"]
    assert (dpo["Goes through"], dpo["Trains"], dpo["Differs in"]) == (
        "SFT → DPO",
        "every weight",
        "model.layers = full",
    )
    assert (dpo["Time of its stage"], dpo["Time of its way"]) == ("1 min 20 s", "2 min 30 s")
    assert found["ppo"]["Trains"] == "the last 4 of 28 layers"
    assert found["ppo"]["Trainable"] == "1,005"
    best = found["best-of-8"]
    assert (best["Goes through"], best["Time of its stage"], best["Time of its way"]) == (
        "best of 8 of SFT",
        "–",
        "20.0 s",
    )


def test_a_chain_needs_no_arms_table():
    arms = {"base": {"path": [], "kinds": []}, "sft": {"path": ["sft"], "kinds": ["sft"]}}
    chain = arms | {"ppo": {"path": ["sft", "ppo"], "kinds": ["sft", "ppo"]}}
    assert is_chain(read_arms({"arms": chain}))
    assert arms_table({"arms": chain}, {}) == []
    assert not is_chain(read_arms({"arms": chain | {"dpo": {"path": ["sft", "dpo"], "kinds": ["sft", "dpo"]}}}))
    assert not is_chain(read_arms({"arms": chain | {"best": {"path": ["sft"], "kinds": ["sft"], "best_of": 4}}}))


def test_the_opening_tells_a_chain_from_a_tree(many):
    def stages(summaries: dict) -> list[Stage]:
        return [
            Stage(name, stage_title(name, "x"), "finished", about, [], [], [], name)
            for name, about in summaries.items()
        ]

    text = opening("methods", provenance(), stages(stages_of(many)))
    assert "trains the last 4 of 28 layers or every weight of stories260K" in text
    assert text.endswith("in 12 arms: SFT, SFT → DPO, SFT → KTO, SFT → PPO, SFT → GRPO and best of 8 of SFT.")
    chain = {"base": fake_arms()["base"], "sft": fake_arms()["sft"], "ppo": fake_arms()["ppo"]}
    trained = {name: {"trainable_parameters": 1} for name in ("sft", "reward", "ppo")}
    assert opening("p", fake_provenance() | {"arms": chain}, stages(trained)).endswith(
        ": SFT → PPO, with Reward model."
    )


def test_steps_start_where_the_arms_say(many):
    steps = read_steps(many.provenance(), stages_of(many))
    assert "pairs" not in steps
    assert {name: step.start for name, step in steps.items() if step.kind != "sft"} == {
        "reward": None,
        **dict.fromkeys(("dpo", "kto", "ppo", "grpo"), "sft"),
        **{f"{kind}-full": "sft-full" for kind in ("dpo", "kto", "ppo", "grpo")},
    }
    assert (steps["ppo-full"].reward, steps["dpo-full"].reward) == ("reward", None)


def test_the_start_that_a_stage_recorded_counts():
    summaries = {"sft": {}, "a": {"algorithm": "dpo", "start": None}, "b": {"algorithm": "dpo", "start": "a"}}
    assert {name: step.start for name, step in read_steps({}, summaries).items()} == {"sft": None, "a": None, "b": "a"}


def test_many_policies_are_lines_of_a_tree(many):
    wide, narrow = draw_pipeline(many.provenance(), stages_of(many))
    for drawing in (wide, narrow):
        assert "lines" in drawing.tags
        assert drawing.svg.count("<polyline") == 2 * 13, "ten policies, a reward model and two best-of-8, a line each"
        titles = re.findall(r"<text [^>]*font: 700[^>]*>([^<]*)<", drawing.svg)
        assert titles == [
            *("Base", "SFT", "DPO", "KTO", "PPO", "GRPO", "Best of 8"),
            *("SFT", "DPO", "KTO", "PPO", "GRPO", "Best of 8", "Reward model"),
        ]
    assert "KTO (kto-full) starts from SFT (sft-full), training all 28 layers." in wide.alt
    assert "Best of 8 samples from SFT (sft-full)." in wide.alt


def test_no_two_cards_of_a_tree_overlap(many):
    few = {"sft": {}, "reward": {}, "dpo": {}, "ppo": {}, "kto": {}}
    model = {"model": {"layers": 6, "trained_layers": [5]}}
    for drawing in (*draw_pipeline(many.provenance(), stages_of(many)), *draw_pipeline(model, few)):
        cards = re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)" [^>]*url\(#card\)', drawing.svg)
        boxes = [tuple(map(float, card)) for card in cards]
        assert len(boxes) == (14 if "lines" in drawing.tags else 6)
        for (x, y, width, height), (left, top, *_) in combinations(boxes, 2):
            assert abs(x - left) >= width or abs(y - top) >= height


def test_stages_of_one_kind_have_titles_of_their_own():
    assert stage_title("dpo", "dpo") == "DPO"
    assert stage_title("dpo-full", "dpo") == "DPO (dpo-full)"
    assert stage_title("reward-check", "reward") == "Reward check"
    assert stage_title("mine", "mine") == stage_title("mine") == "mine"


def test_the_frontier_holds_arms_with_reward_and_kl_from_their_start(many_arms):
    found = points(many_arms, provenance())
    assert {point.arm: point.start for point in found} == {
        **dict.fromkeys(("dpo", "kto", "ppo", "grpo"), "sft"),
        **{f"{kind}-full": "sft-full" for kind in ("dpo", "kto", "ppo", "grpo")},
    }
    (drawing,) = draw_frontier(many_arms, provenance())
    for name in (*(point.arm for point in found), "sft", "sft-full", "from sft", "from sft-full"):
        assert f">{name}</text>" in drawing.svg
    assert "ppo-full: reward 2 at 15 nats from sft-full" in drawing.alt
    assert drawing.pdf.startswith(b"%PDF")


def test_two_points_make_no_frontier(many_arms):
    assert draw_frontier(fake_results(), fake_provenance()) == []
    for arm in ("dpo", "kto", "ppo", "grpo", "dpo-full", "kto-full"):
        del many_arms["arms"][arm]["metrics"]["kl"]
    assert draw_frontier(many_arms, provenance()) == []


def test_names_of_points_in_one_place_do_not_cover_each_other():
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    spots = [(0.0, 0.5), (0.5, 0.5), (1.0, 1.0)]
    boxes = label_points(figure, axis, [(x, y, f"a-long-name-{place}") for x, y in spots for place in range(5)])
    assert len(boxes) == 15
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    inside = axis.get_window_extent()
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in boxes)
    assert all(inside.y0 <= box.y0 and box.y1 <= inside.y1 for box in boxes)


def test_figures_of_many_arms_are_files(many):
    names = {path.name for path in (many.report / "figures").iterdir()}
    assert {"frontier.svg", "frontier.pdf", "metrics.pdf", "pipeline.svg", "pipeline-column.svg"} <= names


def test_the_page_of_many_arms_holds_its_tables(many):
    page = (many.report / "index.html").read_text(encoding="utf-8")
    for words in ("The best of each metric", "Reward against KL", "Goes through", "model.layers = full", "12 of 12"):
        assert words in page
    assert "DPO (dpo-full)" in page
