"""The results as files for other programs: JSON, CSV and a LaTeX table."""

import csv
import io
import json
from typing import Any

from topgraft.report.numbers import number
from topgraft.report.tables import Cell, arm_metrics, headline
from topgraft.report.text import csv_text, one_line, tex

KEPT = ("comparisons", "instruments", "directions", "descriptions")
TEX_HEAD = """% Made by topgraft. Needs \\usepackage{booktabs} in the preamble; then \\input this file.
\\begin{table}[t]
  \\centering
  \\small
"""


def results_json(results: dict[str, Any]) -> str:
    """Return the results as strict JSON: no NaN, full precision."""
    empty: dict[str, Any] = {"comparisons": [], "instruments": {}, "directions": {}, "descriptions": {}}
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
    lines = [f"  \\begin{{tabular}}{{@{{}}l{'c' * len(table.arms)}r@{{}}}}", "    \\toprule"]
    lines.append("    " + " & ".join(["Metric", *(tex(arm) for arm in table.arms), "$n$"]) + r" \\")
    lines.append("    \\midrule")
    for row in table.rows:
        name = tex(f"{row.label} {row.arrow}".rstrip())
        lines.append("    " + " & ".join([name, *(_tex_cell(cell) for cell in row.cells), tex(row.n)]) + r" \\")
    lines += ["    \\bottomrule", "  \\end{tabular}"]
    caption = _caption(results, table.marks_best, about)
    return TEX_HEAD + "\n".join(lines) + f"\n  \\caption{{{caption}}}\n  \\label{{tab:topgraft}}\n\\end{{table}}\n"


def _raw(value: Any) -> str:
    found = number(value)
    if found is None:
        return ""
    return str(value) if isinstance(value, int) else repr(found)


def _tex_cell(cell: Cell) -> str:
    value = tex(cell.value)
    if cell.best:
        value = rf"\textbf{{{value}}}"
    return f"{value} {{\\footnotesize {tex(cell.interval)}}}" if cell.interval else value


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
