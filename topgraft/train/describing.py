"""What a run works with and what of it learns, in lines for people."""

from topgraft.data.preparing import LEFT_OUT
from topgraft.data.table import summary
from topgraft.model.quantizing import count
from topgraft.model.targets import numbers
from topgraft.train.workplace import Workplace


def describe(place: Workplace) -> list[str]:
    """What will be run, in a few lines for people."""
    model, splits = place.model, place.splits
    blocks, dtype = len(model.parts.blocks), str(model.model.dtype).removeprefix("torch.")
    if place.settings.model.quantize != "none":
        dtype += f" (frozen blocks in {place.settings.model.quantize})"
    asked = str(place.settings.model.layers)
    drawn = f"{asked} by seed {place.settings.seed}, " if asked.startswith("random") else ""
    lines = [
        f"model     {place.settings.model.name}: {count(model.model) / 1e6:.1f} M weights, {blocks} blocks, "
        f"training blocks {numbers(model.layers)} ({drawn}split at {model.split_layer}), {dtype}, {model.device}",
        f"template  {place.template.describe()}; pad id {place.template.pad_id}, "
        f"end ids {list(place.template.end_ids)}",
        f"data      {place.settings.data.source}: {len(splits.train)} train, {len(splits.test)} test, "
        f"{len(splits.validation)} validation rows",
    ]
    lines += [f"          read as {place.reading.format}: {'; '.join(place.reading.remarks)}"] * bool(
        place.reading.remarks
    )
    if place.reading.left_out:
        lines.append(
            f"          {len(place.reading.left_out)} of {place.reading.found} rows are left out ({LEFT_OUT}):"
        )
        lines += [f"            {text}" for text in summary(place.reading.left_out)]
    lines += [f"targets   {note}" for note in model.slots.check_targets()]
    lines.append(f"cache     {place.cache.describe()}")
    for what, cut in (("prompts", place.template.cut_prompts), ("responses", place.template.cut_responses)):
        if cut:
            lines.append(f"          {len(cut)} {what} are too long and are cut, e.g. {min(cut)[:50]!r}")
    return lines


def trained(place: Workplace, slot: str) -> str:
    """What of the model learns in a slot, for people."""
    model = place.model
    whole = count(model.model)
    share = 100 * sum(weight.numel() for weight in model.slots.weights(slot)) / whole
    shown = f"{share:.0f}" if share >= 10 else f"{share:.2g}"
    return f"{model.slots.describe(slot)}; {shown} % of {whole / 1e6:.1f} M"
