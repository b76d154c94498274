"""What is no finite number stays out of the weights: the update is skipped and counted, its batch kept to be looked at,
and after too many in a row the stage ends."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from topgraft.errors import Diverged
from topgraft.records import Batch
from topgraft.runs import StageFolder
from topgraft.train.progress import Screen


class Guard:
    """Looks at what the weights would learn from."""

    def __init__(self, limit: int, stage: StageFolder, screen: Screen) -> None:
        self.limit, self.stage, self.screen = limit, stage, screen
        self.in_a_row = 0
        """Updates skipped since the last that was made."""

    def refuses(self, step: int, found: Mapping[str, float], seen: Sequence[Any]) -> bool:
        """Whether something that was `found` is not finite; `seen` (the step's responses, or its rows) is then kept.
        Raises Diverged at one skip too many."""
        wrong = {name: str(value) for name, value in found.items() if not math.isfinite(value)}
        if not wrong:
            return False
        self.in_a_row += 1
        items = [asdict(item) if is_dataclass(item) and not isinstance(item, type) else str(item) for item in seen]
        self.stage.skip({"step": step, "not_finite": wrong, "items": readable(items)})
        said = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        self.screen.say(f"  step {step}: an update is skipped, since {said}; its batch is in skipped.jsonl")
        if self.in_a_row > self.limit:
            raise Diverged(
                f"Training diverged: {self.in_a_row} updates in a row had no finite numbers ({said}). Look at the "
                f"batches in {self.stage.path / 'skipped.jsonl'}. If nothing is wrong with them, lower the stage's "
                f"learning_rate or max_grad_norm."
            )
        return True

    def state(self) -> dict[str, Any]:
        """The count."""
        return {"in_a_row": self.in_a_row}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.in_a_row = state["in_a_row"]


def odd_numbers(batch: Batch) -> dict[str, float]:
    """Of everything that a batch brings to be learned from, by name: 0 where all is finite, else one number that is
    not."""
    found = {name: tensor[~tensor.isfinite()] for name, tensor in batch.extras.items() if tensor.is_floating_point()}
    return {name: float(odd[0]) if len(odd) else 0.0 for name, odd in found.items()}


def readable(tree: Any) -> Any:
    """The tree with texts in the place of numbers that JSON does not have."""
    if isinstance(tree, float) and not math.isfinite(tree):
        return str(tree)
    if isinstance(tree, Mapping):
        return {key: readable(value) for key, value in tree.items()}
    return [readable(value) for value in tree] if isinstance(tree, list | tuple) else tree
