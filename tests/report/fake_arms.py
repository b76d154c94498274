"""A run of many arms: Base, five methods and the best of 8, on the last blocks and on every weight."""

from pathlib import Path

from fake_run import compare, entry, fake_provenance, summary

from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json

METHODS = ("sft", "dpo", "kto", "ppo", "grpo")


def fake_arms() -> dict:
    """What provenance.json says of the arms."""
    base = {"path": [], "kinds": [], "layers": "last-4", "best_of": 1, "changes": {}}
    arms = {"base": base}
    for end, changes in (("", {}), ("-full", {"model": {"layers": "full"}})):
        shared = {"layers": "full" if end else "last-4", "best_of": 1, "changes": changes}
        for kind in METHODS:
            kinds = [kind] if kind == "sft" else ["sft", kind]
            arms[kind + end] = shared | {"path": [name + end for name in kinds], "kinds": kinds}
        arms["best-of-8" + end] = shared | {"path": ["sft" + end], "kinds": ["sft"], "best_of": 8}
    return arms


def many_results() -> dict:
    """Results of `fake_arms`: reward and KL rise from arm to arm, the last but one is PPO's on every weight."""
    arms, starts, paired = {}, {}, []
    for place, (arm, about) in enumerate(fake_arms().items()):
        metrics = {"reward": entry(0.2 * place, 0.5, 40), "bleu": entry(10.0 - place, 3.0, 40)}
        if about["path"] and about["best_of"] == 1:
            metrics["kl"] = entry(1.5 * place, 0.4, 40)
        arms[arm] = {"metrics": metrics}
        if about["path"]:
            before = about["path"][-1:] if about["best_of"] > 1 else about["path"][:-1]
            starts[arm] = (before or ["base"])[0]
            paired.append(compare("reward", arm, "base", 0.2 * place, 0.15))
    *others, last = arms
    paired += [compare("reward", arm, start, 0.4, 0.35) for arm, start in starts.items() if start != "base"]
    paired += [compare("reward", last, arm, 0.3, 0.25) for arm in others if arm not in ("base", starts[last])]
    directions = {"reward": "higher", "bleu": "higher", "kl": "neutral"}
    return {
        "recipe": "methods",
        "seed": 1,
        "arms": arms,
        "starts": starts,
        "comparisons": paired,
        "directions": directions,
    }


def build_many(path: Path) -> RunFolder:
    """Write a finished run with the arms of `fake_arms`."""
    run = RunFolder(path)
    arms = fake_arms()
    steps = ["pairs", "reward", *(arm for arm, about in arms.items() if about["path"][-1:] == [arm])]
    write_json(path / "provenance.json", fake_provenance() | {"recipe": "methods", "stages": steps, "arms": arms})
    for place, name in enumerate(steps):
        kind, trained = name.removesuffix("-full"), list(range(28)) if "full" in name else [24, 25, 26, 27]
        about = summary(name, 5, 10.0 * place, None, 1000 + place, None) | {"algorithm": kind}
        trained = [] if kind in ("pairs", "reward") else trained
        scored = {"reward": "reward" if kind in ("ppo", "grpo") else None}
        run.stage(name).finish(about | {"trained_layers": trained} | scored)
    write_json(run.results_file, many_results())
    return run
