"""`topgraft check`: look before the machine is busy."""

from topgraft.cli.options import Recipe, Scale, Sets, settings_from

NAME = "check"
HELP = """Check a recipe before it runs: settings, data, template, pad and end, memory and time, step-0 KL.

Example: topgraft check professor --set model.name=path/to/model"""


def command(recipe: Recipe, scale: Scale = None, set_: Sets = None) -> None:
    """Load everything, try each part on a few rows, and print what a run would meet."""
    from topgraft.train.checking import check
    from topgraft.train.progress import Screen

    check(settings_from(recipe, scale, set_), Screen())
