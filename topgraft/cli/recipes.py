"""`topgraft recipes`: what is shipped."""

import tomllib

from rich.console import Console

from topgraft.recipe import shipped_recipes

NAME = "recipes"
HELP = """List the shipped recipes.

Example: topgraft recipes"""


def command() -> None:
    """Print each recipe's name, its sentence and its file."""
    console = Console()
    for name, path in shipped_recipes().items():
        about = tomllib.loads(path.read_text(encoding="utf-8")).get("about", "")
        console.print(f"{name:<14}{about}\n{'':<14}{path}", markup=False, highlight=False, soft_wrap=True)
