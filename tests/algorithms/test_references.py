"""Law: a policy that starts from a reference predicts what the reference predicts, or is refused."""

import pytest
import tiny
import torch

from topgraft.algorithms.references import start_from
from topgraft.errors import UserError


@pytest.mark.parametrize("reference", ["sft", None])
@pytest.mark.parametrize("layers", [(2, 3), (0, 1, 2, 3)])
def test_a_new_policy_is_its_reference(reference, layers):
    model = tiny.split(layers=layers)
    model.slots.add("sft")
    tiny.fill(model, "sft")
    start_from(model, "policy", reference)
    assert model.slots.names == ["sft", "policy"]


def test_a_policy_that_starts_elsewhere_is_refused(monkeypatch):
    model = tiny.split()
    model.slots.add("sft")
    tiny.fill(model, "sft")
    add = model.slots.add
    monkeypatch.setattr(model.slots, "add", lambda name, copy_of: add(name))  # a slot that begins at the base model
    with pytest.raises(UserError, match=r"'policy' and its reference 'sft' differ by .* does not begin at 0"):
        start_from(model, "policy", "sft")


def test_nan_is_refused_before_any_step():
    model = tiny.split()
    model.slots.add("sft")
    with torch.no_grad():
        model.slots.weights("sft")[0].fill_(torch.nan)
    with pytest.raises(UserError, match="Does a weight of the model hold NaN"):
        start_from(model, "policy", "sft")
