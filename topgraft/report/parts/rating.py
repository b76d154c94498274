"""What people said of the answers, read from rating/results.json: the section "Human rating"."""

import json
from typing import Any

from topgraft.report.document import Block, Fold, Section, Table, Text
from topgraft.report.words.comparisons import Comparison, comparisons
from topgraft.report.words.numbers import MISSING, number, plain
from topgraft.report.words.results import arm_metrics, label, listed, lone_cell, mapping
from topgraft.report.words.tables import final_table
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder

SOURCE = "rating/results.json"
RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff's own marks for alpha (2004, Content Analysis, 2nd edition, p. 241)."""


def rating_section(run: RunFolder) -> Section | None:
    """Means, comparisons, agreement, and what they do not show; None where nobody has rated."""
    file = run.path / SOURCE
    if not file.exists():
        return None
    results = tidy(json.loads(file.read_text(encoding="utf-8")))
    header, *rows = final_table(results) or [["Arm"]]
    blocks: list[Block] = [
        Text(text=_opening(results)),
        *(Text(text=words, notice=True) for words in _weak(results)),
        Table(
            name="Human rating",
            header=header,
            rows=rows,
            caption="Means over prompts with 95 % intervals over problems; scores run from 1 to 5, and 5 is best. "
            "The win rate is the share of side-by-side choices that an arm won, a tie being half. A star marks the arm "
            "that is shown to be best.",
            source=f"{SOURCE}, arms",
            numeric=frozenset(range(1, len(header))),
        ),
        *_compared(results),
        _agreed(results),
        *_folds(results),
    ]
    return Section(anchor="human-rating", title="Human rating", blocks=blocks)


def _opening(results: dict[str, Any]) -> str:
    """Who rated what and how, in three sentences."""
    raters, arms = listed(results, "raters"), list(arm_metrics(results))
    done = sum(int(number(rater.get("done")) or 0) for rater in raters)
    asked = sum(int(number(rater.get("screens")) or 0) for rater in raters)
    prompts, problems = plain(results.get("prompts")), plain(results.get("problems"))
    return (
        f"{len(raters)} {'rater' if len(raters) == 1 else 'raters'} judged the answers of {_listed(arms)} to {prompts} "
        f"prompts from {problems} problems, and answered {done} of {asked} screens in full. They were not told who "
        "wrote an answer; prompts, answers and sides came in an order of each rater's own. Some screens came twice "
        f"({100 * (number(results.get('repeat')) or 0):.0f}\N{NO-BREAK SPACE}%, rounded up); the second time counts "
        "for self-consistency only."
    )


def _weak(results: dict[str, Any]) -> list[str]:
    """What a reader must not miss: too few raters, agreement below the marks."""
    if len(listed(results, "raters")) < 2:
        return ["One rater: nothing can be said of agreement, and the figures are one person's judgement."]
    alphas = {label(name): _alpha(results, name) for name in mapping(results.get("agreement"))}
    low = [name for name, alpha in alphas.items() if alpha is not None and alpha < TENTATIVE]
    none = [name for name, alpha in alphas.items() if alpha is None]
    found = []
    if low:
        found.append(
            f"Raters do not agree well enough to lean on {_listed(low)}: alpha below {TENTATIVE:g}, where Krippendorff "
            f"asks for {RELIABLE:g}, or {TENTATIVE:g} for tentative conclusions."
        )
    if none:
        found.append(
            f"Of {_listed(none)} no alpha can be given: no answer has two raters, or all ratings are the same."
        )
    return found


def _alpha(results: dict[str, Any], name: str) -> float | None:
    return number(mapping(mapping(mapping(results.get("agreement")).get(name)).get("alpha")).get("value"))


def _compared(results: dict[str, Any]) -> list[Block]:
    """Pairs of arms in words, then in a table."""
    found = comparisons(results)
    if not found:
        return []
    counts = {(str(row.get("name")), row.get("arm"), row.get("against")): row for row in listed(results, "comparisons")}
    rows = []
    for row in found:
        raw = counts[row.name, row.arm, row.against]
        split = " / ".join(plain(raw[key]) for key in ("wins", "ties", "losses")) if "wins" in raw else MISSING
        rows.append([row.label, row.arm, row.against, row.cell.text, row.reading, split, row.cell.n])
    table = Table(
        name="Human rating, pairs of arms",
        header=["Question", "Arm", "Against", "Difference or win rate", "The arm is", "Won / tied / lost", "Prompts"],
        rows=rows,
        caption="Scores: the difference that a rater made between two answers to the same prompt. Win rate: equal at "
        "0.5. An interval over problems that does not hold 0 (win rate: 0.5) separates two arms; the "
        f"{len(found)} comparisons are not corrected for their number.",
        source=f"{SOURCE}, comparisons",
        numeric=frozenset({3, 6}),
    )
    return [*(Text(text=words) for words in _words(found)), table]


