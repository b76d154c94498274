"""Responses of a trained arm to prompts from a file: drawn part by part, kept as they come, written whole at the end.

Until all are there they stand in a file beside the one asked for, `.NAME.part`: first a line about the job, then a line
a response. The same command goes on from there.
"""

import csv
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from topgraft.data.formats.columns import NO_COLUMN
from topgraft.data.reading import read
from topgraft.errors import UserError
from topgraft.report.words.text import csv_text
from topgraft.rollout.choosing import SamplingSettings, greedy
from topgraft.rollout.sampling import sample
from topgraft.runs.writing import append_line, is_whole, read_lines, summed, write_whole
from topgraft.train.arms import OpenArms
from topgraft.train.exported import ExportedArms
from topgraft.train.interrupt import stoppable
from topgraft.train.plan import Arm
from topgraft.train.progress import Screen, printable
from topgraft.train.reopening import arm_of
from topgraft.train.workplace import Workplace, stage_seed

Prompt = tuple[str, str]
"""Its id and its text."""
Part = tuple[int, Sequence[Prompt]]
"""Prompts that are answered side by side, and the number of the first among all."""
Draw = Callable[[Sequence[Part]], Iterator[list[dict[str, Any]]]]
"""Gives the records of each part, in their order."""


def generate(
    arms: OpenArms | ExportedArms,
    arm: str,
    *,
    data: str,
    prompt: str,
    out: Path | None,
    likeliest: bool,
    samples: int,
    screen: Screen,
    draw: Draw | None = None,
) -> None:
    """Decode under `arm` ("": the last whose answers are its policy's own), `samples` responses to each prompt, and
    write one line for each to `out` (a table where its name ends in .csv, else JSON), or print them. With `draw` they
    are drawn elsewhere."""
    here = drawing(arms, arm, likeliest=likeliest, samples=samples)
    place, settings = here.place, here.settings
    asked = [pair for pair in _prompts(place, data, prompt) for _ in range(samples)]
    kept = None if out is None else out.with_name(f".{out.name}.part")
    job = _job(place, here.arm, settings, samples, asked)
    done = _begun(kept, job, asked) if kept is not None else []
    if len(done) < len(asked):  # what is drawn together is drawn together again: sums of other shapes round otherwise
        done = done[: len(done) // settings.rows_at_once * settings.rows_at_once]
    if done:
        screen.say(f"  {len(done)} of {len(asked)} responses are there; going on")
    with stoppable(screen.say, lambda: f"The same command goes on; {kept} holds what is there." if kept else ""):
        draw = draw or partial(map, here)
        records = _answers(draw, asked, settings.rows_at_once, done, kept, screen)
    if out is None or kept is None:
        shown = printable if sys.stdout.isatty() else str  # a file gets the data as they are; a terminal would obey
        for record in records:
            sys.stdout.write(shown(record["response"] if prompt else json.dumps(record, ensure_ascii=False)) + "\n")
        return
    write_whole(out, _table(records) if out.suffix.lower() == ".csv" else _lines(records))
    kept.unlink(missing_ok=True)
    screen.say(f"{len(records)} responses in {out}")


def _prompts(place: Workplace, data: str, prompt: str) -> list[Prompt]:
    """The prompts that are asked for; those of the run's test rows where none are."""
    if prompt:
        return [("prompt", prompt)]
    if not data:
        if not place.splits.test:
            raise UserError(f"{place.run.path} brings no prompts of its own. Give --data FILE or --prompt TEXT.")
        return [(row.key, row.prompt) for row in place.splits.test]
    unused = dict.fromkeys(("group", "correct", "category", "right", "wrong", "rejected", "strength"), NO_COLUMN)
    change = unused | {"source": data, "view": "prompts", "max_rows": 0}
    return [(row.key, row.prompt) for row in read(place.settings.data.model_copy(update=change))]


def _job(
    place: Workplace, arm: Arm, settings: SamplingSettings, samples: int, asked: Sequence[Prompt]
) -> dict[str, Any]:
    """Everything that the responses depend on."""
    return {
        "job": arm.name,
        "model": place.model.base_digest,
        "sampling": settings.model_dump(mode="json", exclude={"rows_at_once"}),
        "tokens": [place.settings.data.max_prompt_tokens, place.settings.data.max_response_tokens],
        "seed": place.settings.seed,
        "samples": samples,
        "prompts": hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16],
    }


