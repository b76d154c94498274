"""Where what may be thrown away lies."""

import os
from pathlib import Path


def caches() -> Path:
    """topgraft's folder in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache). Raises RuntimeError where the user
    has no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(given) if Path(given).is_absolute() else Path("~/.cache")  # the standard ignores others
    return folder.expanduser() / "topgraft"
