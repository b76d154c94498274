"""Why a model cannot be loaded, in one sentence that says what to do: no weights, a gated model, no login, an unknown
id, no network, code of its own.
"""

import torch
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from topgraft.errors import UserError
from topgraft.model.remote_code import refusal
from topgraft.model.split import INSTEAD


def explain(name: str, error: Exception) -> Exception:
    """Turn what the libraries raise into one sentence for the user; unknown errors come through as they are."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(cause) for cause in causes)
    if any(isinstance(cause, UserError) for cause in causes):
        return error
    if "custom code" in text:
        return refusal(name)
    status = {getattr(getattr(cause, "response", None), "status_code", None) for cause in causes}
    if any(isinstance(cause, GatedRepoError) for cause in causes) or 403 in status:
        return UserError(
            f"Model '{name}' is gated. Accept its terms at https://huggingface.co/{name}, then log in with "
            f"`hf auth login`."
        )
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes) or status & {401, 404}:
        return UserError(
            f"The hub has no model '{name}' that you may see. Check the spelling at https://huggingface.co/{name}; "
            f"for a private model log in with `hf auth login`."
        )
    unreachable = (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError)
    if any(isinstance(cause, unreachable) for cause in causes) or "couldn't connect" in text.lower():
        return UserError(
            f"The hub could not be reached for model '{name}', and it is not in the local cache. Check the network, "
            f"or download it where there is one with `hf download {name}` and give the folder as model.name."
        )
    if any(isinstance(cause, HFValidationError) for cause in causes):
        return UserError(f"'{name}' is neither a folder nor a hub id (owner/name). Check model.name.")
    if "model type" in text or "Unrecognized model" in text or "Unrecognized configuration" in text:
        return UserError(
            f"Model '{name}' has an architecture that is no causal language model known to this transformers "
            f"version. {INSTEAD} ({str(error).splitlines()[0]})"
        )
    if type(error).__name__ == "SafetensorError":
        return UserError(f"The weights of '{name}' are damaged or cut short: {error}. Download them again.")
    if isinstance(error, torch.OutOfMemoryError):
        return error
    if isinstance(error, OSError | RuntimeError | ValueError):  # a shard is missing, shapes differ, broken JSON
        return UserError(f"Model '{name}' cannot be loaded, its files are incomplete or disagree: {error}")
    return error
