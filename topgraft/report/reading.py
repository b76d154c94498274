"""A run folder read once for all parts of its report, its texts made fit to show."""

from dataclasses import dataclass
from typing import Any

from topgraft.errors import UserError
from topgraft.report.words import story, warned
from topgraft.report.words.results import mapping
from topgraft.report.words.roles import stage_title
from topgraft.report.words.story import Stage
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder


@dataclass(frozen=True)
class Reading:
    """What a run folder holds, as far as it is there."""

    provenance: dict[str, Any]
    results: dict[str, Any]
    stages: list[Stage]
    responses: list[dict[str, Any]]
    settings: str

    @property
    def recipe(self) -> str:
        """The recipe's name; empty when it is not known."""
        return str(self.results.get("recipe") or "")

    @property
    def summaries(self) -> dict[str, dict[str, Any]]:
        """Stage -> its stage.json."""
        return {stage.name: stage.summary for stage in self.stages}

    @property
    def complete(self) -> bool:
        """Whether the run has come to its end."""
        return bool(self.provenance.get("finished"))

    @property
    def model(self) -> dict[str, Any]:
        """What the provenance says of the model."""
        return mapping(self.provenance.get("model"))


def read(run: RunFolder) -> Reading:
    """Read everything of a run, finished or not. UserError where there is no run."""
    if not any((run.path / name).exists() for name in ("provenance.json", "stages", "evaluation", "recipe.toml")):
        raise UserError(
            f"'{run.path}' is not a run folder: it has no provenance.json, recipe.toml, stages/ or "
            "evaluation/. Give the folder that `topgraft run --out` wrote."
        )
    provenance, results = tidy(run.provenance()), tidy(run.results())
    results.setdefault("recipe", provenance.get("recipe"))
    results.setdefault("seed", provenance.get("seed"))
    stages = _stages(run, provenance)
    settings = run.recipe_file.read_text(encoding="utf-8", errors="replace") if run.recipe_file.exists() else ""
    return Reading(provenance, results, stages, tidy(run.responses()), tidy(settings))


def _stages(run: RunFolder, provenance: dict[str, Any]) -> list[Stage]:
    """Read every stage that is planned or begun, in order."""
    planned = provenance.get("stages")
    names = [str(name) for name in planned] if isinstance(planned, list) else []
    folders = {folder.name: folder for folder in run.stages()}
    complete = bool(provenance.get("finished"))
    stages: list[Stage] = []
    for name in dict.fromkeys([*names, *folders]):
        folder = folders.get(name)
        summary = tidy(folder.summary()) if folder else {}
        finished = folder.finished if folder else name == "evaluate" and run.results_file.exists()
        stages.append(
            Stage(
                name=name,
                title=stage_title(name, summary.get("algorithm")),
                state=story.state(finished, folder is not None, complete),
                summary=summary,
                metrics=tidy(folder.metrics()) if folder else [],
                samples=tidy(folder.samples()) if folder else [],
                warnings=warned.warnings(tidy(folder.warnings())) if folder else [],
                anchor=f"stage-{len(stages) + 1}",
            )
        )
    return stages
