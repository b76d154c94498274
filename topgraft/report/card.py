"""The model card of an exported policy: what it is, how it was made, the run's figures, licences, how to load it.

Everything comes from the run folder and from topgraft.json in the exported one. Texts of data cannot leave their place.
"""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from topgraft.report.card_use import use
from topgraft.report.document import Table
from topgraft.report.formats.markdown import fenced, item, paragraph, plain, table
from topgraft.report.words.results import arm_metrics, cell_of, label, mapping, metric_names, places_of, starts
from topgraft.report.words.text import clean
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole

UNKNOWN = "not stated"


def write_card(run: RunFolder, folder: Path) -> None:
    """Write README.md into an exported folder that has its topgraft.json."""
    about = json.loads((folder / "topgraft.json").read_text(encoding="utf-8"))
    write_whole(folder / "README.md", card(run.results(), run.provenance(), about))


def card(results: dict[str, Any], provenance: dict[str, Any], about: dict[str, Any]) -> str:
    """Return the card. `about` is what topgraft.json holds; a run without evaluation or provenance gives a card too."""
    arm, made = about["arm"], about["made"]
    sections = [
        f"---\n{metadata(about).to_yaml()}\n---",
        f"# {plain(clean(about['recipe']))}: {plain(arm)}",
        paragraph(_what(about)),
        "## How it was made",
        "\n".join(item(text) for text in _made(about, provenance)),
        "## Figures",
        figures(results, arm),
        "## Checked",
        "\n".join(item(text) for text in _checked(about)),
        "## Use",
        use(about),
        *_template(made),
        "## Licences",
        "\n".join(item(text) for text in _licences(made)),
        "## Limits",
        "\n".join(item(text) for text in _limits(made, provenance)),
    ]
    return "\n\n".join(sections) + "\n"


def metadata(about: dict[str, Any]) -> ModelCardData:
    """The card's header. Only what the hub knows goes in as a link: no path of a machine."""
    base, kind = about["made"]["base"], about["weights"]
    return ModelCardData(
        base_model=base["hub"] or None,
        library_name="peft" if kind == "adapter" else "transformers",
        license=base["licence"].lower() or None,
        pipeline_tag="text-generation",
        tags=["topgraft", *(["lora"] if kind != "whole" else [])],
    )


def figures(results: dict[str, Any], arm: str) -> str:
    """The run's figures of the arm, beside those of the arms that it came from, with n and 95 % intervals."""
    every, before = arm_metrics(results), starts(results)
    if not every.get(arm):
        return "The run has not been evaluated."
    chain = [arm]
    while chain[0] in before and before[chain[0]] not in chain:
        chain.insert(0, before[chain[0]])
    chain = [*(["base"] if "base" in every and "base" not in chain else []), *(name for name in chain if name in every)]
    shown = {name: every[name] for name in chain}
    descriptions = mapping(results.get("descriptions"))
    rows, explained = [], []
    for name in metric_names({"arms": {key: {"metrics": values} for key, values in shown.items()}}):
        entries = [metrics.get(name, {}) for metrics in shown.values()]
        cells = [cell_of(entry, places_of(entries)) for entry in entries]
        sizes = " / ".join(dict.fromkeys(cell.n for cell in cells if cell.n))
        rows.append([label(name), *(cell.text for cell in cells), sizes])
        if descriptions.get(name):
            explained.append(item(f"{plain(label(name))}: {plain(str(descriptions[name]))}"))
    columns = Table(
        name="figures",
        header=["Figure", *chain, "n"],
        rows=rows,
        caption="",
        source="",
        numeric=frozenset(range(1, len(chain) + 2)),
    )
    lead = "Value [95 % interval] on the run's test rows, measured by the run itself."
    return "\n\n".join([lead, table(columns), *(["\n".join(explained)] if explained else [])])


def _what(about: dict[str, Any]) -> str:
    made, kind = about["made"], about["weights"]
    base = plain(clean(made["base"]["name"]))
    blocks = ", ".join(map(str, made["blocks"]))
    if kind == "whole":
        return f"A causal language model in {made['precision']}, every weight of {base} trained."
    lora = made["lora"]
    trained = f"LoRA adapter of rank {lora['rank']} (alpha {lora['alpha']:g}) on blocks {blocks} of {base}"
    if kind == "adapter":
        return f"A {trained}, in {made['precision']}. The base model is not in this folder."
    return f"A causal language model in {made['precision']}: {base} with a {trained} added to its weights."


