"""Evaluation: responses are generated once, then every metric reads them; each figure has n and a 95 % interval."""

METRICS = {
    "sac": "topgraft.evaluate.sac:SAC",
    "bleu": "topgraft.evaluate.bleu:BLEU4",
    "chrf": "topgraft.evaluate.chrf:CHRF",
    "rouge_l": "topgraft.evaluate.rouge:ROUGE_L",
    "ca": "topgraft.evaluate.ca:CA",
    "win_rate": "topgraft.evaluate.reward:WIN_RATE",
    "reward": "topgraft.evaluate.reward:REWARD",
    "reward_gain": "topgraft.evaluate.reward:REWARD_GAIN",
    "reward_check": "topgraft.evaluate.reward:REWARD_CHECK",
    "margin": "topgraft.evaluate.reward:MARGIN",
    "kl": "topgraft.evaluate.kl:KL",
    "compliance": "topgraft.evaluate.clauses:COMPLIANCE",
    "acceptance": "topgraft.evaluate.clauses:ACCEPTANCE",
    "cost_per_accepted": "topgraft.evaluate.clauses:COST_PER_ACCEPTED",
    "toxicity": "topgraft.evaluate.toxicity:TOXICITY",
    "perplexity": "topgraft.evaluate.perplexity:PERPLEXITY",
    "distinct_1": "topgraft.evaluate.distinct:DISTINCT_1",
    "distinct_2": "topgraft.evaluate.distinct:DISTINCT_2",
    "distinct_3": "topgraft.evaluate.distinct:DISTINCT_3",
    "self_bleu": "topgraft.evaluate.self_bleu:SELF_BLEU",
    "self_bleu_prompt": "topgraft.evaluate.self_bleu:SELF_BLEU_PROMPT",
    "mtld": "topgraft.evaluate.mtld:MTLD",
    "term_entropy": "topgraft.evaluate.terms:TERM_ENTROPY",
    "unique_pairs": "topgraft.evaluate.terms:UNIQUE_PAIRS",
    "length": "topgraft.evaluate.length:LENGTH",
    "ended": "topgraft.evaluate.length:ENDED",
}
"""Name in a recipe -> metric. A recipe may also name "package.module:METRIC"."""

ON_REQUEST = (
    *("reward_gain", "acceptance", "cost_per_accepted", "toxicity", "perplexity", "distinct_1", "distinct_3"),
)
"""Measured only where a recipe names them: they repeat what a default one says, or need to be told something."""
DEFAULT = tuple(name for name in METRICS if name not in ON_REQUEST)
"""What is measured where a recipe names no metrics."""
