"""The settings of arms that decode under a constraint."""

from pydantic import Field, model_validator

from topgraft.recipe import Settings


class ConstraintSettings(Settings):
    """[constraint]: what arms with `constrained = true` keep to: a term of every class of [evaluate.terms], and a
    number of words; and the hidden Markov model that looks ahead for them."""

    low: int = Field(0, ge=0)
    """Fewest words."""
    high: int = Field(0, ge=0)
    """Most words; 0: any number."""
    states: int = Field(64, ge=1)
    """Hidden states of the Markov model."""
    samples: int = Field(2000, ge=1)
    """Answers to training prompts that the arm's policy draws, from which the Markov model is learned."""
    passes: int = Field(10, ge=0)
    """Passes of expectation maximisation over them."""

    @model_validator(mode="after")
    def _is_a_window(self) -> "ConstraintSettings":
        if self.high and self.low > self.high:
            raise ValueError(f"low = {self.low} is above high = {self.high}, so no length would do. Swap them")
        if self.low and not self.high:
            raise ValueError(f"low = {self.low} needs a high: the constraint counts words up to there. Set high")
        return self
