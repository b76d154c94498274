"""Write docs/recipes.md: every setting of a recipe, from the settings classes themselves.

python -m tools.settings_doc
"""

from pathlib import Path
from typing import get_args, get_origin

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
| `strict-tutor` | a tutor as strict as the question asks for: SFT, an MLP reward head on the frozen base, rules, best of four, PPO ([strict-tutor.md](strict-tutor.md)); `--scale tiny` takes the shipped tiny model |

The tables below are written by `python -m tools.settings_doc` from the settings classes.
"""


def render() -> str:
    """The whole page."""
    return HEAD + "".join(_section("", RunSettings)) + "".join(_tables("", RunSettings))


def _tables(prefix: str, settings: type[Settings]) -> list[str]:
    found: list[str] = []
    for name, field in settings.model_fields.items():
        below, named = _table(field.annotation)
        if below is not None:
            path = f"{prefix}{name}.NAME" if named else f"{prefix}{name}"
            found += _section(path, below)
            found += _tables(f"{path}.", below)
    return found


def _table(annotation: object) -> tuple[type[Settings] | None, bool]:
    """The settings class of a section, and whether there may be several, each with a name of the user's."""
    several = get_args(annotation)[1:] if get_origin(annotation) is dict else ()
    for kind in (annotation, *several):
        if isinstance(kind, type) and issubclass(kind, Settings):
            return kind, bool(several)
    return None, False


def _section(path: str, settings: type[Settings]) -> list[str]:
    about = ""
    if path.endswith(".NAME"):  # what is under a name of the user's says itself what it is
        about = " ".join((settings.__doc__ or "").split()).partition(": ")[2]
        about = f"{about[:1].upper()}{about[1:]}\n\n"
    lines = [f"\n## {f'[{path}]' if path else 'Top level'}\n\n{about}| key | default | meaning |\n|---|---|---|\n"]
    for name, field in settings.model_fields.items():
        if _table(field.annotation)[0] is not None:
            continue
        default = "(required)" if field.is_required() else f"`{_toml(field.get_default(call_default_factory=True))}`"
        default = "(not set)" if field.get_default(call_default_factory=True) is None else default
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
