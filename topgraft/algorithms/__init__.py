"""The algorithms: each a small file with its settings, `collect` and `loss`, run by the one loop in topgraft.train."""

ALGORITHMS = {
    "sft": "topgraft.algorithms.sft:SFT",
    "reward": "topgraft.algorithms.reward_model:RewardModel",
    "ppo": "topgraft.algorithms.ppo:PPO",
}
"""Name in a recipe -> class. A recipe may also name "package.module:Class"."""