def _made(about: dict[str, Any], provenance: dict[str, Any]) -> list[str]:
    data, arm = about["made"]["data"], mapping(mapping(provenance.get("arms")).get(about["arm"]))
    kinds = [str(kind) for kind in arm.get("kinds", [])]
    model, rows = mapping(provenance.get("model")), mapping(mapping(provenance.get("data")).get("rows"))
    counts = ", ".join(f"{number} {part}" for part, number in rows.items())
    versions = [f"{name} {provenance[name]}" for name in ("torch", "transformers", "peft") if name in provenance]
    found = [
        f"Recipe: {plain(clean(about['recipe']))}"
        + (f" ({plain(clean(str(provenance['about'])))})" if provenance.get("about") else ""),
        f"Stages: {plain(', then '.join(kinds)) or UNKNOWN}; seed {about['seed']}",
        f"Data: {plain(clean(data['source']))}" + (f" ({counts} rows)" if counts else ""),
        f"Base: {plain(clean(about['made']['base']['name']))}"
        + (f", digest of its weights in the run {plain(str(model['digest']))}" if model.get("digest") else ""),
        f"Made by topgraft {plain(about['topgraft'])}" + (f" with {plain(', '.join(versions))}" if versions else ""),
    ]
    return found


def _checked(about: dict[str, Any]) -> list[str]:
    check, gap = about["made"]["check"], about["made"]["quantized"]
    readers = "transformers and peft" if about["weights"] == "adapter" else "transformers"
    found = [
        f"This folder was read again by {readers} alone, in {check['precision']}, and its logits were compared with "
        f"those of the run's policy on prompts of the run and the policy's own greedy answers: they differ by at most "
        f"{check['difference']:.2g} where the largest is {check['largest_logit']:.3g}; the limit was "
        f"{check['limit'] * check['largest_logit']:.2g}, and training had moved them by up to {check['moved']:.2g}. "
        f"The likeliest token is the same at "
        f"{check['same_likeliest']} of {check['positions']} positions."
    ]
    if gap:
        found.append(
            f"The run held the frozen blocks of its base in {gap['kind']}, and its figures are those of that model. "
            f"This one stands on the base in full precision. On the same texts logits of the run differ from it by at "
            f"most {gap['difference']:.2g}; the likeliest token is the same at {gap['same_likeliest']} of "
            f"{gap['positions']} positions. Expect answers to differ so much from the measured ones."
        )
    return found


def _licences(made: dict[str, Any]) -> list[str]:
    base, data = made["base"], made["data"]
    where = f"; see https://huggingface.co/{base['hub']}" if base["hub"] else ""
    return [
        f"Base model {plain(clean(base['name']))}: {plain(clean(base['licence'])) or UNKNOWN + ' here'}{where}",
        f"Training data {plain(clean(data['source']))}: {plain(clean(data['licence'])) or UNKNOWN + ' in the recipe'}",
        "Whoever passes these weights on has to keep to both.",
    ]


def _limits(made: dict[str, Any], provenance: dict[str, Any]) -> list[str]:
    problems = mapping(mapping(provenance.get("data")).get("problems")).get("test")
    count = len(problems) if isinstance(problems, list) else problems
    tested = f" ({count} problems)" if count else ""
    found = [
        f"The figures speak of prompts like the run's test rows{tested}, and of nothing else.",
        "Each prompt was trained and measured as a conversation of one turn.",
        "What the base model and the training data get wrong, this model may repeat. A policy trained on a reward may "
        "have learned what the reward overlooks: the run's report lists the signs of it.",
    ]
    if made["stop"]:
        listed = ", ".join(json.dumps(text, ensure_ascii=False) for text in made["stop"])
        found.append(f"Answers were ended at {plain(clean(listed))}; a decoder has to be told so.")
    return found


def _template(made: dict[str, Any]) -> list[str]:
    """How prompts are written, where the tokenizer does not know."""
    if made["chat_template"]:
        return []
    return [
        "The tokenizer has no chat template that writes prompts as the run did. Write them so:",
        fenced(clean(made["template"])),
    ]
