"""Similarity: how like its row's reference answer is a response?"""

from collections.abc import Sequence

import sacrebleu

from topgraft.recipe import Settings
from topgraft.records import Demonstration
from topgraft.rewards.rows import Rule, rule_from

CHRF = sacrebleu.CHRF()


def likeness(text: str, references: Sequence[str]) -> float:
    """chrF2 of a text to the most similar reference, 0 to 1 (Popović 2015, sacrebleu's defaults: 1 to 6 characters,
    without spaces, recall weighing twice as much). An empty text or reference has 0."""
    return float(CHRF.sentence_score(text, list(references)).score) / 100


class Similarity(Settings):
    """chrF of a response to the reference answer of its prompt, 0 to 1; of several, to the most similar one."""

    def for_rows(self, rows: Sequence[Demonstration]) -> Rule:
        """The rule on these rows; NaN for a prompt that is not among them."""
        return rule_from(rows, lambda row: [row.response], lambda references, response: likeness(response, references))
