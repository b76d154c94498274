"""Write docs/results.md from finished runs of recipe `professor`, one for each seed; what stands there by other hands,
below a line, stays.

python -m tools.results_doc runs/professor runs/professor-1 runs/professor-2
"""

import argparse
from pathlib import Path
from typing import Any

from topgraft.report.parts.separation import by_pair
from topgraft.report.words.numbers import plain
from topgraft.report.words.results import lone_cell
from topgraft.report.words.tables import final_table
from topgraft.runs import RunFolder

BELOW = "\n<!-- what follows was not written by tools.results_doc -->\n"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
HEAD = """# Results

Five sets: the recipe `professor`, other blocks and other methods on it, every learner with one rule on a model of children's stories, and a reward model on people's preferences (HH-RLHF).

## `professor`

Recipe `professor` as shipped, on two CPU cores: value [95 % interval over the 10 test problems], n = 40 answers. Definitions stand in
[metrics.md](metrics.md). Written by `python -m tools.results_doc` from the run folders.

PPO's settings were chosen on training and validation prompts of seeds 1 and 2, after earlier ones had been chosen on test answers
([decisions.md](decisions.md)).
"""


def one_run(run: RunFolder) -> list[str]:
    """A run's table, comparisons, instruments and cost."""
    results, origin = run.results(), run.provenance()
    header, *rows = final_table(results)
    lines = [f"\n### Seed {results['seed']}\n", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "Paired over the same rows ([statistics.md](statistics.md)):", ""]
    lines += [f"- {line}" for line in by_pair(results)]
    lines += ["", "Instruments: " + "; ".join(_instrument(*item) for item in results["instruments"].items()) + ".", ""]
    lines += ["| stage | seconds | peak GB | trunk passes a token |", "|---|---|---|---|"]
    for stage in run.stages():
        cost = stage.summary()
        passes = cost.get("trunk_passes_per_token")
        shown = "n/a" if passes is None else f"{passes:.2f}"
        lines.append(f"| {stage.name} | {cost['seconds']:.0f} | {cost['peak_memory_bytes'] / 1e9:.2f} | {shown} |")
    total = sum(stage.summary()["seconds"] for stage in run.stages())
    highest = max((row.get("kl/response", 0.0) for row in run.stage("ppo").metrics()), default=0.0)
    lines.append(
        f"\nStages together {total:.0f} s on {origin['threads']} threads; highest kl/response in PPO {highest:.1f} nats."
    )
    return lines


def _instrument(name: str, facts: dict[str, Any]) -> str:
    return f"{name} " + ", ".join(f"{key.replace('_', ' ')} {_fact(value)}" for key, value in facts.items())


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return lone_cell(value).text
    return value if isinstance(value, str) else plain(round(value, 3))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    lines = [line for path in parser.parse_args().runs for line in one_run(RunFolder(path))]
    below = PAGE.read_text(encoding="utf-8").partition(BELOW)[2] if PAGE.exists() else ""
    PAGE.write_text(HEAD + "\n".join(lines) + "\n" + BELOW + below, encoding="utf-8")


if __name__ == "__main__":
    main()
