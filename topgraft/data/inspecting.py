"""What is in the rows, before anything is trained on them: counts, lengths, doubles, leaks, pairs, refusals, likeness.

inspection = inspect(rows, splits, template)      # without a template, lengths are counted in words
for name, text in render(inspection): print(f"{name:24} {text}")       # topgraft.data.findings
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topgraft.data.likeness import Likeness, overlap, pairwise_bleu
from topgraft.data.preferred import Pairs, Share, look_at_pairs, refusals
from topgraft.data.splitting import Splits
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.template import Template

OUTLYING = 10
"""A text this many times longer or shorter than the median one is worth a look."""
SHOWN = 3
"""Rows shown as examples, and keys named in a line."""
AT_ONCE = 256
"""Texts that are cut into tokens together."""
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d{2,5});")
NEW_TURN = re.compile(r"\n\n?(?:Human|User|Assistant):")
Tick = Callable[[int], None]
"""Is told how many texts more have been counted."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Median, 99th percentile (nearest rank) and longest of some texts, in tokens or words."""

    p50: int
    p99: int
    longest: int


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The findings. Keys are `Demonstration.key`; doubles count the rows beyond the first of equal ones."""

    rows: int
    groups: int
    parts: dict[str, tuple[int, int]]
    """Part -> (rows, groups)."""
    labels: dict[str, int]
    """ "correct", "incorrect" and "unknown" -> rows."""
    categories: dict[str, int]
    """Category -> rows, the most frequent first; empty where no row has one."""
    unit: str
    """What lengths count: "tokens" or "words"."""
    sizes: dict[str, list[int]]
    """ "prompts", "responses", and of pairs "chosen" and "rejected" -> the length of each; empty where there are
    none."""
    limits: tuple[int, int] | None
    """Tokens of a prompt and of a response beyond which they are cut."""
    cut: list[str]
    """Keys of rows whose prompt or response is over the limits of the template."""
    double_rows: int
    """Rows that say the same as an earlier one: prompt, response and rejected answer."""
    double_prompts: int
    double_responses: int
    leaked_prompts: list[str]
    """Prompts that stand in more than one part."""
    leaked_groups: list[str]
    empty: list[str]
    suspicious: list[tuple[str, str]]
    """(key, why it is worth a look)."""
    refusals: Share
    """Of the responses, those that refuse."""
    pairs: Pairs | None
    overlap: Likeness
    """Of every test reference, the train reference it is most like; n counts test references."""
    likeness: Likeness
    """Of random pairs of references: low where every answer is worded anew; n counts pairs."""
    examples: list[Demonstration]

    @property
    def prompts(self) -> Lengths:
        """Lengths of the prompts."""
        return lengths(self.sizes["prompts"])

    @property
    def responses(self) -> Lengths:
        """Lengths of the responses."""
        return lengths(self.sizes["responses"])


def inspect(
    rows: Sequence[Demonstration],
    splits: Splits,
    template: Template | None = None,
    tick: Tick = lambda count: None,
) -> Inspection:
    """Look at all rows. Deterministic; nothing is changed, the template's own counts included."""
    labels = Counter({True: "correct", False: "incorrect", None: "unknown"}[row.correct] for row in rows)
    answered = [row for row in rows if row.response.strip()]
    pairs = [row for row in rows if row.rejected is not None]
    prompts = _prompt_lengths([row.prompt for row in rows], template, tick)
    responses = _response_lengths([row.response for row in rows], template, tick) if answered or pairs else []
    rejected = _response_lengths([row.rejected or "" for row in pairs], template, tick)
    chosen = [size for row, size in zip(rows, responses, strict=bool(responses)) if row.rejected is not None]
    step = max(1, len(rows) // SHOWN)
    return Inspection(
        rows=len(rows),
        groups=len({row.group for row in rows}),
        parts={name: (len(part), len({row.group for row in part})) for name, part in splits.parts().items()},
        labels={name: labels[name] for name in ("correct", "incorrect", "unknown")},
        categories=dict(Counter(row.category for row in rows if row.category).most_common()),
        unit="tokens" if template else "words",
        sizes={"prompts": prompts, "responses": responses, "chosen": chosen, "rejected": rejected},
        limits=(template.prompt_limit, template.settings.max_response_tokens) if template else None,
        cut=_over(rows, prompts, responses, template),
        double_rows=len(rows) - len({(row.prompt, row.response, row.rejected) for row in rows}),
        double_prompts=len(rows) - len({row.prompt.strip() for row in rows}),
        double_responses=len(answered) - len({row.response.strip() for row in answered}),
        leaked_prompts=_leaked(splits, lambda row: row.prompt.strip()),
        leaked_groups=_leaked(splits, lambda row: row.group),
        empty=[row.key for row in rows if not row.prompt.strip() or (answered and not row.response.strip())],
        suspicious=_suspicious(rows, ("prompt", "response") if answered else ("prompt",)),
        refusals=refusals([row.response for row in answered]),
        pairs=look_at_pairs(pairs, chosen, rejected),
        overlap=overlap(splits),
        likeness=pairwise_bleu([row.response for row in answered]),
        examples=list(rows[::step][:SHOWN]),
    )


def lengths(sizes: Sequence[int]) -> Lengths:
    """Percentiles by nearest rank; zeros of nothing."""
    ordered = sorted(sizes)
    if not ordered:
        return Lengths(0, 0, 0)

    def rank(percent: int) -> int:
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    return Lengths(rank(50), rank(99), ordered[-1])


def _prompt_lengths(texts: Sequence[str], template: Template | None, tick: Tick) -> list[int]:
    if template is None:
        return [len(text.split()) for text in texts]
    return _tokens((template.render(text) for text in texts), template, tick, special=not template.own)


def _response_lengths(texts: Sequence[str], template: Template | None, tick: Tick) -> list[int]:
    if template is None:
        return [len(text.split()) for text in texts]
    return [size + 1 for size in _tokens(texts, template, tick, special=False)]  # and its end token


def _tokens(texts: Iterable[str], template: Template, tick: Tick, *, special: bool) -> list[int]:
    waiting, found = list(texts), list[int]()
    for start in range(0, len(waiting), AT_ONCE):
        part = waiting[start : start + AT_ONCE]
        found += [len(ids) for ids in template.tokenizer(part, add_special_tokens=special).input_ids]
        tick(len(part))
    return found


def _over(
    rows: Sequence[Demonstration], prompts: list[int], responses: list[int], template: Template | None
) -> list[str]:
    if template is None:
        return []
    limit, room = template.prompt_limit, template.settings.max_response_tokens
    sizes = zip(rows, prompts, responses or [0] * len(rows), strict=True)
    return [row.key for row, prompt, response in sizes if prompt > limit or response > room]


def _leaked(splits: Splits, of: Callable[[Demonstration], str]) -> list[str]:
    held = Counter(value for part in splits.parts().values() for value in {of(row) for row in part})
    return sorted(value for value, parts in held.items() if parts > 1)


def _suspicious(rows: Sequence[Demonstration], names: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for name in names:
        sizes = [len(getattr(row, name).split()) for row in rows]
        usual = lengths(sizes).p50
        for row, size in zip(rows, sizes, strict=True):
            if size * OUTLYING < usual or size > usual * OUTLYING:
                words = "1 word" if size == 1 else f"{size} words"
                found.append((row.key, f"{name} of {words}, usual are {usual}"))
    for row in rows:
        text = row.prompt + row.response
        if row.prompt.strip() == row.response.strip():
            found.append((row.key, "the response is the prompt"))
        if "\ufffd" in text or "\0" in text:
            found.append((row.key, "damaged characters"))
        if ENTITY.search(text):
            found.append((row.key, "HTML entities"))
        if NEW_TURN.search(row.response) or NEW_TURN.search(row.rejected or ""):
            found.append((row.key, "a new turn begins within the answer"))
    return found
