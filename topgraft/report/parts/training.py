"""Training: the curves of every stage, its warnings, its last texts."""

from typing import Any

from topgraft.report.document import Answer, Answers, Block, Figures, Fold, Heading, Section, Term, Terms, Text
from topgraft.report.reading import Reading
from topgraft.report.words.numbers import number, plain
from topgraft.report.words.story import Stage
from topgraft.report.words.warned import Warned


def training_section(reading: Reading) -> Section:
    """Reward and KL of all stages first, then stage by stage."""
    joint = [(stage, drawing) for stage in reading.stages for drawing in stage.drawings if "joint" in drawing.tags]
    blocks: list[Block] = []
    if joint:
        names = dict.fromkeys(stage.name for stage, _ in joint)
        blocks.append(Heading(title="Reward and KL against step", anchor="reward-and-kl"))
        blocks.append(Figures(drawings=[drawing for _, drawing in joint], source=_logs(list(names))))
    shown = [one for one in reading.stages if one.drawings or one.final_metrics or one.samples or one.warnings]
    for stage in shown:
        blocks += _stage(stage)
    if not shown:
        blocks.append(Text(text="No stage has logged a step yet.", muted=True))
    return Section(anchor="training", title="Training", blocks=blocks)


def _logs(names: list[str]) -> str:
    return "; ".join(f"stages/{name}/metrics.jsonl" for name in names)


def _stage(stage: Stage) -> list[Block]:
    folder, log = f"stages/{stage.name}", _logs([stage.name])
    blocks: list[Block] = [Heading(title=stage.title, anchor=stage.anchor), Text(text=stage.line, muted=True)]
    for warning in stage.warnings:
        blocks += _warning(warning)
    main = [drawing for drawing in stage.drawings if "main" in drawing.tags]
    if main:
        blocks.append(Figures(drawings=main, source=log))
    diagnostics = [drawing for drawing in stage.drawings if drawing.diagnostic]
    if diagnostics:
        title = f"Diagnostics of {stage.title} ({len(diagnostics)} plots)"
        blocks.append(Fold(title=title, blocks=[Figures(drawings=diagnostics, source=log)]))
    if stage.final_metrics:
        terms = [Term(name=name, text=value) for name, value in stage.final_metrics]
        final = Terms(terms=terms, source=f"{folder}/stage.json: metrics", brief=True)
        blocks.append(Fold(title=f"Final metrics of {stage.title}", blocks=[final]))
    if stage.samples:
        title = f"Texts while training {stage.title} (the last {len(stage.last_samples)} of {len(stage.samples)})"
        texts = [_text(record) for record in stage.last_samples]
        source = Text(text=f"From {folder}/samples.jsonl.", muted=True)
        blocks.append(Fold(title=title, blocks=[*texts, source]))
    return blocks


def _warning(warning: Warned) -> list[Block]:
    said = Text(lead=warning.sign, text=f", step {warning.step}: {warning.message}", notice=True)
    if not warning.samples:
        return [said]
    worst = [Answer(title=shown.key, text=shown.text, facts=shown.facts) for shown in warning.samples]
    fold = Fold(
        title=f"{len(worst)} responses that show it best",
        blocks=[Answers(key="", prompt="", answers=worst)],
        printed=True,
    )
    return [said, fold]


def _text(record: dict[str, Any]) -> Answers:
    reward = f", reward {plain(record['reward'])}" if number(record.get("reward")) is not None else ""
    return Answers(
        key=f"Step {plain(record.get('step'))}{reward}",
        prompt=str(record.get("prompt") or ""),
        answers=[Answer(title="Response", text=str(record.get("response") or ""))],
        reference=str(record.get("reference") or ""),
    )
