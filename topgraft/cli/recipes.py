"""`topgraft recipes`: what is shipped."""

import tomllib

from rich.console import Console

from topgraft.recipe import shipped_recipes

NAME = "recipes"
HELP = """List the shipped recipes.

Example: topgraft recipes"""


def command() -> None:
    """Print each recipe's name, its sentence and its file."""
    console, width = Console(), max(map(len, shipped_recipes())) + 2
    for name, path in shipped_recipes().items():
        about = tomllib.loads(path.read_text(encoding="utf-8")).get("about", "")
        console.print(f"{name:<{width}}{about}\n{'':<{width}}{path}", markup=False, highlight=False, soft_wrap=True)
