"""A reward head that another program pickled, read without running what else the file may hold.

The layout is that of StrictBot's `rm.pt`: the state dict of a module with the base model as `base` and the head as
`head.net`, a Sequential of Linear 512, ReLU, Dropout, Linear 256, ReLU, Dropout, Linear 1 and Sigmoid. Of the base
there may be the plain weights, or those under adapters of peft's (`base_layer`, `lora_A`, `lora_B`).
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from topgraft.errors import UserError
from topgraft.model.heads import ScalarHead

HEAD = {"head.net.0": "layers.0", "head.net.3": "layers.1", "head.net.6": "linear"}
"""Layer there -> layer of ScalarHead("mlp")."""
NAMES = {f"{theirs}.{kind}": f"{ours}.{kind}" for theirs, ours in HEAD.items() for kind in ("weight", "bias")}
"""The same of their weights."""
RELATIVE, ABSOLUTE = 1e-2, 1e-3
"""How near a weight must be to count as the same, kept in float32, float16 or bfloat16."""
Weights = dict[str, torch.Tensor]


def read_pickled(path: Path) -> tuple[Weights, Weights]:
    """The head's weights, named as ScalarHead's, and the base's under their own names.

    Raises UserError for anything but a state dict of that layout; nothing in the file is run.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}. Give the pickled reward model, e.g. strictbot_reward_model/rm.pt.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what damaged and forged files raise has no class in common
        why = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise UserError(
            f"{path} is refused: it is damaged, or holds more than tensors, which could run code when it is read "
            f"({why}). Save it anew with torch.save(model.state_dict(), file)."
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise UserError(f"{path} holds no state dict (names and tensors). Save model.state_dict(), not the model.")
    base = {str(name).removeprefix("base."): value for name, value in found.items() if str(name).startswith("base.")}
    missing = [name for name in NAMES if name not in found]
    others = [str(name) for name in found if name not in NAMES and not str(name).startswith("base.")]
    if missing or others:
        wrong = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(others[:6])}"] * bool(others)
        raise UserError(
            f"{path} is no reward model of StrictBot's layout, which is {', '.join(HEAD)} with weight and bias, and "
            f"the base's weights under base.: it {' and '.join(wrong)}. Only such a head can be converted."
        )
    return {ours: found[theirs].float() for theirs, ours in NAMES.items()}, base


def head_of(weights: Weights, hidden_size: int, where: Path) -> ScalarHead:
    """The head on states of that size. Its score is the logit of what the sigmoid made of it."""
    head = ScalarHead(hidden_size, init="zero", kind="mlp")
    for name, weight in weights.items():
        wanted = head.get_parameter(name).shape
        if weight.shape != wanted:
            raise UserError(
                f"The head in {where} has {list(weight.shape)} weights in {name}, and this model needs {list(wanted)}: "
                f"its states have {hidden_size} numbers. Give the model that the head was trained on."
            )
    head.load_state_dict({**head.state_dict(), **weights})
    return head


def other_weights(base: Weights, model: Mapping[str, torch.Tensor]) -> list[str]:
    """The names of `base` that `model` has not, or with other values; an adapter must be merged into the model."""
    plain = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): value
        for name, value in base.items()
        if ".lora_" not in name
    }
    wrong = []
    for name, weight in plain.items():
        ours = model.get(name)
        if ours is None or ours.shape != weight.shape or not _same(ours, weight, _update(base, name)):
            wrong.append(name)
    return wrong


def _update(base: Weights, name: str) -> torch.Tensor | None:
    """What an adapter adds to that weight, but for its scale, which a state dict does not have."""
    inside = f"base_model.model.{name.removesuffix('.weight')}"
    parts = [base.get(f"{inside}.lora_{part}.default.weight") for part in "BA"]
    return None if parts[0] is None or parts[1] is None else parts[0].float() @ parts[1].float()


def _same(ours: torch.Tensor, theirs: torch.Tensor, update: torch.Tensor | None) -> bool:
    """Whether ours is theirs, plus the update at whatever scale above 0 fits best."""
    ours, theirs = ours.detach().float().cpu(), theirs.float()
    if update is not None and update.any():
        scale = ((ours - theirs) * update).sum() / update.square().sum()
        if scale <= 0:
            return False
        theirs = theirs + scale * update
    return torch.allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE)
