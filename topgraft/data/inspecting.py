"""What is in the rows, before anything is trained on them: counts, lengths, doubles, leaks and likeness.

inspection = inspect(rows, splits, template)      # without a template, lengths are counted in words
for name, text in render(inspection): print(f"{name:24} {text}")
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import sacrebleu

from topgraft.data.splitting import Splits
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.template import Template

PAIRS = 2000
"""Pairs of references that are compared for the mean likeness."""
COMPARISONS = 6000
"""Pairs of a test and a train reference that are compared for the overlap."""
OUTLYING = 10
"""A text this many times longer or shorter than the median one is worth a look."""
SHOWN = 3
"""Rows shown as examples, and keys named in a line."""
SCORER = sacrebleu.BLEU(effective_order=True)
"""One for all pairs: making one takes as long as using it."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Median, 99th percentile (nearest rank) and longest of some texts, in tokens or words."""

    p50: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """Sentence BLEU (0-100) between references: mean, highest, and how many figures the mean is of."""

    mean: float
    highest: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The findings. Keys are `Demonstration.key`; doubles count the rows beyond the first of equal ones."""

    rows: int
    groups: int
    parts: dict[str, tuple[int, int]]
    """Part -> (rows, groups)."""
    labels: dict[str, int]
    """ "correct", "incorrect" and "unknown" -> rows."""
    unit: str
    """What lengths count: "tokens" or "words"."""
    prompts: Lengths
    responses: Lengths
    cut: list[str]
    """Keys of rows whose prompt or response is over the limits of the template."""
    double_prompts: int
    double_responses: int
    leaked_prompts: list[str]
    """Prompts that stand in more than one part."""
    leaked_groups: list[str]
    empty: list[str]
    suspicious: list[tuple[str, str]]
    """(key, why it is worth a look)."""
    overlap: Likeness
    """Of every test reference, the train reference it is most like; n counts test references."""
    likeness: Likeness
    """Of random pairs of references: low where every answer is worded anew; n counts pairs."""
    examples: list[Demonstration]


def inspect(rows: Sequence[Demonstration], splits: Splits, template: Template | None = None) -> Inspection:
    """Look at all rows. Deterministic; nothing is changed, the template's own counts included."""
    prompts = [_prompt_length(row.prompt, template) for row in rows]
    responses = [_response_length(row.response, template) for row in rows]
    labels = Counter({True: "correct", False: "incorrect", None: "unknown"}[row.correct] for row in rows)
    step = max(1, len(rows) // SHOWN)
    return Inspection(
        rows=len(rows),
        groups=len({row.group for row in rows}),
        parts={name: (len(part), len({row.group for row in part})) for name, part in splits.parts().items()},
        labels={name: labels[name] for name in ("correct", "incorrect", "unknown")},
        unit="tokens" if template else "words",
        prompts=_lengths(prompts),
        responses=_lengths(responses),
        cut=_over(rows, prompts, responses, template),
        double_prompts=len(rows) - len({row.prompt.strip() for row in rows}),
        double_responses=len(rows) - len({row.response.strip() for row in rows}),
        leaked_prompts=_leaked(splits, lambda row: row.prompt.strip()),
        leaked_groups=_leaked(splits, lambda row: row.group),
        empty=[row.key for row in rows if not row.prompt.strip() or not row.response.strip()],
        suspicious=_suspicious(rows),
        overlap=_overlap(splits),
        likeness=pairwise_bleu([row.response for row in rows]),
        examples=list(rows[::step][:SHOWN]),
    )


def pairwise_bleu(texts: Sequence[str], pairs: int = PAIRS, seed: int = 0) -> Likeness:
    """Sentence BLEU of `pairs` random pairs of `texts` (of all pairs where there are no more)."""
    count = len(texts)
    if count * (count - 1) // 2 <= pairs:
        chosen = list(combinations(range(count), 2))
    else:
        dice = random.Random(seed)
        chosen = [(first, second) for first, second in (dice.sample(range(count), 2) for _ in range(pairs))]
    return _likeness([sentence_bleu(texts[first], texts[second]) for first, second in chosen])


def sentence_bleu(text: str, reference: str) -> float:
    """Sentence BLEU, 0 to 100 (sacrebleu: 13a tokens, exponential smoothing, effective order)."""
    return float(SCORER.sentence_score(text, [reference]).score)


def render(inspection: Inspection) -> list[tuple[str, str]]:
    """The findings as (name, text) lines; the texts of the data are shortened, never altered otherwise."""
    found = inspection
    lines = [("rows", f"{found.rows} in {_many(found.groups, 'group')}")]
    lines += [(f"  {name}", f"{rows} in {_many(groups, 'group')}") for name, (rows, groups) in found.parts.items()]
    lines += [
        ("labels", ", ".join(f"{count} {name}" for name, count in found.labels.items() if count) or "none"),
        (f"prompt {found.unit}", _render_lengths(found.prompts)),
        (f"response {found.unit}", _render_lengths(found.responses)),
        ("over the limits", _keys(found.cut) if found.unit == "tokens" else "not known without a model"),
        ("repeated prompts", str(found.double_prompts)),
        ("repeated responses", str(found.double_responses)),
        ("prompts in two parts", _keys([_short(prompt) for prompt in found.leaked_prompts])),
        ("groups in two parts", _keys(found.leaked_groups)),
        ("empty", _keys(found.empty)),
        ("worth a look", _keys([f"{key} ({why})" for key, why in found.suspicious])),
        (
            "test to train BLEU",
            f"mean {found.overlap.mean:.1f}, highest {found.overlap.highest:.1f} "
            f"(best match of {_many(found.overlap.n, 'test reference')})",
        ),
        (
            "pairwise BLEU",
            f"mean {found.likeness.mean:.1f}, highest {found.likeness.highest:.1f} "
            f"({_many(found.likeness.n, 'pair')} of references)",
        ),
    ]
    for row in found.examples:
        lines += [(f"example {row.key}", _short(row.prompt, 160)), ("  response", _short(row.response, 160))]
    return lines


def _prompt_length(prompt: str, template: Template | None) -> int:
    if template is None:
        return len(prompt.split())
    return len(template.tokenizer(template.render(prompt), add_special_tokens=not template.own).input_ids)


def _response_length(response: str, template: Template | None) -> int:
    if template is None:
        return len(response.split())
    return len(template.tokenizer(response, add_special_tokens=False).input_ids) + 1  # and its end token


def _lengths(lengths: Sequence[int]) -> Lengths:
    ordered = sorted(lengths)
    if not ordered:
        return Lengths(0, 0, 0)

    def rank(percent: int) -> int:
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    return Lengths(rank(50), rank(99), ordered[-1])


def _over(
    rows: Sequence[Demonstration], prompts: list[int], responses: list[int], template: Template | None
) -> list[str]:
    if template is None:
        return []
    limit, room = template.prompt_limit, template.settings.max_response_tokens
    sizes = zip(rows, prompts, responses, strict=True)
    return [row.key for row, prompt, response in sizes if prompt > limit or response > room]


def _leaked(splits: Splits, of: Callable[[Demonstration], str]) -> list[str]:
    held = Counter(value for part in splits.parts().values() for value in {of(row) for row in part})
    return sorted(value for value, parts in held.items() if parts > 1)


def _suspicious(rows: Sequence[Demonstration]) -> list[tuple[str, str]]:
    found = []
    for name in ("prompt", "response"):
        sizes = [len(getattr(row, name).split()) for row in rows]
        usual = _lengths(sizes).p50
        for row, size in zip(rows, sizes, strict=True):
            if size * OUTLYING < usual or size > usual * OUTLYING:
                found.append((row.key, f"{name} of {_many(size, 'word')}, usual are {usual}"))
    for row in rows:
        if row.prompt.strip() == row.response.strip():
            found.append((row.key, "the response is the prompt"))
        if "\ufffd" in row.prompt + row.response or "\0" in row.prompt + row.response:
            found.append((row.key, "damaged characters"))
    return found


def _overlap(splits: Splits) -> Likeness:
    """Best BLEU of each test reference to any train reference; large parts are thinned out evenly."""
    train = [row.response for row in splits.train]
    test = [row.response for row in splits.test]
    test = test[:: max(1, -(-len(test) // 100))]
    train = train[:: max(1, -(-len(train) * len(test) // COMPARISONS))]
    if not train:
        return Likeness(0.0, 0.0, 0)
    return _likeness([max(sentence_bleu(text, reference) for reference in train) for text in test])


def _likeness(scores: list[float]) -> Likeness:
    return Likeness(sum(scores) / len(scores), max(scores), len(scores)) if scores else Likeness(0.0, 0.0, 0)


def _render_lengths(lengths: Lengths) -> str:
    return f"median {lengths.p50}, 99 % up to {lengths.p99}, longest {lengths.longest}"


def _keys(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{len(keys)}: {', '.join(keys[:SHOWN])}{more}" if keys else "none"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _short(text: str, width: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."
