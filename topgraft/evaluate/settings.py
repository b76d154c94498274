"""The settings of the evaluation: what is measured, and what the metrics need to be told."""

from pydantic import Field, model_validator

from topgraft.evaluate import DEFAULT
from topgraft.evaluate.metrics.clauses import ClauseSettings
from topgraft.evaluate.metrics.strictness import StrictnessSettings
from topgraft.recipe import Settings
from topgraft.rewards.toxicity import Toxicity
from topgraft.rewards.wording import Terms


class EvaluateSettings(Settings):
    """[evaluate]: what is measured on the test split."""

    metrics: tuple[str, ...] = DEFAULT
    """Names of metrics (docs/metrics.md), or "package.module:METRIC". What the data or the settings cannot give is left
    out of the default ones."""
    decoding: str = Field("greedy", pattern="^(greedy|sampled)$")
    """ "greedy", or "sampled": drawn as [sampling] says, with the same random numbers in every arm."""
    samples: int = Field(1, ge=1)
    """Responses to a prompt in every arm, where decoding = "sampled"."""
    other_voices: str = ""
    """File with answers to the same prompts in other voices (JSON lines: id, problem, voice, feedback), for the style
    classifier; a shipped name or a path."""
    clauses: dict[str, ClauseSettings] = Field(default_factory=dict)
    terms: dict[str, Terms] = Field(default_factory=dict)
    """Name of a class -> its terms, words or phrases, for the metrics `term_entropy` and `unique_pairs`, e.g. agentic =
    ["bold", "confident"]."""
    perplexity_model: str = ""
    """The model that metric `perplexity` reads answers with: a hub id or a folder. It has no default."""
    toxicity: Toxicity = Toxicity()
    """What metric `toxicity` reads with: the options of the rule of that name."""
    strictness: StrictnessSettings = StrictnessSettings()

    @model_validator(mode="after")
    def _fits(self) -> "EvaluateSettings":
        if self.samples > 1 and self.decoding == "greedy":
            raise ValueError(
                f'samples = {self.samples} with decoding = "greedy" would be the same answer {self.samples} times. '
                f'Set decoding = "sampled"'
            )
        for name in ("acceptance", "cost_per_accepted"):
            if name in self.metrics and not (self.clauses and self.decoding == "sampled"):
                raise ValueError(
                    f"metric '{name}' counts drawn answers that keep to all clauses. Set decoding = \"sampled\" and "
                    f"write a section [evaluate.clauses.NAME], or leave '{name}' out"
                )
        if "strictness" in self.metrics and not (self.strictness.texts and self.strictness.levels):
            raise ValueError(
                "metric 'strictness' needs texts to learn levels from and the level that each category asks for. Set "
                "strictness.texts, e.g. \"strictness-levels\", and strictness.levels, or leave 'strictness' out"
            )
        if "perplexity" in self.metrics and not self.perplexity_model:
            raise ValueError(
                "metric 'perplexity' has no model to read with. Set perplexity_model to one that no arm was made from, "
                "e.g. \"gpt2-large\", or leave 'perplexity' out"
            )
        return self
