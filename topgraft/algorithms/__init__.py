"""The algorithms: each a small file with its settings, `collect` and `loss`, run by the one loop in topgraft.train."""

ALGORITHMS = {
    "sft": "topgraft.algorithms.sft:SFT",
    "reward": "topgraft.algorithms.reward_model:RewardModel",
    "dpo": "topgraft.algorithms.dpo:DPO",
    "orpo": "topgraft.algorithms.orpo:ORPO",
    "kto": "topgraft.algorithms.kto:KTO",
    "ppo": "topgraft.algorithms.ppo:PPO",
    "grpo": "topgraft.algorithms.grpo:GRPO",
    "rloo": "topgraft.algorithms.rloo:RLOO",
}
"""Stage of a recipe -> the class that it trains with. A recipe may also name "my_file.py:MyLearner"."""
