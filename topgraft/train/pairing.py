"""Stage `pairs`: two answers to a prompt, the first preferred; and the pairs as later stages read them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from topgraft.errors import UserError
from topgraft.records import Comparison, Demonstration
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.runs.stage import PAIRS
from topgraft.runs.writing import read_lines
from topgraft.train.cost import Clock
from topgraft.train.execution import finish
from topgraft.train.plan import Step
from topgraft.train.workplace import Workplace


def pairs(place: Workplace, step: Step) -> None:
    """Write the pairs of all training and validation rows: the reference answer against the rows' own rejected one, or
    against a sample of the base model."""
    stage = place.run.stage(step.name)
    if stage.finished:
        return
    clock, rows = Clock(), [*place.splits.train, *place.splits.validation]
    before, kept = place.model.meter.tokens_in, 0
    found = own_pairs(rows, place.settings.pairs.rejected)
    if not found:
        found, kept = _sampled(place, step, rows)
    lines = "".join(json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in found)
    stage.write(PAIRS, lines)
    passes = (place.model.meter.tokens_in - before) / kept if kept else 0.0
    finish(place, step, clock, steps=len(found), passes=passes, tokens=kept)


def own_pairs(rows: Sequence[Demonstration], source: str) -> list[Comparison]:
    """The pairs that rows bring, where `source` (pairs.rejected) lets them; none where they are to be sampled."""
    own = [row for row in rows if row.rejected is not None and source != "sampled"]
    if source == "data" and not own:
        raise UserError(
            'pairs.rejected = "data", but no row brings a rejected answer. Name its column with data.rejected, or take '
            '"sampled".'
        )
    return [
        Comparison(
            key=row.key, prompt=row.prompt, chosen=row.response, rejected=row.rejected or "", strength=row.strength
        )
        for row in own
    ]


def _sampled(place: Workplace, step: Step, rows: Sequence[Demonstration]) -> tuple[list[Comparison], int]:
    """Pairs whose rejected answer the base model really decoded, and the tokens that were kept meanwhile. An empty
    sample gives no pair."""
    rows = [row for row in rows for _ in range(place.settings.pairs.samples_per_prompt)]
    generator = place.actors("pairs").generator
    size, kept, found = place.settings.sampling.rows_at_once, 0, []
    with place.screen.bar(step.name, -(-len(rows) // size)) as bar, place.model.slots.use(None):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            prompts = [place.template.encode_prompt(row.prompt) for row in part]
            shares = place.processes.blocks(len(part))
            rollouts = sample(
                place.model, place.template, prompts, place.settings.sampling, generator, rows=shares.mine
            )
            tokens, kept = rollouts.tokens, kept + rollouts.trunk.distinct_tokens
            drawn = [
                asdict(
                    Comparison(
                        key=part[place].key,
                        prompt=part[place].prompt,
                        chosen=part[place].response,
                        rejected=text,
                        rejected_ids=tuple(tokens.ids_BT[number][tokens.counted_BT[number]].tolist()),
                    )
                )
                for number, (place, text) in enumerate(zip(shares.mine, rollouts.texts, strict=True))
            ]
            found += [_comparison(record) for record in shares.records(drawn) if record["rejected"].strip()]
            bar.advance({}, ())
    return found, kept


def split_pairs(place: Workplace, step: Step) -> tuple[list[Comparison], list[Comparison]]:
    """The step's pairs of training prompts, and of validation prompts."""
    assert step.pairs is not None
    train_keys = {row.key for row in place.splits.train}
    rows = comparisons(place.run, step.pairs)
    return [row for row in rows if row.key in train_keys], [row for row in rows if row.key not in train_keys]


def clear(place: Workplace, *parts: list[Comparison]) -> tuple[list[Comparison], list[Comparison]]:
    """The pairs of which one answer is preferred."""
    train, held_out = ([row for row in part if row.strength > 0] for part in parts)
    ties = sum(map(len, parts)) - len(train) - len(held_out)
    if ties:
        place.screen.say(f"  {ties} ties are left out: neither answer is preferred")
    return train, held_out


def comparisons(run: RunFolder, step: str) -> list[Comparison]:
    """The pairs that a step wrote."""
    return [_comparison(record) for record in read_lines(run.stage(step).path / PAIRS)]


def _comparison(record: dict[str, Any]) -> Comparison:
    return Comparison(**{**record, "rejected_ids": tuple(record["rejected_ids"])})
