"""Sample responses to prompts: a prompt that rows share is prefilled once.

Each row draws from its own row of uniform numbers, so what it samples does not depend on its neighbours, on the batch
size or on when they end.
"""

from collections.abc import Iterator, Sequence

import torch

from topgraft.data.template import Template, pack
from topgraft.model.crossing import Crossing
from topgraft.model.split_model import SplitModel
from topgraft.objectives.masked import spread
from topgraft.records import Rollouts
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.decoding import Decoding, Prefill, Row
from topgraft.rollout.guiding import Guide
from topgraft.rollout.packing import packed


@torch.no_grad()
def sample(
    model: SplitModel,
    template: Template,
    prompts: list[list[int]],
    settings: SamplingSettings,
    generator: torch.Generator,
    guide: Guide | None = None,
    *,
    rows: Sequence[int] | None = None,
) -> Rollouts:
    """Sample one response for each row of prompt ids, under the adapter slot in use, and where there is a `guide` with
    each token's probability multiplied by the chance that it gives the token. With `rows` only these are sampled: what
    they come to is what it would be among all.

    `sampled_logprobs_BT` are log-softmax(logits / temperature) over the whole vocabulary, whatever penalty and
    truncation do, and those of the product where there is a guide; greedy decoding records them at temperature 1.
    `generator` lives on the CPU.
    """
    limit = template.settings.max_response_tokens
    uniform_BL = torch.rand(len(prompts), limit, generator=generator, dtype=torch.float64)
    if rows is not None:
        prompts, uniform_BL = [prompts[row] for row in rows], uniform_BL[list(rows)]
    number = {prompt: place for place, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
    owners = [number[tuple(prompt)] for prompt in prompts]
    distinct = [list(prompt) for prompt in number]
    kept: dict[int, Row] = {}
    at_prompts: dict[int, torch.Tensor] = {}
    layers = [model.parts.output] if model.sharded else [model.parts.decoder, model.parts.output]
    with (
        Crossing(model.parts.blocks, model.split_layer) as crossing,
        packed(layers, min(len(prompts), settings.rows_at_once)),
    ):
        for group, rows in model.together.in_step(list(_groups(distinct, owners, settings.rows_at_once))):
            prefill = Prefill(model, template, [distinct[owner] for owner in group], crossing)
            at_prompts.update(zip(group, prefill.crossing, strict=True))
            parts = [rows[at : at + settings.rows_at_once] for at in range(0, len(rows), settings.rows_at_once)]
            for part in model.together.in_step(parts):
                places = [group.index(owners[row]) for row in part]
                decoded = Decoding(prefill, places, uniform_BL[part], settings, guide).run()
                kept.update(zip(part, decoded, strict=True))
    done = [kept[row] for row in range(len(prompts))]
    pairs = [(prompt, row.response) for prompt, row in zip(prompts, done, strict=True)]
    tokens = pack(pairs, template.pad_id, model.device)
    states = (at_prompts[owner] for owner in range(len(distinct)))
    kept_states = model.state(states, owners, (row.crossing_LH for row in done))
    return Rollouts(
        tokens=tokens,
        texts=[template.decode(row.response, stop=settings.stop) for row in done],
        sampled_logprobs_BT=spread(torch.cat([row.sampled_logprobs_L for row in done]), tokens.counted_BT),
        drawn_logprobs_BT=spread(torch.cat([row.drawn_logprobs_L for row in done]), tokens.counted_BT),
        ended_B=torch.tensor([row.ended for row in done], device=model.device),
        trunk=model.trunk(tokens) if model.whole else kept_states,
        final_RH=torch.cat([row.final_LH for row in done]),
    )


def _groups(prompts: list[list[int]], owners: list[int], rows_at_once: int) -> Iterator[tuple[list[int], list[int]]]:
    """Distinct prompts to prefill together, in order of their lengths, and the rows that answer them: as many as are
    decoded side by side, or all rows of a single prompt that has more."""
    rows_of: list[list[int]] = [[] for _ in prompts]
    for row, owner in enumerate(owners):
        rows_of[owner].append(row)
    group: list[int] = []
    rows: list[int] = []
    for owner in sorted(range(len(prompts)), key=lambda owner: len(prompts[owner])):
        if group and len(rows) + len(rows_of[owner]) > rows_at_once:
            yield group, rows
            group, rows = [], []
        group, rows = [*group, owner], [*rows, *rows_of[owner]]
    yield group, rows
