"""Generating and filtering: the first answer that keeps to the clauses, and the count of all that were drawn."""

import tiny
import torch

from topgraft.evaluate.responses import filtered
from topgraft.records import Demonstration
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

ROWS = [Demonstration(key=f"r{n}", group=f"g{n}", prompt=f"what {n}", response="x") for n in range(10)]


def test_the_first_answer_that_is_kept_is_the_answer_and_all_draws_are_counted():
    settings = SamplingSettings(rows_at_once=4)
    actors = tiny.actors(tiny.split(), tiny.characters(), response=6, sampling=settings)
    at, tries = (actors.model, actors.template), 4

    def keeps(rows):
        return [float("e" in row.response.lower()) for row in rows]

    generator = torch.Generator().manual_seed(3)
    found = filtered(*at, ROWS, settings, arm="f", slot=None, tries=tries, keeps=keeps, generator=generator)
    again, left = torch.Generator().manual_seed(3), list(range(len(ROWS)))
    drawn: dict[int, list[tuple[str, int]]] = {place: [] for place in left}
    for _ in range(tries):
        prompts = [actors.template.encode_prompt(ROWS[place].prompt) for place in left]
        rollouts = sample(*at, prompts, settings, again)
        for row, place in enumerate(left):
            drawn[place].append((rollouts.texts[row], int(rollouts.tokens.counted_BT[row].sum())))
        left = [place for place in left if "e" not in drawn[place][-1][0].lower()]
    assert [row.key for row in found] == [row.key for row in ROWS]
    for place, row in enumerate(found):
        assert row.response == drawn[place][-1][0]
        assert row.draws == len(drawn[place])
        assert row.generated == sum(tokens for _, tokens in drawn[place])
        assert row.tokens == drawn[place][-1][1]
    assert len({row.draws for row in found}) > 1
    assert any(not kept for kept in keeps(found))  # some never kept to it: their last answer stands
