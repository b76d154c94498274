"""Responses of a trained arm to prompts from a file."""

import json
import sys
from pathlib import Path

import torch

from topgraft.data.formats.columns import NO_COLUMN
from topgraft.data.reading import read
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole
from topgraft.train.progress import Screen
from topgraft.train.reopening import arm_of, plan_of, reopen
from topgraft.train.workplace import stage_seed


def generate(
    run: RunFolder,
    arm: str,
    *,
    data: str,
    prompt: str,
    out: Path | None,
    likeliest: bool,
    sets: list[str],
    screen: Screen,
) -> None:
    """Decode under `arm` and write one JSON line per prompt to `out`, or print them."""
    plan = plan_of(run, sets)
    chosen = arm_of(run, plan, arm)
    place = reopen(run, plan, chosen.settings, [chosen.policy], screen)
    if prompt:
        prompts = [("prompt", prompt)]
    elif data:
        unused = dict.fromkeys(("group", "correct", "category", "right", "wrong", "rejected", "strength"), NO_COLUMN)
        change = unused | {"source": data, "view": "prompts", "max_rows": 0}
        prompts = [(row.key, row.prompt) for row in read(place.settings.data.model_copy(update=change))]
    else:
        prompts = [(row.key, row.prompt) for row in place.splits.test]
    settings = greedy(place.settings.sampling) if likeliest else place.settings.sampling
    generator = torch.Generator().manual_seed(stage_seed(place.settings.seed, "generate"))
    lines: list[str] = []
    with screen.bar("generate", len(prompts)) as bar, place.model.slots.use(chosen.policy):
        for start in range(0, len(prompts), settings.rows_at_once):
            part = prompts[start : start + settings.rows_at_once]
            rollouts = sample(
                place.model,
                place.template,
                [place.template.encode_prompt(text) for _, text in part],
                settings,
                generator,
            )
            lengths, ended = rollouts.tokens.counted_BT.sum(1).tolist(), rollouts.ended_B.tolist()
            for number, (key, text) in enumerate(part):
                record = {
                    "id": key,
                    "arm": arm,
                    "prompt": text,
                    "response": rollouts.texts[number],
                    "tokens": lengths[number],
                    "ended": ended[number],
                }
                lines.append(json.dumps(record, ensure_ascii=False) + "\n")
                bar.advance({}, ())
    if out is not None:
        write_whole(out, "".join(lines))
        screen.say(f"{len(lines)} responses in {out}")
    else:
        for line in lines:  # the data themselves go to standard output, as they are; progress to standard error
            sys.stdout.write(json.loads(line)["response"] + "\n" if prompt else line)
