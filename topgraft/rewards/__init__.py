"""Rewards: scores of responses, one small file each."""

RULES: dict[str, str] = {}
"""Name in a recipe -> rule. A recipe may also name "my_file.py:my_reward" or "package.module:my_reward"."""
