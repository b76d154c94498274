"""Perplexity of answers under a third model: how likely their text is to one that no arm was made from.

The user names the model; there is no default, since an arm's own model would find its own habits likely. Answers are
tokenised again by that model's tokenizer and read without their prompts: a template is the policy's business, and a
scorer that follows the prompt would measure its own skill at the task as well. The first token is predicted from the
tokenizer's start token (its end token where it has no other; where it has neither, the first token is not counted).
"""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from topgraft.errors import UserError
from topgraft.evaluate.metric import Metric
from topgraft.evaluate.records import Evaluation, MetricResult
from topgraft.evaluate.statistics.measures import sums
from topgraft.model.load import load_reader, refuse_unknown

LONGEST = 1024
"""Tokens that are read of an answer, at most; fewer where the model takes fewer."""


@torch.no_grad()
def surprise(name: str, texts: Sequence[str]) -> list[tuple[float, int]]:
    """(-log p, tokens) of each text under model `name`: nats summed over its tokens, and how many were counted."""
    tokenizer, model = _reader(name)
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    before = [] if start is None else [start]
    longest = min(LONGEST, getattr(model.config, "max_position_embeddings", None) or LONGEST)
    found = []
    for text in texts:
        ids = (before + tokenizer(text, add_special_tokens=False)["input_ids"])[:longest]
        if len(ids) < 2:
            found.append((0.0, 0))
            continue
        ids_BT = torch.tensor([ids], device=model.device)
        logprobs_TV = model(input_ids=ids_BT).logits[0, :-1].float().log_softmax(-1)
        nats = -logprobs_TV.gather(1, ids_BT[0, 1:, None]).sum().item()
        found.append((nats, len(ids) - 1))
    return found


def measure(evaluation: Evaluation) -> MetricResult | None:
    """exp(nats / tokens) over all answers of an arm: every token weighs the same, so a short odd answer does not
    outweigh the rest. An arm without a token has none."""
    name = evaluation.perplexity_model
    if not name:  # a recipe that asks for the metric must name one (settings.py)
        return None
    statistics, tokens = {}, 0
    for arm, rows in evaluation.responses.items():
        found = np.array(surprise(name, [row.response for row in rows]))
        tokens += int(found[:, 1].sum())
        if found[:, 1].any():
            statistics[arm] = _statistic(found)
    instrument: dict[str, float | str] = {"model": name, "tokens": float(tokens)}
    if _same(name, evaluation.base):
        instrument["warning"] = (
            "this is the arms' own base model: it finds its own habits likely, and an arm that leaves them is punished"
        )
    return sums(evaluation, statistics, instrument=instrument)


def _statistic(found: np.ndarray) -> Any:
    def perplexity(rows: np.ndarray) -> float:
        nats, tokens = found[rows].sum(0)
        return math.exp(nats / tokens) if tokens else math.nan

    return perplexity


def _same(one: str, other: str) -> bool:
    """Whether two names mean one model: equal, or paths to one folder."""
    return one == other or (Path(one).exists() and Path(other).exists() and Path(one).samefile(other))


def refuse_unreadable(name: str) -> None:
    """Raise UserError where there is no such model, before hours of training."""
    try:
        refuse_unknown(name)
    except UserError as error:
        raise UserError(f"evaluate.perplexity_model: {error}") from error


@cache
def _reader(name: str) -> tuple[Any, Any]:
    """Tokenizer and model, once in a process."""
    refuse_unreadable(name)
    return load_reader(name, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


PERPLEXITY = Metric(
    "perplexity per token under evaluate.perplexity_model, of all answers together, without their prompts",
    "lower",
    measure,
)