def _words(found: list[Comparison]) -> list[str]:
    """What is separated and what is not, pair by pair."""
    sentences = []
    for arm, against in dict.fromkeys((row.arm, row.against) for row in found):
        rows = [row for row in found if (row.arm, row.against) == (arm, against)]
        parts = [
            f"{reading} in {_listed([f'{row.label} ({row.cell.text})' for row in rows if row.reading == reading])}"
            for reading in ("better", "worse")
            if any(row.reading == reading for row in rows)
        ]
        same = [row.label for row in rows if row.reading not in ("better", "worse")]
        parts += [f"not separated in {_listed(same)}"] if same else []
        sentences.append(f"{arm} against {against}: {'; '.join(parts)}.")
    return sentences


def _agreed(results: dict[str, Any]) -> Table:
    """Agreement between raters, and of each with themselves."""
    rows = []
    for name, found in mapping(results.get("agreement")).items():
        own = mapping(mapping(results.get("consistency")).get(name))
        rows.append(
            [
                label(name),
                lone_cell(mapping(found.get("alpha"))).text,
                lone_cell(mapping(found.get("same"))).text,
                lone_cell(mapping(found.get("within_one"))).text,
                plain(mapping(found.get("same")).get("n")),
                lone_cell(mapping(own.get("same"))).text,
                plain(mapping(own.get("same")).get("n")),
            ]
        )
    sides = lone_cell(mapping(results.get("sides")))
    return Table(
        name="Agreement",
        header=["Question", "Alpha", "Same value", "Within one", "Pairs of ratings", "Same again", "Shown twice"],
        rows=rows,
        caption="Krippendorff's alpha, ordinal for scores and nominal for choices: 1 is perfect, 0 what chance gives. "
        "Same value and within one: shares of pairs of raters, not corrected for chance. Same again: how often a rater "
        f"who saw something twice said the same. Of the choices that were no tie {sides.text} went to the left side "
        f"(n = {sides.n or 0}; 0.5 unless raters prefer a side).",
        source=f"{SOURCE}, agreement and consistency",
        numeric=frozenset(range(1, 7)),
    )


def _folds(results: dict[str, Any]) -> list[Block]:
    """What was asked, how far each rater came, and the comments."""
    asked = mapping(results.get("dimensions"))
    words = [
        [label(name), *(str(mapping(one).get(key)) for key in ("means", "one", "five"))] for name, one in asked.items()
    ]
    people = [
        [plain(row.get(key)) for key in ("rater", "done", "screens", "clicks")] for row in listed(results, "raters")
    ]
    tables = [
        Table(
            name="What was asked",
            header=["Question", "Definition", "1 stands for", "5 stands for"],
            rows=words,
            caption="As the raters read it.",
            source=f"{SOURCE}, dimensions",
        ),
        Table(
            name="Raters",
            header=["Rater", "Screens done", "Of", "Clicks"],
            rows=people,
            caption="Names stand in rating/ratings.sqlite only. A click that changes an answer counts too.",
            source=f"{SOURCE}, raters",
            numeric=frozenset(range(1, 4)),
        ),
    ]
    remarks = [
        [
            str(row.get("prompt")),
            _listed([str(arm) for arm in row.get("arms") or []]),
            plain(row.get("rater")),
            str(row.get("text")),
        ]
        for row in listed(results, "comments")
    ]
    if remarks:
        tables.append(
            Table(
                name="Comments",
                header=["Prompt", "Answer of", "Rater", "Comment"],
                rows=remarks,
                caption="Of two answers side by side the left one is named first.",
                source=f"{SOURCE}, comments",
            )
        )
    return [Fold(title="Questions, raters and comments", blocks=tables)]


def _listed(words: list[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))
