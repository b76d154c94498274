"""Evaluation: responses are generated once, then every metric reads them; each figure has n and a 95 % interval."""

METRICS = {
    "sac": "topgraft.evaluate.metrics.sac:SAC",
    "apc": "topgraft.evaluate.metrics.apc:APC",
    "bleu": "topgraft.evaluate.metrics.bleu:BLEU4",
    "chrf": "topgraft.evaluate.metrics.chrf:CHRF",
    "rouge_l": "topgraft.evaluate.metrics.rouge:ROUGE_L",
    "ca": "topgraft.evaluate.metrics.ca:CA",
    "win_rate": "topgraft.evaluate.metrics.reward:WIN_RATE",
    "reward": "topgraft.evaluate.metrics.reward:REWARD",
    "reward_gain": "topgraft.evaluate.metrics.reward:REWARD_GAIN",
    "reward_check": "topgraft.evaluate.metrics.reward:REWARD_CHECK",
    "margin": "topgraft.evaluate.metrics.reward:MARGIN",
    "kl": "topgraft.evaluate.metrics.kl:KL",
    "kl_needed": "topgraft.evaluate.metrics.kl_needed:KL_NEEDED",
    "compliance": "topgraft.evaluate.metrics.clauses:COMPLIANCE",
    "acceptance": "topgraft.evaluate.metrics.clauses:ACCEPTANCE",
    "cost_per_accepted": "topgraft.evaluate.metrics.clauses:COST_PER_ACCEPTED",
    "toxicity": "topgraft.evaluate.metrics.toxicity:TOXICITY",
    "strictness": "topgraft.evaluate.metrics.strictness:STRICTNESS",
    "categoriser": "topgraft.evaluate.metrics.categoriser:CATEGORISER",
    "perplexity": "topgraft.evaluate.metrics.perplexity:PERPLEXITY",
    "distinct_1": "topgraft.evaluate.metrics.distinct:DISTINCT_1",
    "distinct_2": "topgraft.evaluate.metrics.distinct:DISTINCT_2",
    "distinct_3": "topgraft.evaluate.metrics.distinct:DISTINCT_3",
    "self_bleu": "topgraft.evaluate.metrics.self_bleu:SELF_BLEU",
    "self_bleu_prompt": "topgraft.evaluate.metrics.self_bleu:SELF_BLEU_PROMPT",
    "mtld": "topgraft.evaluate.metrics.mtld:MTLD",
    "term_entropy": "topgraft.evaluate.metrics.terms:TERM_ENTROPY",
    "unique_pairs": "topgraft.evaluate.metrics.terms:UNIQUE_PAIRS",
    "length": "topgraft.evaluate.metrics.length:LENGTH",
    "ended": "topgraft.evaluate.metrics.length:ENDED",
}
"""Name in a recipe -> metric. A recipe may also name "package.module:METRIC"."""

ON_REQUEST = (
    *("reward_gain", "kl_needed", "acceptance", "cost_per_accepted", "toxicity", "strictness", "categoriser"),
    *("perplexity", "distinct_1", "distinct_3"),
)
"""Measured only where a recipe names them: they repeat what a default one says, or need to be told something."""
DEFAULT = tuple(name for name in METRICS if name not in ON_REQUEST)
"""What is measured where a recipe names no metrics."""
