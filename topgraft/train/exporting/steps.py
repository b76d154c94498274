"""An export from beginning to end: weights written beside their place, read again without topgraft, then put there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError

from topgraft.data.sources import shipped_sets
from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.report.card import write_card
from topgraft.runs import RunFolder
from topgraft.train.exporting.about import About, write_about
from topgraft.train.exporting.checking import Checked, check, name_of
from topgraft.train.exporting.licences import hub_id, licence_of
from topgraft.train.exporting.policy import Policy, read_policy, release, trained_arm
from topgraft.train.exporting.writing import (
    asked_dtype,
    write_adapter,
    write_generation,
    write_merged,
    write_tokenizer,
    write_whole,
)
from topgraft.train.progress import Screen
from topgraft.train.reopening import plan_of


def export(run: RunFolder, name: str, *, out: Path, merge: bool, dtype: str, sets: list[str], screen: Screen) -> None:
    """Write the policy of arm `name` ("": the last one) to `out`, after its logits were compared with the run's.

    `merge` adds an adapter to its base. Raises UserError where the folder is taken, there is nothing to export, or the
    exported weights do not give what the run's do; then nothing is left behind.
    """
    wanted, plan = asked_dtype(dtype), plan_of(run, sets)
    arm = trained_arm(run, plan, name)
    with screen.bar("export", 3) as bar, folder_at(out) as folder:
        trained = folder / "trained"
        policy = read_policy(run, plan, arm, trained, screen)
        bar.advance({}, ())
        kind, written = _write(policy, trained, folder, wanted, merge)
        shutil.rmtree(trained)
        release()
        bar.advance({}, ())
        checked = check(folder, policy, written)
        if checked.rendered is False and not policy.template.own:
            write_tokenizer(policy.template, folder, chat=False)
        write_about(folder, _about(policy, kind), _made(policy, written, checked))
        write_card(run, folder)
        bar.advance({}, ())
    _tell(policy, kind, written, checked, out, screen)


@contextmanager
def folder_at(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, which takes its place at the end; where anything goes wrong, nothing is left.

    Raises UserError where `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already. Give a new folder with --out.")
    beside = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
        if out.exists():
            out.rmdir()
        os.replace(beside, out)
    except SafetensorError as error:
        raise UserError(f"The weights could not be written beside {out}: {error}. Is the disk full?") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(
    policy: Policy, trained: Path, folder: Path, dtype: torch.dtype | None, merge: bool
) -> tuple[str, torch.dtype]:
    """Weights, tokenizer and generation config; what the weights are, and their precision."""
    if policy.whole:
        kind, written = "whole", write_whole(trained, folder, dtype)
    elif merge:
        kind, written = "merged", write_merged(policy, trained, folder, dtype)
    else:
        kind, written = "adapter", write_adapter(policy, trained, folder, dtype)
    write_tokenizer(policy.template, folder)
    write_generation(policy, folder)
    for weights in folder.glob("*.safetensors"):  # some versions let the owner alone read what they write
        shutil.copymode(folder / "generation_config.json", weights)
    return kind, written


def _base(policy: Policy) -> str:
    """The name under which topgraft finds the base again: a shipped one, a hub id or an absolute path."""
    name = policy.settings.model.name
    return policy.source if Path(name).expanduser().is_dir() else name


def _template(policy: Policy) -> str:
    """The plain-text template that the run used; "" where it was the tokenizer's own."""
    return "" if policy.template.own else policy.template.render("{prompt}")


def _about(policy: Policy, kind: str) -> About:
    settings = policy.settings
    model = {"name": _base(policy), "layers": tuple(policy.layers)}
    model = model if kind == "adapter" else {"name": "", "layers": "last-1"}
    lengths = settings.data.model_dump(include={"max_prompt_tokens", "max_response_tokens", "too_long"})
    return About(
        recipe=settings.name,
        arm=policy.arm,
        weights=kind,
        seed=settings.seed,
        model=settings.model.model_copy(update={**model, "quantize": "none", "gradient_checkpointing": False}),
        lengths=LengthSettings(**lengths, template=_template(policy)),
        sampling=settings.sampling,
        decoding=settings.evaluate.decoding,
    )


def _made(policy: Policy, written: torch.dtype, checked: Checked) -> dict[str, Any]:
    """What the card says besides the run's own files."""
    settings, base, source = policy.settings, Path(_base(policy)), policy.settings.data.source
    return {
        "base": {
            "name": base.name if base.is_dir() else str(base),
            "hub": hub_id(policy),
            "licence": licence_of(policy),
        },
        "data": {
            "source": _public(source),
            "licence": settings.data.license or ("Apache-2.0" if source in shipped_sets() else ""),
        },
        "precision": name_of(written),
        "blocks": policy.layers,
        "lora": None if policy.whole else settings.model.lora.model_dump(mode="json"),
        "template": _template(policy),
        "chat_template": policy.template.own or checked.rendered is not False,
        "attention": settings.model.attention,
        "stop": list(settings.sampling.stop),
        "check": {
            **checked.found.record(),
            "limit": checked.limit,
            "precision": name_of(policy.precision),
            "moved": checked.moved.difference,
        },
        "quantized": {"kind": settings.model.quantize, **policy.quantized.record()} if policy.quantized else None,
    }


def _public(source: str) -> str:
    """A data source for a card that others read: of a file its name, of an address no password and no query."""
    if "://" in source:
        parts = urlsplit(source)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    return Path(source).name if Path(source).expanduser().exists() else source


def _tell(policy: Policy, kind: str, written: torch.dtype, checked: Checked, out: Path, screen: Screen) -> None:
    found = checked.found
    screen.say(
        f"checked   read again by transformers alone, logits differ by up to {found.difference:.2g} where the largest "
        f"is {found.largest:.3g} (limit {checked.limit * found.largest:.2g}; training moved them by up to "
        f"{checked.moved.difference:.2g}); the likeliest token is the same at {found.same} of {found.positions} "
        f"positions"
    )
    if policy.quantized:
        gap = policy.quantized
        screen.say(
            f"quantized the run's frozen blocks are in {policy.settings.model.quantize}, the exported model's are not: "
            f"logits of the run differ by up to {gap.difference:.2g}; the likeliest token is the same at {gap.same} of "
            f"{gap.positions} positions"
        )
    if checked.rendered is False:
        screen.say("caution   the tokenizer's chat template does not write prompts as the run did; the card says how")
    screen.say(f"written   {out}: {kind} weights of arm {policy.arm} in {name_of(written)}; its card is README.md")
