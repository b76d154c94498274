"""Rewards: scores of responses, one small file each. docs/rewards.md has the table of the rules."""

RULES = {
    "words": "topgraft.rewards.words:Words",
    "length": "topgraft.rewards.length:Length",
    "repetition": "topgraft.rewards.repetition:Repetition",
    "format": "topgraft.rewards.format:Format",
    "toxicity": "topgraft.rewards.toxicity:Toxicity",
    "constructiveness": "topgraft.rewards.constructiveness:constructiveness",
    "tone": "topgraft.rewards.tone:Tone",
}
"""Name in a recipe -> rule: a function of prompt and response, or the settings of one."""
