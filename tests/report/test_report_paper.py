"""Figures for papers: the pipeline in one row, reward and KL with the band, learning curves, letters one can read."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_run import LONG_WORD, build
from matplotlib.path import Path

from topgraft.recipe import read_toml
from topgraft.report import write_report
from topgraft.report.figures.icons import ICONS
from topgraft.report.figures.palette import PAPER_TONES
from topgraft.report.figures.paper_curves import Aim, draw_learning, draw_reward_and_kl, read_aim
from topgraft.report.figures.paper_pipeline import draw_paper_pipeline, folded
from topgraft.report.figures.shapes import fitted, read_path, width_of
from topgraft.report.parts.paper import paper_section
from topgraft.runs.writing import write_whole

LIT, FROZEN = "paper-lit", "paper-frozen"


def drawn(path=("sft", "ppo"), total=12, lit=(8, 9, 10, 11), layers="last-4", name="seedling", **summary):
    """The figure of a run whose stages all train the same layers."""
    arm = {"path": list(path), "kinds": list(path), "layers": layers, "best_of": 1, "changes": {}}
    provenance = {"recipe": "try", "model": {"name": name, "layers": total}, "arms": {"base": {"path": []}, "x": arm}}
    about = {"trained_layers": list(lit), **({} if layers == "full" else {"lora": {"rank": 8}}), **summary}
    found = draw_paper_pipeline(provenance, {stage: {"algorithm": stage, **about} for stage in path})
    assert found is not None
    return found


def blocks(svg):
    """What stands in each block, by the columns of the figure."""
    cards = [float(x) for x in re.findall(r'<rect x="([\d.]+)"[^>]*url\(#paper-card\)', svg)]
    bars = [(float(x), tone) for x, tone in re.findall(r'<rect x="([\d.]+)"[^>]*url\(#(paper-(?:lit|frozen))\)', svg)]
    return [[tone for x, tone in bars if card < x < card + 196] for card in cards]


def test_the_whole_stack_comes_first_then_the_trained_layers_are_lit():
    svg = drawn().svg
    base, sft, ppo = blocks(svg)
    assert base == [FROZEN] * 12
    assert sft == ppo == [FROZEN] * 8 + [LIT] * 4  # from the bottom up
    for word in ("Base model", "seedling", "12 layers", "last 4 of 12 layers", "LoRA, rank 8", "references"):
        assert f">{word}<" in svg
    assert ">reward rules<" in svg
    assert ">reward model<" in drawn(reward="reward").svg


def test_an_arm_of_one_stage_has_two_blocks_and_one_of_three_has_four():
    assert [len(blocks(drawn(path=path).svg)) for path in (("sft",), ("sft", "dpo", "ppo"))] == [2, 4]


def test_full_training_says_so_and_has_nothing_frozen():
    found = drawn(path=("sft", "dpo"), lit=range(12), layers="full")
    assert blocks(found.svg)[1:] == [[LIT] * 12] * 2
    assert found.svg.count(">frozen<") == 1  # the base model
    assert found.svg.count(">every weight<") == 2
    assert ">pairs<" in found.svg
    assert "SFT on all 12 layers, every weight" in found.caption


@pytest.mark.parametrize(
    ("total", "lit", "expected"),
    [
        (4, {3}, "fffl"),
        (16, set(), "f" * 16),
        (80, set(range(76, 80)), "fffff fffff" + "llll"),
        (40, set(range(40)), "lllllll lllllll"),
        (32, {0, 1, 2, 3}, "llll" + "fffff fffff"),
        (36, set(range(16, 20)), "ff ff" + "llll" + "ff ff"),
    ],
)
def test_many_layers_show_the_ends_of_each_run(total, lit, expected):
    rows = folded(total, frozenset(lit))
    assert len(rows) <= 16
    assert "".join({LIT: "l", FROZEN: "f", None: " "}[row] for row in rows) == expected


def test_layers_too_scattered_to_fold_share_bars_and_none_is_lost():
    rows = folded(48, frozenset(range(0, 48, 4)))
    assert rows == [LIT, LIT, LIT, FROZEN] * 4  # three layers a bar, of which every fourth layer is lit


def test_text_is_12_points_at_natural_size_and_stays_in_its_block():
    found = drawn(name="org/" + LONG_WORD, path=("sft", "a_learner_with_a_very_long_name"))
    root = ElementTree.fromstring(found.svg)
    width = float(root.attrib["width"])
    texts = [node for node in root.iter() if node.tag.endswith("text")]
    assert len(texts) > 10
    for node in texts:
        style = node.attrib["style"]
        size = float(re.search(r"([\d.]+)px", style).group(1))
        assert size * 0.75 >= 12  # 96 px an inch
        assert float(re.search(r"MediaBox \[ ?0 0 ([\d.]+)", found.pdf.decode("latin-1")).group(1)) == pytest.approx(
            width * 0.75, abs=0.01
        )
        start = float(node.attrib["x"])
        end = start + width_of(node.text, size, bold="700" in style) * (0.5 if "middle" in style else 1)
        assert (end - 2) % 234 < 196, node.text  # a block and the gap after it are 234 wide


def test_boxes_have_gradients_from_light_to_dark_of_greys_alone():
    found = drawn()
    stops = re.findall(r"stop-color: (#\w+)", found.svg)
    used = set(re.findall(r"url\(#([\w-]+)\)", found.svg))
    assert used == set(PAPER_TONES)
    for tone in used - {"sheet"}:
        light, dark = PAPER_TONES[tone]
        assert {light, dark} <= set(stops)
        assert luminance(light) > luminance(dark) + 0.02
    colours = re.findall(r"#[0-9A-Fa-f]{6}", found.svg)
    assert all(max(parts(colour)) - min(parts(colour)) <= 0x25 for colour in colours)  # Payne's grey has 0x25
    assert found.pdf.count(b"/ShadingType 4") >= 3 * 14  # smooth ones, no pictures
    assert b"/Subtype /Image" not in found.pdf


def test_in_greys_alone_trained_layers_are_told_from_frozen_ones():
    lit, frozen = ([luminance(colour) for colour in PAPER_TONES[tone]] for tone in (LIT, FROZEN))
    assert (min(frozen) + 0.05) / (max(lit) + 0.05) > 3  # the contrast that graphics need (WCAG 2.2, 1.4.11)


def parts(colour):
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def luminance(colour):
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in np.array(parts(colour)) / 255
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_nothing_known_of_arms_or_layers_gives_no_figure():
    assert draw_paper_pipeline({}, {}) is None
    assert draw_paper_pipeline({"model": {"layers": 4}, "arms": {"base": {"path": []}}}, {}) is None
    arm = {"path": ["sft"], "kinds": ["sft"]}
    assert draw_paper_pipeline({"model": {"layers": 4}, "arms": {"sft": arm}}, {}) is None  # the stage is not begun


def test_icons_stay_in_their_box():
    for name, strokes in ICONS.items():
        for stroke in strokes:
            path = read_path(stroke)
            corners = path.get_extents()
            assert min(corners.min) >= 1, name
            assert max(corners.max) <= 23, name
    closed = read_path("M1 2 L3 4 C5 6 7 8 9 10 Z")
    assert list(closed.codes) == [Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    np.testing.assert_array_equal(closed.vertices[:-1], [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]])


def test_a_text_is_cut_where_it_does_not_fit():
    assert fitted("short", 200, 16) == "short"
    cut = fitted(LONG_WORD, 100, 16)
    assert cut.endswith("…")
    assert 80 < width_of(cut, 16) <= 100


KL = [0.01, 0.02, 0.05, 0.1, 0.2]
STEPS = [{"step": n, "reward/mean": n / 10, "reward/score": n / 5, "kl/token": kl} for n, kl in enumerate(KL, 1)]


def test_the_band_is_drawn_and_the_steps_within_it_are_counted():
    bare = draw_reward_and_kl("ppo", "PPO", "the recipe try", STEPS, Aim())
    found = draw_reward_and_kl("ppo", "PPO", "the recipe try", STEPS, Aim((0.02, 0.1), 0.05))
    assert found.name == bare.name == "ppo-reward-kl"
    assert "PPO of the recipe try, 5 steps." in found.caption
    assert "the target band, 0.0200 to 0.100 nats per token, in which 3 of 5 steps lie" in found.caption
    assert "steered to a KL of 0.0500" in found.caption
    assert "target band" in found.svg
    assert "band" not in bare.svg + bare.caption
    assert draw_reward_and_kl("sft", "SFT", "x", [{"step": 1, "loss/total": 1.0}], Aim()) is None


def test_learning_curves_set_training_beside_validation():
    steps = [{"step": n, "loss/total": 1 / n, "reward/accuracy": 0.5} for n in range(1, 6)]
    steps[-1] |= {"eval/loss": 0.3, "eval/accuracy": 0.75}
    found = draw_learning("reward", "Reward model", "the recipe try", steps, 5.0)
    assert "accuracy" in found.caption
    assert "step 5, whose weights were kept" in found.caption
    assert found.svg.count("held out") >= 2
    assert draw_learning("sft", "SFT", "x", steps[:-1], None) is None


def test_an_arm_has_an_aim_of_its_own():
    recipe = {"watch": {"kl_band": [0.02, 0.1]}, "ppo": {"kl": {"target": 0.03}}}
    arms = {
        "ppo": {"path": ["sft", "ppo"], "changes": {}},
        "far": {"path": ["far"], "changes": {"ppo": {"kl": {"target": 0.5}}}},
    }
    assert read_aim(recipe, "ppo", "ppo", arms) == Aim((0.02, 0.1), 0.03)
    assert read_aim(recipe, "far", "ppo", arms) == Aim((0.02, 0.1), 0.5)
    assert read_aim({}, "ppo", "ppo", {}) == Aim()
    mine = {"learners": {"mine": {"options": {"kl": {"target": 0.2}}}}}
    assert read_aim(mine, "mine", "mine", {}) == replace(Aim(), target=0.2)


def test_the_report_writes_the_figures_with_the_band_of_its_recipe(tmp_path):
    run = build(tmp_path)
    write_whole(run.recipe_file, "[watch]\nkl_band = [0.0, 0.5]\n")
    assert read_toml(run.recipe_file)["watch"] == {"kl_band": [0.0, 0.5]}
    write_report(run)
    names = {path.name for path in (run.report / "figures").iterdir()}
    assert {"ppo-reward-kl.svg", "ppo-reward-kl.pdf", "sft-learning.svg", "reward-learning.pdf"} <= names
    assert "target band" in (run.report / "figures" / "ppo-reward-kl.svg").read_text(encoding="utf-8")
    page = (run.report / "index.html").read_text(encoding="utf-8")
    assert "Figures for papers" in page
    assert paper_section(run).anchor == "paper"


def test_no_figure_has_letters_under_8_points(finished, many, hostile):
    small, seen = [], 0
    for run in (finished, many, hostile):
        for path in (run.report / "figures").glob("*.svg"):
            root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
            points = 1.0 if root.attrib["width"].endswith("pt") else 0.75  # the diagrams count in pixels
            for node in root.iter():
                if node.tag.endswith("text"):
                    seen += 1
                    size = float(re.search(r"([\d.]+)px", node.attrib["style"]).group(1)) * points
                    small += [(path.name, size)] if size < 8 else []
    assert seen > 500
    assert not small
