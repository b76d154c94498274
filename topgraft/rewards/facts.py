"""Factual accuracy: is a response more like the answers known to be right than like those known to be wrong?"""

from collections.abc import Sequence

from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule, rule_from
from topgraft.rewards.similarity import likeness


def accuracy(answers: Sequence[tuple[str, bool]], response: str) -> float:
    """The highest likeness to a right answer minus the highest to a wrong one; where there is none of a kind, 0 stands
    for it. `answers` are (text, whether it is right)."""
    right = [text for text, is_right in answers if is_right]
    wrong = [text for text, is_right in answers if not is_right]
    return (likeness(response, right) if right else 0.0) - (likeness(response, wrong) if wrong else 0.0)


class Facts(Settings):
    """chrF to the most similar right answer of a prompt minus chrF to the most similar wrong one, -1 to 1."""

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt without right and wrong answers."""
        return rule_from(
            rows, lambda row: [*((text, True) for text in row.right), *((text, False) for text in row.wrong)], accuracy
        )
