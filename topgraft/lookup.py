"""Name -> object, for the doors that take a user's own code: a reward, an algorithm, a format, a metric.

A short name is looked up in the package's one explicit table; "package.module:name" is imported as it stands, and so is
a file, "my_file.py:name". The standard library has no such door: a recipe alone cannot have `os:system` called.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from topgraft.errors import UserError, nearest


def resolve(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """Return the object that `name` stands for.

    `table` maps short names to "package.module:attribute". Raises UserError for an unknown name and for a
    module, file or attribute that cannot be imported.
    """
    target = table.get(name, name)
    if ":" not in target:
        raise UserError(
            f"Unknown {kind} '{name}'. {nearest(name, table)} Your own code is named as "
            f"'my_file.py:name' or 'package.module:name'."
        )
    module_name, _, attribute = target.rpartition(":")
    if module_name.endswith(".py"):
        module = _from_file(kind, Path(module_name))
    else:
        module = _from_module(kind, name, module_name)
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise UserError(f"Module '{module_name}' has no '{attribute}'. {nearest(attribute, public)}")
    return getattr(module, attribute)


def _from_module(kind: str, name: str, module: str) -> ModuleType:
    if not all(part.isidentifier() for part in module.split(".")):
        raise UserError(
            f"'{module}' in {kind} '{name}' is no module. Write 'my_file.py:name' or 'package.module:name'."
        )
    if module.partition(".")[0] in (*sys.stdlib_module_names, "builtins"):
        raise UserError(f"{kind} '{name}' is of Python's own library, which has none. Write 'my_file.py:name'.")
    if name.startswith(module) and "" not in sys.path:
        sys.path.append("")  # a user's module lies in the folder that the command is called from, behind all others
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"Cannot import {kind} '{name}': {error}. Is '{module}' installed or in this folder?"
        ) from error


def _from_file(kind: str, path: Path) -> ModuleType:
    """The module of a file, run once however often it is asked for."""
    path = Path(os.path.expanduser(path))
    if not os.path.isfile(path):  # which, other than the path's own, takes whatever was written
        raise UserError(
            f"There is no file {path.absolute()} to take the {kind} from. Write 'my_file.py:name' with its path."
        )
    path = path.resolve()
    name = f"topgraft_own_{path.stem}_{abs(hash(path)):x}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except Exception as error:
            del sys.modules[name]
            raise UserError(f"{path} cannot be run: {type(error).__name__}: {error}. Mend it and try again.") from error
    return sys.modules[name]
