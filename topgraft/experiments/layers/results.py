"""results.json of a discovery, from its book alone: measures of the blocks, the choice, and the test of it.

Windows are chosen by validation rows; the arms that are compared at the end are measured on test rows.
"""

from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np

from topgraft.evaluate.records import Measure
from topgraft.evaluate.table import as_json
from topgraft.experiments.layers.folder import Book, Discovery
from topgraft.experiments.layers.scores import Blocks, Choice, Rows, choose, jaccard, rank_correlations, share
from topgraft.experiments.layers.trainings import thin_rank
from topgraft.model.layers import choose_layers

Nats = list[list[float]]
"""Nats of every row, a list for each seed."""
SCORES = {
    "probe": "probe: accuracy less that of its control",
    "gradient": "gradient of an adapter's weight at the start (root mean square)",
    "change": "relative change of the weights, ||dW|| / ||W|| (biased)",
    "removed": "share of the gain lost without the block's part of the adapter",
    "alone": "share of the gain that the block's part has alone",
    "single": "share of the gain that training the block alone has",
}
"""Scores of a block, in the order of the table."""


def results_of(asked: Discovery, depth: int, book: Book, digests: dict[str, str]) -> dict[str, Any]:
    """What results.json holds; in the shape of an evaluation's, with more beside it."""
    (base,) = book.of("base", [])
    rows = {part: Rows(np.asarray(base["tokens"][part]), base["problems"][part]) for part in ("validation", "test")}
    trained = _trained(asked, book, "validation")
    choice = choose({blocks: nats for (kind, blocks), nats in trained.items() if kind == "window"}, rows["validation"])
    everywhere = _mean_loss(rows["validation"], trained["all", tuple(range(depth))])
    start = rows["validation"].loss(base["validation"])
    blocks = _blocks(asked, depth, book, rows["validation"], start)
    means = {name: [fmean(values) for values in zip(*blocks[name]["seeds"], strict=True)] for name in SCORES}
    arms, comparisons = _test(asked, depth, book, rows["test"], choice)
    return {
        "recipe": asked.settings.name,
        "seed": asked.settings.seed,
        "seeds": asked.seed_numbers,
        "depth": depth,
        "window": asked.window,
        "epochs": asked.epochs,
        "digests": digests,
        "recommendation": _recommendation(asked, choice),
        "arms": arms,
        "comparisons": comparisons,
        "directions": {"test_loss": "lower", "gain_share": "higher"},
        "descriptions": {
            "test_loss": "negative log-likelihood of the test answers, nats per token, mean over seeds",
            "gain_share": "share of the fall in test loss that training all blocks brings",
        },
        "validation": {"base": start, "all": everywhere, "n": len(rows["validation"].groups)},
        "blocks": blocks,
        "windows": _windows(asked, book, trained, rows["validation"], start, everywhere),
        "spearman": {"scores": list(SCORES), "n": depth, "rho": rank_correlations(means)},
        "jaccard": jaccard(choice.by_seed),
        "scores": SCORES,
    }


def _trained(asked: Discovery, book: Book, part: str) -> dict[tuple[str, Blocks], Nats]:
    """(kind, blocks) -> nats by seed; random blocks, another draw for each seed, stand together under ()."""
    found: dict[tuple[str, Blocks], Nats] = {}
    for kind in ("all", "thin", "window", "random", "single"):
        for one in book.of(kind, asked.seed_numbers):
            blocks = () if kind == "random" else tuple(one["blocks"])
            found.setdefault((kind, blocks), []).append(one[part])
    return found


def _mean_loss(rows: Rows, nats: Nats) -> float:
    return fmean(rows.loss(each) for each in nats)


def _blocks(asked: Discovery, depth: int, book: Book, rows: Rows, start: float) -> dict[str, dict[str, Any]]:
    """Score -> "seeds" [seeds, depth], and what it is to be read against."""
    probes, gradients = (list(book.of(kind, asked.seed_numbers)) for kind in ("probe", "gradient"))
    whole = list(book.of("all", asked.seed_numbers))
    ends = [rows.loss(one["validation"]) for one in whole]
    single = _trained(asked, book, "validation")
    by_block = [[rows.loss(nats) for nats in single["single", (block,)]] for block in range(depth)]
    at = fmean(ends)
    return {
        "probe": {
            "seeds": [[real - low for real, low in _pairs(one)] for one in probes],
            "accuracy": [one["accuracy"] for one in probes],
            "control": [one["control"] for one in probes],
            "n": probes[0]["n"],
        },
        "gradient": {
            "seeds": [one["gradient"] for one in gradients],
            "control": [one["control"] for one in gradients],
        },
        "change": {"seeds": [one["change"] for one in whole]},
        "removed": {
            "seeds": [
                [1 - share(loss, start, end) for loss in one["removed"]] for one, end in zip(whole, ends, strict=True)
            ]
        },
        "alone": {
            "seeds": [[share(loss, start, end) for loss in one["alone"]] for one, end in zip(whole, ends, strict=True)]
        },
        "single": {"seeds": [[share(loss, start, at) for loss in each] for each in zip(*by_block, strict=True)]},
    }


