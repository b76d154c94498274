"""Rewards: scores of responses, one small file each. docs/rewards.md has the table of the rules."""

RULES = {
    "words": "topgraft.rewards.words:Words",
    "length": "topgraft.rewards.length:Length",
    "repetition": "topgraft.rewards.repetition:Repetition",
    "format": "topgraft.rewards.format:Format",
    "similarity": "topgraft.rewards.similarity:Similarity",
    "toxicity": "topgraft.rewards.toxicity:Toxicity",
    "constructiveness": "topgraft.rewards.constructiveness:constructiveness",
    "tone": "topgraft.rewards.tone:Tone",
    "verdict": "topgraft.rewards.verdict:Verdict",
    "strictness": "topgraft.rewards.strictness:Strictness",
    "level": "topgraft.rewards.level:Level",
    "facts": "topgraft.rewards.facts:Facts",
    "classifier": "topgraft.rewards.classifier:Classifier",
}
"""Name in a recipe -> rule: a function of prompt and response, or the settings of one. A recipe may also name
"my_file.py:my_reward" or "package.module:my_reward"."""
