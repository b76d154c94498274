"""Section "Reward model": how often it is right on held-out pairs, where it is not, and whether it knows."""

from collections.abc import Sequence
from typing import Any

from topgraft.report.document import Answer, Answers, Block, Figures, Fold, Section, Table, Text
from topgraft.report.figures import drawing
from topgraft.report.figures.drawing import Drawing
from topgraft.report.figures.palette import ACCENT, COLUMN, INK, MUTED
from topgraft.report.words.numbers import MISSING, number, plain, show
from topgraft.report.words.results import arm_metrics, bounds, listed, lone_cell, mapping
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder

SHOWN = 40
"""Misclassified pairs on the page; the file has all."""
PAIRS, FIGURES = "evaluation/reward_pairs.jsonl", "evaluation/reward_model.json"
NAMES = {
    "accuracy": "Accuracy",
    "longer_wins": "Longer wins",
    "beyond_length": "Accuracy beyond length",
    "calibration_error": "Calibration error",
    "strength": "Agreement with strength",
}


def reward_model(run: RunFolder) -> Section | None:
    """The section, where the evaluation has scored held-out pairs."""
    found, pairs = tidy(run.reward_model()), tidy(run.reward_pairs())
    metrics = arm_metrics(found)
    if "accuracy" not in metrics.get("test", {}):
        return None
    blocks: list[Block] = [*_opening(found, metrics["test"]), _summary(found, metrics)]
    blocks += _breakdown(found, "by_length", "Length of the preferred answer (tokens)", "reward-by-length")
    blocks += _breakdown(found, "by_category", "Category", "reward-by-category")
    curve = draw_calibration(listed(found, "calibration"))
    if curve:
        blocks.append(Figures(drawings=[curve], source=FIGURES))
    return Section(anchor="reward-model", title="Reward model", blocks=[*blocks, *_errors(pairs)])


def _opening(found: dict[str, Any], test: dict[str, dict[str, Any]]) -> list[Block]:
    """What is shown of it in words, and what is not."""
    accuracy, longer = (lone_cell(test.get(name, {})) for name in ("accuracy", "longer_wins"))
    said = (
        f"Of {plain(test['accuracy'].get('n'))} test pairs ({found.get('pairs', MISSING)}) the reward model scores the "
        f"preferred answer higher in {_share(accuracy)}. The longer answer is the preferred one in {_share(longer)}: "
        "the line that a reward model must beat. Ties count 1/2."
    )
    lines = (("accuracy", 0.5, "chance"), ("beyond_length", 0.0, "a rule that prefers the longer answer"))
    unbeaten = [
        line for name, middle, line in lines if (ends := bounds(test.get(name, {}))) is None or ends[0] <= middle
    ]
    doubt = Text(text=f"It is not shown to beat {', nor '.join(unbeaten)}.", notice=True)
    return [Text(text=said), *([doubt] if unbeaten else [])]


def _share(cell: Any) -> str:
    return f"{cell.value} {cell.interval}".rstrip()


def _summary(found: dict[str, Any], metrics: dict[str, dict[str, dict[str, Any]]]) -> Table:
    parts = [part for part in ("test", "validation") if part in metrics]
    descriptions = mapping(found.get("descriptions"))
    rows = [
        [NAMES.get(name, name), *(_share(lone_cell(metrics[part].get(name, {}))) for part in parts)]
        for name in descriptions
    ]
    sizes = [plain(metrics[part].get("accuracy", {}).get("n")) for part in parts]
    defined = "; ".join(f"{NAMES.get(name, name)}: {about}" for name, about in descriptions.items())
    return Table(
        name="reward-model",
        header=["", *(part.capitalize() for part in parts)],
        rows=[*rows, ["Pairs", *sizes]],
        caption="The reward model on held-out pairs, with 95 % intervals over problems. Validation pairs chose the "
        f"step that was kept. {defined}.",
        source=FIGURES,
        numeric=frozenset(range(1, len(parts) + 1)),
    )


