"""Supervised fine-tuning: mean negative log-likelihood of the response tokens, the end token included.

Prompt tokens are never counted. The trunk runs once per row; every epoch runs the branch only.
"""

import torch
from pydantic import Field

from topgraft.algorithms.protocol import OfflineSettings
from topgraft.algorithms.references import response_logprobs
from topgraft.algorithms.slot import RowsLearner
from topgraft.records import Batch, Demonstration, Loss


class Options(OfflineSettings):
    """[sft]"""

    learning_rate: float = Field(2e-4, gt=0)
    """Peak rate of the optimizer."""


class SFT(RowsLearner):
    """Maximum likelihood on demonstrations, in adapter slot `slot`."""

    learns_from = "demonstrations"
    options: Options

    def collect(self, rows: list[Demonstration]) -> Batch:
        """Tokens and kept trunk states."""
        return self.actors.kept([(row.prompt, row.response) for row in rows])

    def count(self, minibatch: Batch) -> float:
        """Response tokens."""
        return float(minibatch.tokens.counted_BT.sum())

    def loss(self, micro: Batch, *, count: float) -> Loss:
        """Negative log-likelihood per response token."""
        with self.actors.model.slots.use(self.slot, learning=True):
            final_BLH = self.actors.model.branch(micro.trunk)
        logprobs_R, _ = self.actors.model.logprobs(final_BLH, micro.tokens)
        value = -logprobs_R.sum() / count
        return Loss(value=value, metrics={"loss/total": value.item()})

    @torch.no_grad()
    def validate(self, rows: list[Demonstration]) -> dict[str, float]:
        """Validation loss, nats per response token."""
        batch = self.collect(rows)
        total_B = response_logprobs(self.actors.model, self.slot, batch)
        return {"eval/loss": -total_B.sum().item() / self.count(batch)}
