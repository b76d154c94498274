"""Name -> object, for the doors that take a user's own code: a reward, an algorithm, a format, a metric.

A short name is looked up in the package's one explicit table; "package.module:name" is imported as it stands.
"""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from topgraft.errors import UserError, nearest


def resolve(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """Return the object that `name` stands for.

    `table` maps short names to "package.module:attribute". Raises UserError for an unknown name and for a
    module or attribute that cannot be imported.
    """
    target = table.get(name, name)
    if ":" not in target:
        raise UserError(
            f"Unknown {kind} '{name}'. {nearest(name, table)} Your own code is named as 'package.module:name'."
        )
    module_name, _, attribute = target.partition(":")
    if target == name and "" not in sys.path:
        sys.path.insert(0, "")  # a user's module lies in the folder that the command is called from
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"Cannot import {kind} '{name}': {error}. Is '{module_name}' installed or in this folder?"
        ) from error
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise UserError(f"Module '{module_name}' has no '{attribute}'. {nearest(attribute, public)}")
    return getattr(module, attribute)
