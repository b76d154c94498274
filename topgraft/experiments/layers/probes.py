"""Linear probes: how well a line through the states of one block tells the wanted voice from another.

Alain and Bengio 2016 (arXiv 1610.01644); the control task after Hewitt and Liang 2019 (arXiv 1909.03368).
"""

import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from topgraft.data.batching import buckets
from topgraft.data.template import pack
from topgraft.data.voices import read_voices
from topgraft.model.crossing import block_input
from topgraft.model.split import positions
from topgraft.model.split_model import TOKENS_AT_ONCE
from topgraft.records import Demonstration
from topgraft.rollout.rows import Pair
from topgraft.rollout.sampling import sample
from topgraft.train.workplace import Workplace

FOLDS = 5


def probe(place: Workplace, seed: int) -> dict[str, Any]:
    """Accuracy [depth + 1] of a probe on the embeddings and on the output of every block, beside that of the control.

    Training and validation rows; the test rows are kept for the comparison at the end.
    """
    rows = [*place.splits.train, *place.splits.validation]
    others = other_answers(place, rows, seed)
    rows = [row for row in rows if row.key in others]
    wanted_DBH = mean_states(place, [(row.prompt, row.response) for row in rows])
    other_DBH = mean_states(place, [(row.prompt, others[row.key]) for row in rows])
    groups = [row.group for row in rows]
    found = [
        accuracies(wanted_BH, other_BH, groups, seed)
        for wanted_BH, other_BH in zip(wanted_DBH.numpy(), other_DBH.numpy(), strict=True)
    ]
    return {"accuracy": [real for real, _ in found], "control": [control for _, control in found], "n": 2 * len(rows)}


def other_answers(place: Workplace, rows: Sequence[Demonstration], seed: int) -> dict[str, str | tuple[int, ...]]:
    """Row key -> an answer to the same prompt in another voice: drawn from the recipe's other voices and the rejected
    answers of the data; sampled from the base model where there are none."""
    voices, rng = read_voices(place.settings.evaluate.other_voices), random.Random(seed)
    found: dict[str, str | tuple[int, ...]] = {}
    for row in rows:
        texts = [record["feedback"] for record in voices.get(row.key, [])]
        texts += [row.rejected] if row.rejected is not None else []
        if texts:
            found[row.key] = rng.choice(texts)
    return found or _sampled(place, rows, seed)


def _sampled(place: Workplace, rows: Sequence[Demonstration], seed: int) -> dict[str, str | tuple[int, ...]]:
    found: dict[str, str | tuple[int, ...]] = {}
    settings, generator = place.settings.sampling, torch.Generator().manual_seed(seed)
    for start in range(0, len(rows), settings.rows_at_once):
        part = rows[start : start + settings.rows_at_once]
        prompts = [place.template.encode_prompt(row.prompt) for row in part]
        with torch.no_grad(), place.model.slots.use(None):
            tokens = sample(place.model, place.template, prompts, settings, generator).tokens
        for row, ids_T, counted_T in zip(part, tokens.ids_BT, tokens.counted_BT, strict=True):
            found[row.key] = tuple(ids_T[counted_T].tolist())
    return found


@torch.no_grad()
def mean_states(place: Workplace, pairs: Sequence[Pair]) -> torch.Tensor:
    """States [depth + 1, B, H], float32, of the base model, averaged over each response's tokens: the embeddings, then
    the output of every block."""
    model, ids = place.model, [place.cache.ids(pair) for pair in pairs]
    tokens = pack(ids, place.template.pad_id, model.device)
    found = torch.empty(len(model.parts.blocks) + 1, len(pairs), model.hidden_size)
    for part in buckets(tokens.lengths_B.tolist(), TOKENS_AT_ONCE):
        rows, passed = tokens.rows(torch.tensor(part, device=model.device)), list[torch.Tensor]()

        def enter(_: Any, inputs: tuple[Any, ...], named: dict[str, Any], kept: Any = passed) -> None:
            kept.append(block_input(inputs, named))

        def leave(_: Any, __: Any, output: Any, kept: Any = passed) -> None:
            kept.append(output[0] if isinstance(output, tuple) else output)

        handles = [model.parts.blocks[0].register_forward_pre_hook(enter, with_kwargs=True)]
        handles += [block.register_forward_hook(leave) for block in model.parts.blocks]
        try:
            with model.slots.use(None):
                model.parts.decoder(
                    input_ids=rows.ids_BT,
                    attention_mask=rows.real_BT.long(),
                    position_ids=positions(rows.real_BT),
                    use_cache=False,
                )
        finally:
            for handle in handles:
                handle.remove()
        share_BT1 = (rows.counted_BT / rows.counted_BT.sum(1, keepdim=True))[:, :, None]
        for depth, hidden_BTH in enumerate(passed):
            found[depth, part] = (hidden_BTH.float() * share_BT1).sum(1).cpu()
    return found


def accuracies(wanted_BH: np.ndarray, other_BH: np.ndarray, groups: Sequence[str], seed: int) -> tuple[float, float]:
    """Held-out accuracy of the probe and of its control.

    Row b of both is an answer to the same prompt. Folds hold whole groups out. The control sees the same states with
    the two labels of every pair drawn at random, so that nothing but chance is left to be learned.
    """
    states = np.concatenate([wanted_BH, other_BH])
    swapped = np.random.default_rng(seed).integers(0, 2, len(wanted_BH)).astype(bool)
    folds = _folds(groups, seed)
    labels = np.repeat([1, 0], len(wanted_BH))
    drawn = np.concatenate([~swapped, swapped]).astype(int)
    return _held_out(states, labels, folds), _held_out(states, drawn, folds)


def _folds(groups: Sequence[str], seed: int) -> np.ndarray:
    """The fold of every text, of the wanted voice first: whole groups, dealt out in a random order."""
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    of = {name: place % min(FOLDS, len(names)) for place, name in enumerate(names)}
    return np.tile([of[group] for group in groups], 2)


def _held_out(states: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float:
    hits = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        if len(set(labels[~held])) < 2:  # one group is all there is
            return float("nan")
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(states[~held], labels[~held])
        hits[held] = model.predict(states[held]) == labels[held]
    return float(hits.mean())
