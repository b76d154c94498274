"""The findings of an inspection in lines for people."""

from collections.abc import Sequence

from topgraft.data.inspecting import SHOWN, Inspection, Lengths, lengths
from topgraft.data.preferred import Pairs, Share
from topgraft.data.reading import Reading
from topgraft.data.table import summary

Line = tuple[str, str]
CATEGORIES = 6
"""Categories named."""
KEY = 80
"""Characters shown of a key with what is said of it."""


def introduce(reading: Reading) -> list[Line]:
    """How a source was understood, and which of its rows are missing or strange."""
    lines = [("format", f"{reading.format} (--format NAME names another)")]
    lines += [("", remark) for remark in reading.remarks]
    if reading.left_out:
        lines.append(("left out", f"{len(reading.left_out)} of {reading.found} rows"))
        lines += [("", text) for text in summary(reading.left_out)]
    lines += [("odd", text) for text in summary(reading.odd)]
    return lines


def render(inspection: Inspection) -> list[Line]:
    """The findings as (name, text) lines; the texts of the data are shortened, never altered otherwise."""
    found, answered = inspection, bool(inspection.sizes["responses"])
    lines = [("rows", f"{found.rows} in {_many(found.groups, 'group')}")]
    lines += [(f"  {name}", f"{rows} in {_many(groups, 'group')}") for name, (rows, groups) in found.parts.items()]
    named = [f"{count} {name}" for name, count in found.labels.items() if count]
    lines += [("labels", ", ".join(named) if found.labels["unknown"] < found.rows else "none")]
    if found.categories:
        lines.append(("categories", _categories(found.categories)))
    lines += [(f"prompt {found.unit}", _render_lengths(found.prompts))]
    lines += [(f"response {found.unit}", _render_lengths(found.responses) if answered else "no responses")]
    if found.pairs:
        lines += _render_pairs(found.pairs, found)
    if answered:
        lines.append(("responses that refuse", _render_share(found.refusals)))
    lines += [
        ("over the limits", _over(found)),
        ("repeated rows", str(found.double_rows)),
        ("repeated prompts", str(found.double_prompts)),
        ("repeated responses", str(found.double_responses)),
        ("prompts in two parts", _keys([_short(prompt) for prompt in found.leaked_prompts])),
        ("groups in two parts", _keys([_short(group) for group in found.leaked_groups])),
        ("empty", _keys(found.empty)),
        ("worth a look", _keys([f"{_short(key, 20)} ({why})" for key, why in found.suspicious])),
    ]
    if answered:
        lines += _render_likeness(found)
    for row in found.examples:
        lines += [(f"example {_short(row.key, 18)}", _short(row.prompt, 160))]
        lines += [("  response", _short(row.response, 160))] * bool(row.response)
        lines += [("  rejected", _short(row.rejected, 160))] * bool(row.rejected) if row.rejected else []
    return lines


def _render_pairs(pairs: Pairs, found: Inspection) -> list[Line]:
    return [
        (f"rejected {found.unit}", _render_lengths(lengths(found.sizes["rejected"]))),
        ("pairs", str(pairs.n)),
        ("  ties", f"{_keys(pairs.ties)}{f'; {pairs.same} with the same answer twice' if pairs.same else ''}"),
        ("  preferred is longer", _render_share(pairs.longer)),
        ("  contradicted", str(pairs.contradicted)),
        ("  rejected that refuse", _render_share(pairs.refusals)),
    ]


def _over(found: Inspection) -> str:
    if found.limits is None:
        return "not known without a model"
    return f"{_keys(found.cut)} (prompts of over {found.limits[0]} tokens, responses of over {found.limits[1]})"


def _render_likeness(found: Inspection) -> list[Line]:
    return [
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


def _render_lengths(found: Lengths) -> str:
    return f"median {found.p50}, 99 % up to {found.p99}, longest {found.longest}"


def _render_share(found: Share) -> str:
    if not found.n:
        return "none to look at"
    percent = [100 * value for value in (found.count / found.n, found.low, found.high)]
    return f"{found.count} of {found.n}: {percent[0]:.1f} % [{percent[1]:.1f}, {percent[2]:.1f}]"


def _categories(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{_short(name)} {count}" for name, count in list(counts.items())[:CATEGORIES])
    return shown + (f" and {len(counts) - CATEGORIES} more" if len(counts) > CATEGORIES else "")


def _keys(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    shown = ", ".join(_short(key, KEY) for key in keys[:SHOWN])
    return f"{len(keys)}: {shown}{more}" if keys else "none"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _short(text: str, width: int = 40) -> str:
    line = " ".join(text[: 20 * width].split())
    return line if len(line) <= width else line[: width - 3] + "..."
