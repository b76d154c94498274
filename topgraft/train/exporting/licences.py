"""What is known of a base model without asking the network: whether the hub has it, and its licence."""

from pathlib import Path

from huggingface_hub import metadata_load, try_to_load_from_cache

from topgraft.train.exporting.policy import Policy


def hub_id(policy: Policy) -> str:
    """The base's name on the hub; "" for a local folder and a shipped model."""
    return "" if Path(policy.source).is_dir() else policy.source


def licence_of(policy: Policy) -> str:
    """The licence that the base's model card states; "" where there is no card on this machine, or it states none."""
    found = Path(policy.source) / "README.md"
    if hub_id(policy):
        cached = try_to_load_from_cache(policy.source, "README.md")
        found = Path(cached) if isinstance(cached, str) else found
    if not found.is_file():
        return ""
    try:
        licence = (metadata_load(found) or {}).get("license")
    except Exception:  # whatever is wrong with a card: it states nothing that could be read
        return ""
    return licence if isinstance(licence, str) else ""
