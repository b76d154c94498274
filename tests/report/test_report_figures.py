import pytest

from topgraft.report.figures.curves import MOST_POINTS, noisy, panels, series, smooth, thin
from topgraft.report.figures.drawing import inline_svg
from topgraft.report.figures.pipeline import draw_pipeline
from topgraft.report.words.roles import trained_layers, trained_words


@pytest.mark.parametrize(
    ("layers", "trained", "words"),
    [
        (28, [24, 25, 26, 27], "the last 4 of 28 layers"),
        (28, 4, "the last 4 of 28 layers"),
        (28, [27], "the last of 28 layers"),
        (28, [0, 1], "the first 2 of 28 layers"),
        (28, [3, 4, 5], "layers 3 to 5 of 28 (counted from 0)"),
        (28, [3, 7], "layers 3, 7 of 28 (counted from 0)"),
        (28, "full", "all 28 layers"),
        (28, [99], ""),
        (None, [1], ""),
    ],
)
def test_trained_layers_in_words(layers, trained, words):
    assert trained_words({"layers": layers, "trained_layers": trained}) == words


def test_one_bar_per_layer_and_only_trained_ones_lit():
    model = {"layers": 6, "trained_layers": [4, 5]}
    wide, narrow = draw_pipeline({"model": model}, {"base": {}, "sft": {}, "reward": {}, "ppo": {}})
    for drawing in (wide, narrow):
        assert drawing.svg.count("url(#lit)") == 3 * 2
        assert drawing.svg.count("url(#frozen)") == 6 + 3 * 4
        assert drawing.pdf.startswith(b"%PDF")
    where = "training the last 2 of 6 layers"
    assert f"SFT starts from the base model, {where}. PPO starts from SFT, {where}, scored by Reward model." in wide.alt
    assert f"Reward model starts from the base model, {where}." in wide.alt


def test_a_stage_that_trained_a_head_alone_has_no_lit_layers():
    model = {"layers": 6, "trained_layers": [4, 5]}
    summaries = {"sft": {"trained_layers": [4, 5]}, "reward": {"trained_layers": []}}
    wide, _ = draw_pipeline({"model": model}, summaries)
    assert wide.svg.count("url(#lit)") == 2
    assert "Reward model starts from the base model, training a head alone." in wide.alt
    assert "where none is, a head alone" in wide.caption


def test_very_deep_models_share_bars():
    (wide, _) = draw_pipeline({"model": {"layers": 126, "trained_layers": [125]}}, {"sft": {"algorithm": "sft"}})
    assert wide.svg.count("url(#lit)") == 1
    assert trained_layers({"layers": 126, "trained_layers": [125]}) == (126, frozenset({125}))


def test_no_layers_no_diagram():
    assert draw_pipeline({}, {"sft": {}}) == []
    assert draw_pipeline({"model": {"layers": 4}}, {"evaluate": {}}) == []


def test_series_passes_over_what_is_no_number():
    lines = [{"step": 1, "x": 1.0}, {"step": 2}, {"step": 3, "x": None}, {"step": 4, "x": True}, {"x": 2}]
    assert series(lines, "x") == [(1.0, 1.0), (5.0, 2.0)]


def test_smoothing_keeps_a_constant_and_the_steps():
    points = [(float(step), 3.0) for step in range(100)]
    mean, width = smooth(points)
    assert width == 9
    assert mean == points


def test_only_rough_curves_are_smoothed():
    assert not noisy([(step, step**2) for step in range(100)])
    assert noisy([(step, step % 2) for step in range(100)])


def test_thinning_keeps_ends_and_extremes():
    points = [(float(step), 0.0) for step in range(100_000)]
    points[4321] = (4321.0, 9.0)
    kept = thin(points)
    assert len(kept) <= MOST_POINTS + 4
    assert (4321.0, 9.0) in kept
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]


def test_total_loss_of_a_policy_stage_is_a_diagnostic():
    assert panels([{"loss/total": 1}])[0].tag == "main"
    assert panels([{"loss/total": 1, "loss/policy": 1}])[0].tag == "diagnostic"


def test_inline_svg_takes_the_pages_colours_and_its_own_ids():
    svg = '<?xml?><svg width="9" viewBox="0 0 72 9"><g id="a" style="fill: #b4511a; clip-path: url(#a)"/></svg>'
    found = inline_svg(svg, "loss")
    assert found.startswith("<svg")
    assert 'id="loss-a"' in found
    assert "url(#loss-a)" in found
    assert "fill: var(--accent)" in found
    assert "96px" in found
