"""Figures of lengths: every kind of text is drawn, and what is said of it are its percentiles."""

from topgraft.report.figures.lengths import draw_lengths, draw_pair_lengths


def test_lengths_are_drawn_with_their_percentiles_and_limits():
    sizes = {"prompts": list(range(1, 201)), "responses": [5] * 10}
    drawing = draw_lengths(sizes, {"prompts": 64}, "tokens")
    assert drawing.alt == (
        "prompts: median 100, 99th percentile 198, longest 200, n = 200. "
        "responses: median 5, 99th percentile 5, longest 5, n = 10"
    )
    for word in ("Prompts", "Responses", "Length (tokens)", "median", "99th percentile", "limit"):
        assert word in drawing.svg
    assert drawing.pdf.startswith(b"%PDF")
    assert draw_lengths(sizes, {"prompts": 64}, "tokens").svg == drawing.svg


def test_kinds_without_texts_are_left_out_and_a_word_is_enough():
    drawing = draw_lengths({"prompts": [0, 1], "responses": []}, {}, "words")
    assert "Responses" not in drawing.svg
    assert "limit" not in drawing.svg
    assert drawing.alt.startswith("prompts: median 1")


def test_pairs_are_points_and_many_are_thinned_evenly():
    drawing = draw_pair_lengths([3, 1, 7], [1, 3, 7], "words")
    assert "longer one in 1 of 3 pairs" in drawing.caption
    many = draw_pair_lengths(list(range(1, 4002)), [2] * 4001, "words")
    assert "3999 of 4001 pairs" in many.caption
    assert ", 1334 pairs;" in many.caption
    assert len(many.svg) < 400_000