def _begun(kept: Path, job: dict[str, Any], asked: Sequence[Prompt]) -> list[dict[str, Any]]:
    """The responses that a command which was cut off has left: those that stand there whole, from the first on."""
    lines = list(read_lines(kept))
    if not lines or "job" not in lines[0]:
        kept.unlink(missing_ok=True)
        append_line(kept, job)
        return []
    if lines[0] != job:
        raise UserError(
            f"{kept} holds the beginning of another job (arm '{lines[0]['job']}', or other prompts or settings). Give "
            f"that command again to finish it, delete the file to begin anew, or give another --out."
        )
    whole = {line["number"]: line["record"] for line in lines[1:] if is_whole(line)}
    return [whole[number] for number in takewhile(whole.__contains__, range(len(asked)))]


def drawing(arms: OpenArms | ExportedArms, arm: str, *, likeliest: bool, samples: int) -> "Drawing":
    """What draws the responses of `arm`. Raises UserError where it has none of its own."""
    if samples > 1 and likeliest:
        raise UserError(f"--samples {samples} of the likeliest response would all be the same. Add --sample.")
    plan = arms.plan
    chosen = arm_of(arms.run, plan, arm or [one.name for one in plan.arms.values() if one.plain][-1])
    if chosen.filter > 1 or chosen.constrained:
        raise UserError(
            f"Arm '{arm}' chooses its answers by clauses or a constraint, which `generate` does not. Take the arm of "
            f"its policy: --arm {plan.starts().get(arm, 'base')}."
        )
    place = arms.open(chosen)
    settings = greedy(place.settings.sampling) if likeliest else place.settings.sampling
    return Drawing(place, chosen, settings, samples)


class Drawing:
    """Draws responses part by part. Every response has its own random numbers, so that it is the same wherever a job
    was cut off, and whoever draws it."""

    def __init__(self, place: Workplace, arm: Arm, settings: SamplingSettings, samples: int) -> None:
        self.place, self.arm, self.settings, self.samples = place, arm, settings, samples
        self.generator = torch.Generator().manual_seed(stage_seed(place.settings.seed, "generate"))
        self.at = 0

    def __call__(self, part: Part) -> list[dict[str, Any]]:
        """The records of a part that lies behind those before."""
        start, asked = part
        limit = self.place.template.settings.max_response_tokens
        torch.rand(start - self.at, limit, generator=self.generator, dtype=torch.float64)  # the numbers of others
        self.at = start + len(asked)
        prompts = [self.place.template.encode_prompt(text) for _, text in asked]
        with self.place.model.slots.use(self.arm.policy):
            rollouts = sample(self.place.model, self.place.template, prompts, self.settings, self.generator)
        lengths, ended = rollouts.tokens.counted_BT.sum(1).tolist(), rollouts.ended_B.tolist()
        return [
            {
                **{"id": key, "arm": self.arm.name, "prompt": text, "response": rollouts.texts[row]},
                **{"tokens": lengths[row], "ended": ended[row]},
                **({"sample": (start + row) % self.samples} if self.samples > 1 else {}),
            }
            for row, (key, text) in enumerate(asked)
        ]


def _answers(
    draw: Draw,
    asked: Sequence[Prompt],
    at_once: int,
    done: Sequence[dict[str, Any]],
    kept: Path | None,
    screen: Screen,
) -> list[dict[str, Any]]:
    """The records of all responses: those that are `done`, and those drawn now, which go to `kept` as they come."""
    records = list(done)
    with screen.bar("generate", len(asked)) as bar:
        for _ in done:
            bar.advance({}, ())
        for found in draw([(start, asked[start : start + at_once]) for start in range(len(done), len(asked), at_once)]):
            for record in found:
                if kept is not None:
                    append_line(kept, summed({"number": len(records), "record": record}))
                records.append(record)
                bar.advance({}, ())
    return records


def _lines(records: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _table(records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, records[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: csv_text(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in records
    )
    return text.getvalue()
