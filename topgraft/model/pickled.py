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
NEAR = {"rtol": 1e-2, "atol": 1e-3}
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
        raise UserError(
            f"{path} is refused: it is damaged, or holds more than tensors, which could run code when it is read "
            f"({str(error).splitlines()[0][:200]}). Save it anew with torch.save(model.state_dict(), file)."
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise UserError(f"{path} holds no state dict (names and tensors). Save model.state_dict(), not the model.")
    head = {
        f"{ours}.{kind}": found.get(f"{theirs}.{kind}") for theirs, ours in HEAD.items() for kind in ("weight", "bias")
    }
    base = {str(name).removeprefix("base."): value for name, value in found.items() if str(name).startswith("base.")}
    others = [str(name) for name in found if not str(name).startswith(("base.", "head.net."))]
    missing = [name for name, value in head.items() if value is None]
    if missing or others or len(found) != len(base) + len(head):
        named = sorted(map(str, found), key=lambda name: name.startswith("base."))
        raise UserError(
            f"{path} is no reward model of StrictBot's layout: it needs {', '.join(HEAD)} with weight and bias, the "
            f"base's weights under base., and nothing else; it has {', '.join(named[:6])} ({len(named)} in all)."
        )
    return {name: value.float() for name, value in head.items() if value is not None}, base


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
    return torch.allclose(ours, theirs, **NEAR)
