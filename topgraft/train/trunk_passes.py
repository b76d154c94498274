"""How often tokens pass the trunk: those that enter it, beside the distinct ones whose states are kept."""

from typing import Any

from topgraft.algorithms.protocol import Algorithm


class TrunkPasses:
    """Counts what enters and what is kept in the steps of a stage."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.algorithm = algorithm
        self.tokens_in = self.tokens_kept = 0
        self.leave_out()

    def leave_out(self) -> None:
        """Do not count what was there since the last count: validation, shown samples."""
        self._entered, self._kept = self._now()

    def metrics(self) -> dict[str, float]:
        """Count what was there since then; passes per token, where the model has a trunk and states were made."""
        entered, kept = (now - before for now, before in zip(self._now(), (self._entered, self._kept), strict=True))
        self.tokens_in, self.tokens_kept = self.tokens_in + entered, self.tokens_kept + kept
        self.leave_out()
        counts = self.algorithm.actors.model.meter.counts and kept
        return {"cost/trunk_passes_per_token": entered / kept} if counts else {}

    def state(self) -> dict[str, Any]:
        """The sums so far."""
        return {"tokens_in": self.tokens_in, "tokens_kept": self.tokens_kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from them."""
        self.tokens_in, self.tokens_kept = state["tokens_in"], state["tokens_kept"]

    def _now(self) -> tuple[int, int]:
        return self.algorithm.actors.model.meter.tokens_in, self.algorithm.tokens_kept
