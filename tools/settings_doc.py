"""Write docs/recipes.md: every setting of a recipe, from the settings classes themselves.

python -m tools.settings_doc
"""

from pathlib import Path

from topgraft.recipe import Settings
from topgraft.train.settings import RunSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "recipes.md"
HEAD = """# Recipes

A recipe is a TOML file. `topgraft run NAME_OR_FILE` reads it, lays its `[scale.NAME]` over it where `--scale NAME` is
given, then applies every `--set section.key=value`. An unknown key is refused with the nearest name. What is not set
has the default below.

| recipe | what it does |
|---|---|
| `professor` | SFT, simulated pairs, reward model, PPO on shipped data and model; `--scale tiny` takes 20 rows, `--scale large` the customary rates of larger models |

The tables below are written by `python -m tools.settings_doc` from the settings classes.
"""


def render() -> str:
    """The whole page."""
    return HEAD + "".join(_section("", RunSettings)) + "".join(_tables("", RunSettings))


def _tables(prefix: str, settings: type[Settings]) -> list[str]:
    found: list[str] = []
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            path = f"{prefix}{name}"
            found += _section(path, field.annotation)
            found += _tables(f"{path}.", field.annotation)
    return found


def _section(path: str, settings: type[Settings]) -> list[str]:
    lines = [f"\n## {f'[{path}]' if path else 'Top level'}\n\n| key | default | meaning |\n|---|---|---|\n"]
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            continue
        default = "(required)" if field.is_required() else f"`{_toml(field.default)}`"
        default = "(not set)" if field.default is None else default
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {default} | {meaning} |\n")
    return lines


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return "[" + ", ".join(_toml(item) for item in value) + "]" if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
