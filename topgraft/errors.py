"""The one error that users meet: what is wrong (with the value), why, and what to write instead."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user can mend. The command line prints its message, without a traceback, and exits with 2."""


class Diverged(UserError):
    """Training that came to no number: the end of a run, but for a trial of a sweep an outcome like others."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is closest to `name`, and list them all.

    Example: `nearest("beta", ["kl", "betas"])` -> "Did you mean 'betas'? Known: betas, kl."
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return f"{guess}Known: {', '.join(names)}."
