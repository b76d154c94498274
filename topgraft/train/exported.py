"""An exported folder, or any folder of the libraries' own layout, opened to answer prompts."""

from collections.abc import Iterable
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import set_seed

from topgraft.data.reading import Reading
from topgraft.data.splitting import Splits
from topgraft.data.template import LengthSettings
from topgraft.errors import UserError
from topgraft.model.adapters import Slots
from topgraft.model.load import ModelSettings
from topgraft.recipe import overlay, parse_set
from topgraft.rewards.combination import Reward
from topgraft.rollout.choosing import SamplingSettings
from topgraft.runs import RunFolder
from topgraft.train.arms import OpenArms
from topgraft.train.exporting.about import NAME, About, read_about
from topgraft.train.plan import Arm, Plan
from topgraft.train.progress import Screen
from topgraft.train.reopening import plan_of
from topgraft.train.settings import RunSettings, settings_of
from topgraft.train.workplace import Workplace, open_place


class ExportedArms:
    """What OpenArms is for a run: the exported arm, and for an adapter its base. There is no reward and no data."""

    def __init__(self, folder: Path, sets: Iterable[str], screen: Screen) -> None:
        self.run, self.screen = RunFolder(folder), screen
        self._about = read_about(folder) if (folder / NAME).exists() else _unknown(folder, screen)
        raw = self._about.recipe_of(folder)
        for text in sets:
            raw = overlay(raw, parse_set(text))
        self.plan = Plan(settings_of(raw))
        settings, name = self.plan.settings, self._about.arm
        if self._about.weights == "adapter":
            self.plan.arms[name] = Arm(name=name, settings=settings, policy=name)
        else:
            self.plan.arms = {name: Arm(name=name, settings=settings)}
        self._place: Workplace | None = None

    def open(self, arm: Arm) -> Workplace:
        """The one place that there is; all arms are slots of its model."""
        if self._place is None:
            settings, nothing = self.plan.settings, Splits(train=[], test=[], validation=[])
            set_seed(settings.seed)
            reading = Reading(rows=[], format="", found=0, remarks=[], left_out=[], odd=[])
            place = open_place(settings, self.run, self.screen, Accelerator(), reading, nothing)
            if self._about.weights == "adapter":
                assert isinstance(place.model.slots, Slots)
                place.model.slots.load(self._about.arm, self.run.path)
            self._place = place
        return self._place

    def close_all_but(self, arm: Arm) -> None:
        """Nothing to let go of: the arms share a model."""

    def judged_by(self, arm: Arm) -> RunSettings:
        """Nobody judges here."""
        return arm.settings

    def reward(self, arm: Arm) -> Reward:
        """Raises UserError: rewards stay in the run."""
        raise UserError(
            f"{self.run.path} holds a policy and nothing to score its answers with. Scores and the best of several are "
            f"to be had of the run that it was made from."
        )


def open_arms(folder: Path, sets: Iterable[str], screen: Screen) -> OpenArms | ExportedArms:
    """The arms of a finished run, or of an exported folder; UserError where `folder` holds neither."""
    run = RunFolder(folder)
    if run.recipe_file.exists():
        return OpenArms(run, plan_of(run, sets), screen)
    if (folder / NAME).exists() or (folder / "config.json").exists():
        return ExportedArms(folder, sets, screen)
    if (folder / "adapter_config.json").exists():
        raise UserError(
            f"{folder} is an adapter that topgraft did not export (no {NAME}): which template and lengths belong to it "
            f"is not known. Merge it into its base and give that folder."
        )
    raise UserError(
        f"{folder} holds no run (no recipe.toml) and no exported model (no {NAME}, no config.json). Make a run with "
        f"`topgraft run professor --out {folder}`."
    )


def _unknown(folder: Path, screen: Screen) -> About:
    """A model's folder that says nothing of how it is used: defaults, and the screen says so."""
    screen.say(f"caution   {folder} has no {NAME}: lengths and sampling are the defaults of recipes")
    return About(
        recipe=folder.resolve().name,
        arm="base",
        weights="whole",
        seed=0,
        model=ModelSettings(layers="last-1"),
        lengths=LengthSettings(),
        sampling=SamplingSettings(),
        decoding="greedy",
    )
