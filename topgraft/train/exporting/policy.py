"""The policy of an arm as its run knows it: its weights, and its logits on prompts of the run and its own answers."""

import copy
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from topgraft.data.template import Template, pack
from topgraft.errors import UserError
from topgraft.model.load import load, source_of
from topgraft.model.split_model import SplitModel
from topgraft.records import Tokens
from topgraft.rollout.choosing import greedy
from topgraft.rollout.sampling import sample
from topgraft.runs import RunFolder
from topgraft.train.exporting.agreement import Agreement, agreement
from topgraft.train.plan import Arm, Plan
from topgraft.train.progress import Screen
from topgraft.train.reopening import arm_of, reopen
from topgraft.train.settings import RunSettings
from topgraft.train.workplace import Workplace

CASES = 4
"""Prompts that are answered for the comparison."""
TOKENS = 32
"""Tokens of an answer that are compared at most."""


@dataclass(frozen=True)
class Case:
    """A prompt of the run, with the ids that its model read and the beginning of what it answered."""

    prompt: str
    prompt_ids: list[int]
    response_ids: list[int]
    cut: bool
    """Whether the prompt was too long, and its middle left out."""


@dataclass(frozen=True)
class Policy:
    """All that an export needs to know once the run's model is closed. `logits` [1 + L, V] for every case, in float32,
    are those of the policy on the base in full precision, computed in `precision`, `of_base` those of that base alone;
    `quantized` says how far those of the run were from them, where its frozen blocks were quantized."""

    arm: str
    settings: RunSettings
    source: str
    """The base: an absolute path or a hub id."""
    whole: bool
    layers: list[int]
    template: Template
    cases: list[Case]
    logits: list[torch.Tensor]
    of_base: list[torch.Tensor]
    precision: torch.dtype
    device: str
    quantized: Agreement | None


def read_policy(run: RunFolder, plan: Plan, arm: Arm, into: Path, screen: Screen) -> Policy:
    """Answer some prompts greedily and save the weights, as they were trained, to `into`."""
    assert arm.policy is not None
    place = reopen(run, plan, arm.settings, [arm.policy], screen)
    cases, tokens = _cases(place, arm.policy)
    of_base, logits = (logits_of(place.model, slot, tokens) for slot in (None, arm.policy))
    quantized = None
    place.model.slots.save(arm.policy, into)
    asked, whole, layers, precision = arm.settings.model, place.model.whole, place.model.layers, place.model.model.dtype
    template, device = place.template, place.model.device
    del place
    release()
    if asked.quantize != "none":
        base = load(asked.model_copy(update={"quantize": "none"}), device=device, seed=arm.settings.seed).split
        base.slots.load(arm.policy, into)
        before = logits
        of_base, logits = (logits_of(base, slot, tokens) for slot in (None, arm.policy))
        quantized = agreement(before, logits)
        del base
        release()
    source = source_of(asked.name)
    return Policy(
        arm=arm.name,
        settings=arm.settings,
        source=str(Path(source).resolve()) if Path(source).is_dir() else source,
        whole=whole,
        layers=layers,
        template=template,
        cases=cases,
        logits=logits,
        of_base=of_base,
        precision=precision,
        device=str(device),
        quantized=quantized,
    )


def _cases(place: Workplace, slot: str) -> tuple[list[Case], Tokens]:
    """The first different prompts of the test rows (else of what rows there are) and the policy's greedy answers."""
    splits, template = place.splits, copy.copy(place.template)
    most = min(TOKENS, template.settings.max_response_tokens)
    template.settings = template.settings.model_copy(update={"max_response_tokens": most})
    prompts = list(dict.fromkeys(row.prompt for row in splits.test or splits.validation or splits.train))[:CASES]
    asked = [template.encode_prompt(prompt) for prompt in prompts]
    with place.model.slots.use(slot):
        rollouts = sample(place.model, template, asked, greedy(place.settings.sampling), torch.Generator())
    tokens = rollouts.tokens
    answers = [row[counted].tolist() for row, counted in zip(tokens.ids_BT, tokens.counted_BT, strict=True)]
    cases = [
        Case(prompt, ids, answer, prompt in place.template.cut_prompts)
        for prompt, ids, answer in zip(prompts, asked, answers, strict=True)
    ]
    return cases, pack(list(zip(asked, answers, strict=True)), template.pad_id, tokens.ids_BT.device)


@torch.no_grad()
def logits_of(model: SplitModel, slot: str | None, tokens: Tokens) -> list[torch.Tensor]:
    """Per row, the logits [1 + L, V] under `slot` from the prompt's last token on, in float32 on the CPU."""
    with model.slots.use(slot):
        logits_BLV = model.logits(model.branch(model.trunk(tokens))).float().cpu()
    counts: Sequence[int] = tokens.counted_BT.sum(1).tolist()
    return [row[: 1 + count].clone() for row, count in zip(logits_BLV, counts, strict=True)]


def release() -> None:
    """Give the memory of models back that nothing refers to any more but their own parts."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def trained_arm(run: RunFolder, plan: Plan, name: str) -> Arm:
    """The arm called `name`; "": the last with a policy of its own. Raises UserError where there is nothing to export,
    or its answers are more than its policy's own."""
    own = [arm.name for arm in plan.arms.values() if arm.policy is not None and arm.plain]
    if not own:
        raise UserError(f"Run {run.path} trained no policy, so there is nothing to export.")
    arm = arm_of(run, plan, name or own[-1])
    if arm.policy is None and arm.plain:
        raise UserError(
            f"Arm '{arm.name}' is the base model itself, {plan.settings.model.name}: there is nothing to export. "
            f"Trained: {', '.join(own)}."
        )
    if not arm.plain:
        raise UserError(
            f"Arm '{arm.name}' chooses among answers, by a reward, clauses or a constraint, and weights alone do not. "
            f"Export the arm of a policy: --arm {plan.starts().get(arm.name, own[-1])}."
        )
    return arm
