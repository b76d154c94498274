"""Recipe files: TOML -> one nested dictionary, with the scale overlay and the --set values applied, checked strictly.

    topgraft run professor --scale tiny --set ppo.steps=5

reads recipes/professor.toml, lays its [scale.tiny] over it, then sets ppo.steps. A recipe that says
`extends = "professor"` is laid over that one first. The settings classes live beside
the code that reads them and all derive from `Settings`: frozen, and an unknown key is refused with the nearest name.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from topgraft.errors import UserError, nearest

SHIPPED = Path(__file__).resolve().parent / "shipped" / "recipes"
DEEPEST, LONGEST = 20, 200
"""Dots in the name of a setting, and characters of a value that a message repeats, at most."""


class Settings(BaseModel):
    """Base of every settings class: immutable, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


S = TypeVar("S", bound=Settings)


def shipped_recipes() -> dict[str, Path]:
    """Name -> file of the recipes that come with topgraft."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def read_recipe(name: str, *, scale: str | None = None, sets: list[str] | None = None) -> dict[str, Any]:
    """Read a shipped recipe or a TOML file and apply `scale` and `sets` (each "section.key=value").

    Raises UserError for an unknown recipe, broken TOML, an unknown scale and an unreadable --set.
    """
    raw = _whole(name, Path())
    scales = _scales(raw, name)
    if scale is not None:
        if scale not in scales:
            raise UserError(f"Recipe '{name}' has no scale '{scale}'. {nearest(scale, scales)}")
        raw = overlay(raw, scales[scale])
    for text in sets or []:
        raw = overlay(raw, parse_set(text))
    raw.setdefault("name", Path(name).stem)
    return raw


def scales_of(name: str) -> list[str]:
    """The scales that a recipe has, with those of the one that it extends."""
    return list(_scales(_whole(name, Path()), name))


def _scales(raw: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The scales of a recipe, which are taken out of it."""
    scales = raw.pop("scale", {})
    if not isinstance(scales, dict) or not all(isinstance(found, dict) for found in scales.values()):
        raise UserError(f"`scale` in recipe '{name}' holds no sections. Write a section [scale.NAME] for each scale.")
    return scales


def _whole(name: str, folder: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A recipe laid over the one that it extends; `folder` is where paths are seen from."""
    known = shipped_recipes()
    path = known.get(name, folder / name)
    if not os.path.isfile(path):  # which, other than the path's own, takes whatever was written
        raise UserError(f"There is no recipe '{name}'. {nearest(name, known)} Or give the path of a TOML file.")
    if path.resolve() in seen:
        raise UserError(f"{path} extends itself. Take one `extends` out.")
    raw = read_toml(path)
    below = raw.pop("extends", None)
    return overlay(_whole(str(below), path.parent, (*seen, path.resolve())), raw) if below is not None else raw


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dictionary."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no TOML, no text, numbers of too many digits, too many brackets
        raise UserError(f"{path} is not a TOML file: {error}. Compare it with `topgraft recipes`.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}. May you open it?") from error


def overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with the values of `above` laid over it, table by table."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def parse_set(text: str) -> dict[str, Any]:
    """ "section.key=value" -> {"section": {"key": value}}; a value that is not TOML is taken as a string."""
    path, equals, value_text = text.partition("=")
    if not equals or not path.strip() or path.count(".") > DEEPEST:
        raise UserError(
            f"--set {text[:LONGEST]} is not understood. Write --set section.key=value, e.g. --set ppo.steps=20."
        )
    try:
        value = tomllib.loads(f"value = {value_text}")["value"]
    except (ValueError, RecursionError):
        value = value_text
    return nested(path.strip(), value)


def nested(path: str, value: Any) -> dict[str, Any]:
    """The dictionary that holds `value` at a dotted path: `nested("ppo.beta", 0.1)` -> {"ppo": {"beta": 0.1}}."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def build(settings: type[S], raw: dict[str, Any], where: str = "the recipe") -> S:
    """Check `raw` against a settings class. Every problem is named with its key, its value and what is allowed."""
    try:
        return settings.model_validate(raw)
    except ValidationError as error:
        raise UserError("\n".join(_explain(settings, problem, where) for problem in error.errors())) from None


def _explain(settings: type[Settings], problem: Any, where: str) -> str:
    place = [str(part) for part in problem["loc"]]
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        owner: Any = settings
        for part in place[:-1]:
            annotation = owner.model_fields[part].annotation if part in getattr(owner, "model_fields", {}) else None
            owner = annotation if isinstance(annotation, type) else owner
        return f"Unknown key '{key}' in {where}. {nearest(place[-1], getattr(owner, 'model_fields', {}))}"
    if problem["type"] == "value_error":  # raised by our own validators, which name the value where it helps
        return f"{f'[{key}] in ' if key else ''}{where}: {problem['msg'].removeprefix('Value error, ')}."
    return f"'{key}' in {where}: {problem['msg']} (it is {problem.get('input')!r:.{LONGEST}})."


def to_toml(settings: Settings) -> str:
    """The settings as TOML; what is None is left out."""
    return tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Name every setting that differs: "ppo.steps: 20 -> 30"."""
    found: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) or isinstance(after, dict):
            below = before if isinstance(before, dict) else {}
            above = after if isinstance(after, dict) else {}
            found += differences(below, above, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return found
