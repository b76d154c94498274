"""Code that comes with a model: run only where the recipe asks for it and the user has confirmed that very model.

A recipe comes from elsewhere as easily as a model does, so its word alone is not enough. The confirmation stands in the
environment, which every command, worker and script inherits, and names the model, so that it holds for no other.
"""

import os

from topgraft.errors import UserError

CONFIRMED = "TOPGRAFT_TRUST_REMOTE_CODE"
"""The variable that holds the names of the models whose code may run, with commas between."""


def may_run(name: str, asked: bool) -> bool:
    """Whether the code that comes with model `name` may run; `asked`: the recipe says so.

    Raises UserError where the recipe says so and the user has not confirmed it.
    """
    if not asked:
        return False
    if name in [word.strip() for word in os.environ.get(CONFIRMED, "").split(",")]:
        return True
    raise UserError(
        f"The recipe has model.trust_remote_code = true: it wants to run the code that comes with '{name}', which may "
        f"do whatever you may. Read that code first; to confirm it for this model, set {CONFIRMED}={name} in the "
        f"environment."
    )


def refusal(name: str) -> UserError:
    """What is said of a model that cannot be loaded without its own code."""
    return UserError(
        f"Model '{name}' comes with code of its own, and none of it is run. Take a model that transformers knows; or "
        f"read that code, write model.trust_remote_code = true into the recipe and set {CONFIRMED}={name} in the "
        f"environment."
    )
