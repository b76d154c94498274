"""Several runs side by side: what differs, what may be compared, and the figures that only all of them together give.

The result has the shape of evaluation/results.json with an arm called "RUN / ARM" for each arm of each run, so that
whatever reads results reads it too; beside it stand the runs, their differences, means over seeds and cautions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.experiments.comparable import own_instruments, rows_differ
from topgraft.experiments.replicates import over_seeds
from topgraft.experiments.runs_paired import paired
from topgraft.recipe import read_toml
from topgraft.runs import RunFolder

IDLE = ("name", "about", "seed", "threads", "samples_shown", "cache.", "watch.", "evaluate.metrics")
"""Settings that may differ between runs of one recipe with different seeds."""
MADE_WITH = ("topgraft", "commit", "torch", "transformers", "peft", "platform", "device", "threads")
SAME_BASE = ("model.digest", "data.digest")


def compare(paths: Sequence[Path]) -> dict[str, Any]:
    """Compare finished or unfinished runs. Raises UserError for fewer than two, for one given twice, and for a folder
    that holds no run."""
    runs = _open(paths)
    results = {name: run.results() for name, run in runs.items()}
    settings = {name: flat(read_toml(run.recipe_file)) for name, run in runs.items()}
    made = {name: _made_with(run) for name, run in runs.items()}
    own = own_instruments(runs, results, settings)
    differ = rows_differ(runs)
    groups = _groups(settings, made)
    seeds, doubles = {}, []
    for label, names in groups.items():
        if len({settings[name].get("seed") for name in names}) < len(names):
            doubles.append(f"{', '.join(names)} agree in all settings and some in the seed too: no mean over seeds.")
        else:
            seeds[label] = over_seeds({name: results[name] for name in names}, own.per_run_units)
    arms = {
        f"{name} / {arm}": content for name, found in results.items() for arm, content in found.get("arms", {}).items()
    }
    known = [found for found in results.values() if found]
    return {
        "runs": [_about(name, run, settings[name]) for name, run in runs.items()],
        "settings": _differences(settings),
        "made_with": _differences(made),
        "cautions": [*_cautions(results, settings, made), *own.cautions, *differ, *doubles],
        "own_instruments": sorted(own.metrics),
        "groups": groups,
        "seeds": seeds,
        "arms": arms,
        "comparisons": [] if differ else paired(runs, own.metrics),
        "directions": {key: value for found in known for key, value in found.get("directions", {}).items()},
        "descriptions": {key: value for found in known for key, value in found.get("descriptions", {}).items()},
    }


def _open(paths: Sequence[Path]) -> dict[str, RunFolder]:
    """The runs by names that tell them apart: as many of the last parts of their paths as that takes."""
    if len(paths) < 2:
        raise UserError(
            f"One run alone ({', '.join(map(str, paths))}) cannot be compared. Give two run folders or more."
        )
    for path in paths:
        if (path / "sweep.json").exists():
            raise UserError(
                f"{path} is a sweep, whose page compares its trials. Give run folders, e.g. {path}/trials/1."
            )
        if not RunFolder(path).recipe_file.exists():
            raise UserError(f"{path} holds no run (no recipe.toml). Give folders that `topgraft run --out` wrote.")
    whole = [path.resolve() for path in paths]
    if len(set(whole)) < len(whole):
        twice = next(path for path, full in zip(paths, whole, strict=True) if whole.count(full) > 1)
        raise UserError(f"{twice} is given more than once. Name each run once.")
    parts = next(size for size in range(1, 99) if len({full.parts[-size:] for full in whole}) == len(whole))
    return {"/".join(full.parts[-parts:]): RunFolder(path) for full, path in zip(whole, paths, strict=True)}


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested tables: `flat({"a": {"b": 1}})` -> {"a.b": 1}."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= flat(item, f"{prefix}{key}.") if isinstance(item, dict) else {f"{prefix}{key}": item}
    return found


def _made_with(run: RunFolder) -> dict[str, Any]:
    provenance = flat(run.provenance())
    return {name: provenance[name] for name in (*MADE_WITH, *SAME_BASE) if name in provenance}


def _differences(tables: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
    """The keys whose values differ -> the value in each run, None where it has none."""
    keys = list(dict.fromkeys(key for table in tables.values() for key in table))
    found = {key: [table.get(key) for table in tables.values()] for key in keys}
    return {key: values for key, values in found.items() if any(value != values[0] for value in values)}


def _groups(settings: dict[str, dict[str, Any]], made: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Runs that agree in all that decides their outcome but the seed, two or more, called after the first."""
    found: list[tuple[Any, list[str]]] = []
    for name, table in settings.items():
        decides = {key: value for key, value in table.items() if not key.startswith(IDLE)}
        same = (decides, [made[name].get(key) for key in SAME_BASE])
        for other, names in found:
            if other == same:
                names.append(name)
                break
        else:
            found.append((same, [name]))
    return {f"{names[0]} and {len(names) - 1} more": names for _, names in found if len(names) > 1}


def _about(name: str, run: RunFolder, settings: dict[str, Any]) -> dict[str, Any]:
    provenance = run.provenance()
    about = {
        "name": name,
        "path": str(run.path.resolve()),
        "recipe": settings.get("name"),
        "seed": settings.get("seed"),
    }
    return {**about, "finished": provenance.get("finished"), "measured": run.results_file.exists()}


def _cautions(
    results: dict[str, dict[str, Any]], settings: dict[str, dict[str, Any]], made: dict[str, dict[str, Any]]
) -> list[str]:
    """What keeps figures from being comparable, beside instruments and test rows."""
    said = [f"{name} has not been evaluated: it has settings and curves only." for name in results if not results[name]]
    measured = [set(found["arms"]) - {"base"} for found in results.values() if found]
    if len(measured) > 1 and not set.intersection(*measured):
        said.append("No arm besides Base is in all of these runs: values stand beside each other by run.")
    for key, what in (("model.digest", "base models"), ("commit", "versions of topgraft (commit)")):
        found = list(dict.fromkeys(str(table.get(key)) for table in made.values()))
        if len(found) > 1:
            said.append(f"The runs have different {what}: {', '.join(word[:12] for word in found)}.")
    decoding = {
        name: (table.get("evaluate.decoding"), table.get("data.max_response_tokens"))
        for name, table in settings.items()
    }
    if len(set(decoding.values())) > 1:
        said.append(f"Answers were decoded under different settings (decoding, longest answer): {decoding}.")
    return said
