"""What stages are called and do, and which layers they train, in words."""

from dataclasses import dataclass
from typing import Any

from topgraft.report.words.numbers import number


@dataclass(frozen=True)
class Role:
    """What a stage does, in the diagram's words: title, caption in two lines, heads on top of the stack."""

    title: str
    caption: tuple[str, str]
    heads: tuple[str, ...]


ROLES = {
    "sft": Role("SFT", ("learns to write", "the references"), ("policy",)),
    "reward": Role("Reward model", ("learns to rank chosen", "above rejected"), ("reward",)),
    "reward_model": Role("Reward model", ("learns to rank chosen", "above rejected"), ("reward",)),
    "ppo": Role("PPO", ("earns reward, held near", "the reference"), ("policy", "value", "reference", "reward")),
    "grpo": Role("GRPO", ("beats its group, held", "near the reference"), ("policy", "reference", "reward")),
    "rloo": Role("RLOO", ("beats the others, held", "near the reference"), ("policy", "reference", "reward")),
    "dpo": Role("DPO", ("prefers chosen", "to rejected"), ("policy", "reference")),
    "orpo": Role("ORPO", ("writes the chosen,", "unlike the rejected"), ("policy",)),
    "kto": Role("KTO", ("nearer the desirable,", "off the undesirable"), ("policy", "reference")),
}


OTHERS = {"base": "Base", "pairs": "Preference pairs", "reward-check": "Reward check", "evaluate": "Evaluation"}


def trained_layers(model: dict[str, Any]) -> tuple[int, frozenset[int]]:
    """Return how many layers the model has and which are trained, as far as the provenance says."""
    total = int(number(model.get("layers")) or 0)
    trained = model.get("trained_layers")
    if isinstance(trained, list):
        chosen = {int(place) for item in trained if (place := number(item)) is not None}
    elif number(trained) is not None:
        chosen = set(range(total - int(number(trained) or 0), total))
    else:
        chosen = set(range(total)) if trained in ("all", "full") else set()
    return total, frozenset(place for place in chosen if 0 <= place < total)


def trained_words(model: dict[str, Any]) -> str:
    """Say which layers are trained, e.g. "the last 4 of 28 layers"; empty when it is not known."""
    total, trained = trained_layers(model)
    size = len(trained)
    if not total or not size:
        return ""
    if size == total:
        return f"all {total} layers"
    if trained == set(range(total - size, total)):
        return f"the last {size} of {total} layers" if size > 1 else f"the last of {total} layers"
    if trained == set(range(size)):
        return f"the first {size} of {total} layers" if size > 1 else f"the first of {total} layers"
    if max(trained) - min(trained) == size - 1 and size > 1:
        return f"layers {min(trained)} to {max(trained)} of {total} (counted from 0)"
    names = ", ".join(str(place) for place in sorted(trained))
    return f"layers {names} of {total} (counted from 0)" if size <= 8 else f"{size} of {total} layers"


def title_of(kind: str) -> str:
    """Return the display name of a kind of stage: `title_of("ppo")` -> "PPO"; unknown kinds stay as they are."""
    return ROLES[kind].title if kind in ROLES else OTHERS.get(kind, kind)


def stage_title(name: str, algorithm: Any = None) -> str:
    """Return a stage's display name: `stage_title("ppo")` -> "PPO"; `stage_title("last", "ppo")` -> "PPO (last)"."""
    if name in ROLES or name in OTHERS or not isinstance(algorithm, str):
        return title_of(name)
    title = title_of(algorithm)
    return name if title == algorithm else f"{title} ({name})"