def _pairs(probe: dict[str, Any]) -> list[tuple[float, float]]:
    """(accuracy, control) of every block, without the embeddings."""
    return list(zip(probe["accuracy"][1:], probe["control"][1:], strict=True))


def _windows(
    asked: Discovery,
    book: Book,
    trained: dict[tuple[str, Blocks], Nats],
    rows: Rows,
    start: float,
    everywhere: float,
) -> list[dict[str, Any]]:
    """The windows and their controls by validation loss: each with its share of the gain, seed by seed."""
    sizes = {(one["kind"], *one["blocks"]): one["trainable"] for one in book.records if "trainable" in one}
    found = []
    for (kind, blocks), nats in trained.items():
        if kind == "single":
            continue
        losses = [rows.loss(each) for each in nats]
        drawn = next(key for key in sizes if key[0] == kind and (not blocks or key[1:] == blocks))
        found.append(
            {
                "name": _name(asked, kind, blocks),
                "kind": kind,
                "blocks": list(blocks),
                "trainable": sizes[drawn],
                "loss": losses,
                "share": [share(loss, start, everywhere) for loss in losses],
            }
        )
    return found


def _name(asked: Discovery, kind: str, blocks: Blocks) -> str:
    """What a training is called in tables."""
    if kind == "thin":
        return f"all, rank {thin_rank(asked.settings.model.lora.rank, asked.window, len(blocks))}"
    return {"all": "all", "random": f"random-{asked.window}"}.get(kind) or called(blocks)


def _recommendation(asked: Discovery, choice: Choice) -> dict[str, Any]:
    best = called(choice.best).capitalize()
    lead = as_json(choice.lead)
    if choice.separated:
        why = f"{best} have the lowest validation loss, below that of the last {asked.window} blocks in every seed."
    elif choice.best == choice.blocks:
        why = f"{best}, the last ones, have the lowest validation loss, and they are the cheapest to train."
    else:
        why = (
            f"{best} have the lowest validation loss but are not separated from the last {asked.window} blocks, which "
            "are cheaper to train: more of the model is run once and kept."
        )
    return {
        "blocks": list(choice.blocks),
        "best": list(choice.best),
        "separated": choice.separated,
        "lead": lead,
        "lead_by_seed": choice.seeds,
        "choice_by_seed": [list(blocks) for blocks in choice.by_seed],
        "why": why,
    }


def called(blocks: Blocks) -> str:
    """A window for people: `called((4, 5, 6, 7))` -> "blocks 4-7"; others one by one."""
    if len(blocks) == 1:
        return f"block {blocks[0]}"
    together = all(after == before + 1 for before, after in pairwise(blocks))
    return f"blocks {blocks[0]}-{blocks[-1]}" if together else f"blocks {', '.join(map(str, blocks))}"


def _test(
    asked: Discovery, depth: int, book: Book, rows: Rows, choice: Choice
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The arms on test rows, and the recommended blocks against every other: paired, intervals over problems."""
    trained = _trained(asked, book, "test")
    (base,) = book.of("base", [])
    whole = trained["all", tuple(range(depth))]
    nats = {"base": [base["test"]]}
    names = {tuple(choose_layers(f"{where}-{asked.window}", depth, 0)): where for where in ("middle", "first", "last")}
    names |= {blocks: names.get(blocks, "") for blocks in (choice.best, choice.blocks)}
    for blocks, where in sorted(names.items(), reverse=True):
        nats[f"{where}-{asked.window}" if where else called(blocks)] = trained["window", blocks]
    ours = next(name for name in nats if nats[name] is trained["window", choice.blocks])
    nats[_name(asked, "random", ())] = trained["random", ()]
    everywhere = tuple(range(depth))
    nats |= {"all": whole, _name(asked, "thin", everywhere): trained["thin", everywhere]}
    arms = {}
    for name, each in nats.items():
        gain = _against(rows, each, [base["test"]], whole)
        arms[name] = {"metrics": {"test_loss": as_json(rows.measure(each, fmean)), "gain_share": as_json(gain)}}
    comparisons = [
        {"name": "test_loss", "arm": ours, "against": name, **as_json(_difference(rows, nats[ours], each))}
        for name, each in nats.items()
        if name != ours
    ]
    return arms, comparisons


def _against(rows: Rows, nats: Nats, base: Nats, whole: Nats) -> Measure:
    """Share of the gain, of means over seeds."""
    many = len(nats)
    return rows.measure(
        [*nats, *base, *whole], lambda found: share(fmean(found[:many]), found[many], fmean(found[many + 1 :]))
    )


def _difference(rows: Rows, nats: Nats, other: Nats) -> Measure:
    """Mean loss over seeds of the one less that of the other."""
    many = len(nats)
    return rows.measure([*nats, *other], lambda found: fmean(found[:many]) - fmean(found[many:]))