def _breakdown(found: dict[str, Any], key: str, title: str, name: str) -> list[Block]:
    """Accuracy in every bin; nothing where there is no bin."""
    bins = listed(found, key)
    if not bins:
        return []
    return [
        Table(
            name=name,
            header=[title, "Accuracy", "n"],
            rows=[[str(entry.get("name")), _share(lone_cell(entry)), plain(entry.get("n"))] for entry in bins],
            caption=f"Accuracy on test pairs by {key.removeprefix('by_')}. Where all pairs are right, or all wrong, "
            "the interval has no width, however few they are.",
            source=FIGURES,
            numeric=frozenset({1, 2}),
        )
    ]


def draw_calibration(bins: Sequence[dict[str, Any]]) -> Drawing | None:
    """The share of pairs that is right against the mean confidence of each bin; None without bins."""
    points = [
        (sure, share, bounds(entry) or (share, share), plain(entry.get("n")))
        for entry in bins
        if (sure := number(entry.get("confidence"))) is not None and (share := number(entry.get("value"))) is not None
    ]
    if not points:
        return None
    with drawing.style():
        figure, (axis,) = drawing.new_figure(COLUMN, 2.9)
        axis.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), label="calibrated")
        for place, (sure, share, (low, high), size) in enumerate(points):
            axis.plot([sure, sure], [low, high], color=INK, linewidth=0.9)
            label = "share right" if place == 0 else None
            axis.plot(sure, share, "o", color=ACCENT, markersize=4.5, markeredgewidth=0, label=label, clip_on=False)
            axis.annotate(
                f"n = {size}", (sure, 0), xycoords=("data", "axes fraction"), xytext=(0, 3 + 9 * (place % 2)),
                textcoords="offset points", ha="center", fontsize=6.5, color=MUTED,
            )  # fmt: skip
        axis.set_xlim(0.48, 1.02)
        axis.set_ylim(min(0.35, *(low for _, _, (low, _), _ in points)) - 0.2, 1.03)
        axis.set_xlabel("Confidence, sigmoid of the score difference")
        axis.set_ylabel("Share of pairs that is right")
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        svg, pdf = drawing.save(figure)
    said = (f"confidence {show(sure, 2)}: {show(share, 2)} right, n {size}" for sure, share, _, size in points)
    caption = "Calibration of the reward model on test pairs, in five bins of confidence with 95 % intervals"
    return Drawing("reward-calibration", svg, pdf, f"Calibration curve. {'; '.join(said)}.", caption)


def _errors(pairs: list[dict[str, Any]]) -> list[Block]:
    """The pairs whose preferred answer scores lower, the most confidently wrong first."""
    wrong = [pair for pair in pairs if (number(pair.get("margin")) or 0.0) < 0]
    if not wrong:
        return [Text(text=f"No held-out pair is misclassified; all {plain(len(pairs))} stand in {PAIRS}.")]
    first = "All" if len(wrong) <= SHOWN else f"The first {SHOWN}"
    about = (
        f"{plain(len(wrong))} of {plain(len(pairs))} held-out pairs (test and validation) are misclassified: the "
        f"preferred answer scores lower. They are the first {plain(len(wrong))} lines of {PAIRS}, the most confidently "
        "wrong first. A margin is the difference of scores in the units in which they were learned; policies see the "
        "scores below, which are normalised after training."
    )
    shown: list[Block] = [_error(pair) for pair in wrong[:SHOWN]]
    return [Text(text=about), Fold(title=f"{first} misclassified pairs", blocks=shown)]


def _error(pair: dict[str, Any]) -> Answers:
    facts = [str(pair.get("part")), f"margin {plain(pair.get('margin'))}", str(pair.get("category") or "")]
    return Answers(
        key=" · ".join([str(pair.get("id")), *(fact for fact in facts if fact)]),
        prompt=str(pair.get("prompt") or ""),
        answers=[
            Answer(
                title=title,
                text=str(pair.get(name) or ""),
                facts=[f"score {plain(pair.get(f'{name}_score'))}", f"{plain(pair.get(f'{name}_tokens'))} tokens"],
            )
            for name, title in (("chosen", "Preferred"), ("rejected", "Scores higher"))
        ],
    )
