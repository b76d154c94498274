"""Evaluation: responses are generated once, then every metric reads them; each figure has n and a 95 % interval."""

METRICS = {
    "sac": "topgraft.evaluate.sac:SAC",
    "apc": "topgraft.evaluate.apc:APC",
    "bleu": "topgraft.evaluate.bleu:BLEU4",
    "ca": "topgraft.evaluate.ca:CA",
    "win_rate": "topgraft.evaluate.reward:WIN_RATE",
    "reward": "topgraft.evaluate.reward:REWARD",
    "reward_check": "topgraft.evaluate.reward:REWARD_CHECK",
    "margin": "topgraft.evaluate.reward:MARGIN",
    "kl": "topgraft.evaluate.kl:KL",
    "length": "topgraft.evaluate.length:LENGTH",
    "ended": "topgraft.evaluate.length:ENDED",
}
"""Name in a recipe -> metric. A recipe may also name "package.module:METRIC"."""
