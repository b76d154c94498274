"""The results as files for other programs: JSON, CSV and a LaTeX table."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from topgraft.report.document import Answers
from topgraft.report.words.numbers import number
from topgraft.report.words.results import Cell, arm_metrics
from topgraft.report.words.tables import Headline, headline
from topgraft.report.words.text import TEX_OTHERS, csv_text, one_line, tex, tex_lines

KEPT = ("starts", "comparisons", "instruments", "directions", "descriptions")
TEX_NOTE = f"% Made by topgraft. Needs \\usepackage{{booktabs}} in the preamble; then \\input this file.\n{TEX_OTHERS}"
FEEDBACK_NOTE = f"% Made by topgraft. \\input this file; it needs no package.\n{TEX_OTHERS}"
FEEDBACK, ACROSS, LONGEST = 3, 3, 1200
"""Rows of feedback.tex, answers in a line, characters of a text."""


def results_json(results: dict[str, Any]) -> str:
    """Return the results as strict JSON: no NaN, full precision."""
    empty: dict[str, Any] = {"starts": {}, "comparisons": [], "instruments": {}, "directions": {}, "descriptions": {}}
    content: dict[str, Any] = {"recipe": results.get("recipe"), "seed": results.get("seed")}
    content["arms"] = {arm: {"metrics": metrics} for arm, metrics in arm_metrics(results).items()}
    content.update({key: results.get(key) or empty[key] for key in KEPT})
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def results_csv(results: dict[str, Any]) -> str:
    """Return one line per arm and metric at full precision; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["arm", "metric", "value", "low", "high", "n"])
    for arm, metrics in arm_metrics(results).items():
        for name, entry in metrics.items():
            numbers = [_raw(entry.get(key)) for key in ("value", "low", "high", "n")]
            writer.writerow([csv_text(arm), csv_text(name), *numbers])
    return out.getvalue()


def results_tex(results: dict[str, Any], about: dict[str, Any] | None = None) -> str:
    """Return the headline table as a LaTeX table in booktabs style, ready for \\input."""
    table, about = headline(results), about or {}
    if not table.rows:
        return "% Made by topgraft. The run has no results yet.\n"
    kind, size, lines = (
        ("table*", "footnotesize", _tex_turned(table)) if table.turned else ("table", "small", _tex(table))
    )
    head = f"{TEX_NOTE}\\begin{{{kind}}}[t]\n  \\centering\n  \\{size}\n"
    caption = _caption(results, table.marks_best, about)
    tail = f"  \\caption{{{caption}}}\n  \\label{{tab:topgraft}}\n\\end{{{kind}}}\n"
    return head + "\n".join(lines) + "\n" + tail


def _tex(table: Headline) -> list[str]:
    """The lines of the tabular with metrics down and arms across."""
    rows = [["Metric", *(tex(arm) for arm in table.arms), "$n$"]]
    rows += [[tex(row.title), *(_tex_cell(cell) for cell in row.cells), tex(row.n)] for row in table.rows]
    return _tabular(f"@{{}}l{'c' * len(table.arms)}r@{{}}", rows[0], [_tex_row(row) for row in rows[1:]])


def _tex_turned(table: Headline) -> list[str]:
    """The lines of the tabular with arms down and metrics across, each interval under its value."""
    body = []
    for arm, cells in table.lines:
        body.append(_tex_row([tex(arm), *(_tex_value(cell) for cell in cells)]))
        if any(cell.interval for cell in cells):
            body.append(_tex_row(["", *(f"{{\\scriptsize {tex(cell.interval)}}}" for cell in cells)]) + "[2pt]")
    body += ["\\midrule", _tex_row(["$n$", *(tex(row.n) for row in table.rows)])]
    lines = _tabular(f"@{{}}l{'c' * len(table.rows)}@{{}}", ["Arm", *(tex(row.title) for row in table.rows)], body)
    return ["  \\setlength{\\tabcolsep}{3pt}", *lines]


def _tabular(columns: str, header: list[str], body: list[str]) -> list[str]:
    inside = ["\\toprule", _tex_row(header), "\\midrule", *body, "\\bottomrule"]
    return [f"  \\begin{{tabular}}{{{columns}}}", *(f"    {line}" for line in inside), "  \\end{tabular}"]


def _tex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _raw(value: Any) -> str:
    found = number(value)
    if found is None:
        return ""
    return str(value) if isinstance(value, int) else repr(found)


def _tex_value(cell: Cell) -> str:
    return rf"\textbf{{{tex(cell.value)}}}" if cell.best else tex(cell.value)


def _tex_cell(cell: Cell) -> str:
    return _tex_value(cell) + (f" {{\\footnotesize {tex(cell.interval)}}}" if cell.interval else "")


def _caption(results: dict[str, Any], marks_best: bool, about: dict[str, Any]) -> str:
    parts = []
    if results.get("recipe"):
        parts.append(f"Recipe {tex(one_line(str(results['recipe'])))}")
    if about.get("model"):
        parts.append(tex(str(about["model"])))
    if results.get("seed") is not None:
        parts.append(f"seed {tex(str(results['seed']))}")
    text = (", ".join(parts) + ". " if parts else "") + "Values with 95\\,\\% intervals."
    return text + (" Bold: shown to be best, separated from every other arm." if marks_best else "")


def feedback_tex(rows: Sequence[Answers]) -> str:
    """Return the first FEEDBACK rows as LaTeX figures: the question, below it the answers side by side."""
    if not rows:
        return "% Made by topgraft. The run has no evaluated responses yet.\n"
    return FEEDBACK_NOTE + "\n".join(_feedback(row, place) for place, row in enumerate(rows[:FEEDBACK], 1))


def _feedback(row: Answers, place: int) -> str:
    texts = [(answer.title, answer.text) for answer in row.answers]
    texts += [("Reference", row.reference)] if row.reference else []
    across = min(ACROSS, len(texts)) if len(texts) != ACROSS + 1 else 2
    lines = []
    for at, (title, text) in enumerate(texts, 1):
        lines.append(f"  \\begin{{minipage}}[t]{{{0.97 / across:.3f}\\linewidth}}\\raggedright")
        lines.append(f"    \\textbf{{{tex(title)}}}\\par\n{tex_lines(_cut(text))}")
        lines.append("  \\end{minipage}" + (r"\par\medskip" if at % across == 0 else r"\hfill"))
    cut = " Long texts are cut." if any(len(text) > LONGEST for _, text in [("", row.prompt), *texts]) else ""
    return (
        "\\begin{figure*}[p]\n  \\footnotesize\\setlength{\\parindent}{0pt}\n"
        f"  \\textbf{{Question}}\\par\n{{\\ttfamily\\raggedright {tex_lines(_cut(row.prompt))}}}\\medskip\n"
        + "\n".join(lines)
        + f"\n  \\caption{{The answers to test row {tex(row.key)} side by side.{cut}}}\n"
        f"  \\label{{fig:topgraft-feedback-{place}}}\n\\end{{figure*}}\n"
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip() + " …"
