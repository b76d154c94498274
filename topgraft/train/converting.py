"""A pickled reward head made into a stage that recipes take with `reward.load`."""

from pathlib import Path

from accelerate import Accelerator

from topgraft.algorithms.reward_model import Options
from topgraft.errors import UserError
from topgraft.model.load import ModelSettings, load
from topgraft.model.pickled import head_of, other_weights, read_pickled
from topgraft.runs import StageFolder
from topgraft.train.progress import Screen


def convert(path: Path, model: str, out: Path, screen: Screen) -> None:
    """Write the stage to `out`, after checking that the head was trained on `model`. Raises UserError where it was
    not, and where the file is none of that layout."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already. Give a new folder with --out.")
    weights, base = read_pickled(path)
    split = load(ModelSettings(name=model, layers="last-1"), device=Accelerator().device).split
    own = {name.replace(".base_layer", ""): weight for name, weight in split.model.state_dict().items()}
    if wrong := other_weights(base, own):
        raise UserError(
            f"{path} was trained on another model than '{model}': {len(wrong)} of {len(base)} weights differ, e.g. "
            f"'{wrong[0]}'. Where SFT left an adapter, merge it into the model "
            f"(peft: model.merge_and_unload().save_pretrained(folder)) and give that folder."
        )
    head, stage = head_of(weights, split.hidden_size, path), StageFolder(out)
    head.save(stage.checkpoints / "last")
    options = Options(trains="head", reads="last", head="mlp")
    made = {name: getattr(options, name) for name in options.decides_what_weights_mean}
    stage.finish({"stage": "reward", "converted_from": path.name, "base_digest": split.base_digest, **made})
    screen.say(f"{len(base)} weights of the base are those of {model}" if base else "no weights of the base to compare")
    screen.say(f"written   {out}; use it with --set model.name={model} --set reward.load={out}")
