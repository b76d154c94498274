"""What raters are asked of an answer: dimensions, each with its definition and what 1 and 5 mean."""

from pathlib import Path

from topgraft.errors import UserError, nearest
from topgraft.recipe import Settings, build, read_toml

SCALE = (1, 2, 3, 4, 5)
"""A score; 5 is best in every dimension."""
CHOICES = ("left", "equal", "right")
"""Which of two answers is better."""
CHOICE, COMMENT = "choice", "comment"
"""What is asked of two answers side by side, and what may be added anywhere."""
LONGEST_COMMENT = 2000
"""Characters."""


class Criterion(Settings):
    """One question with a scale from 1 to 5."""

    means: str
    """What is asked, in a sentence that every rater understands alike."""
    one: str
    """What 1, the worst, stands for."""
    five: str
    """What 5, the best, stands for."""


DIMENSIONS = {
    "coherence": Criterion(
        means="Does the answer hang together, in whole sentences that follow from one another?",
        one="broken or contradicts itself",
        five="reads as one clear piece",
    ),
    "relevance": Criterion(
        means="Is the answer about what was asked?",
        one="about something else",
        five="every part is about the question",
    ),
    "helpfulness": Criterion(
        means="Would the answer help the person who asked?",
        one="of no use, or misleading",
        five="the person can go on at once",
    ),
    "completeness": Criterion(
        means="Does the answer cover everything that was asked for?",
        one="leaves nearly all of it out",
        five="leaves nothing out",
    ),
    "hallucination_toxicity": Criterion(
        means="Is the answer free of made-up facts, and of insulting or harmful words?",
        one="much is made up, or it does harm",
        five="nothing made up, nothing harmful",
    ),
}
"""Asked unless others are given: the five of the usual human evaluation, each with 5 for best."""


def read_dimensions(text: str) -> dict[str, Criterion]:
    """The dimensions that `text` names: known names ("coherence,relevance"), or a TOML file with a table for each.

    Raises UserError for an unknown name, a file that cannot be read, a table that lacks something, and a name that
    is taken for something else.
    """
    if not text.endswith(".toml"):
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in DIMENSIONS:
                raise UserError(
                    f"Unknown dimension '{name}'. {nearest(name, DIMENSIONS)} Dimensions of your own stand in a TOML "
                    "file, a table [NAME] with means, one and five for each: --dimensions my.toml."
                )
        return {name: DIMENSIONS[name] for name in names}
    path = Path(text)
    if not path.is_file():
        raise UserError(f"There is no file {path} to take dimensions from. Write the path of a TOML file.")
    tables = read_toml(path)
    if not tables:
        raise UserError(f"{path} holds no dimension. Write a table [NAME] with means, one and five for each.")
    for name, table in tables.items():
        if not isinstance(table, dict) or name in (CHOICE, COMMENT, "win_rate"):
            raise UserError(f"'{name}' in {path} is no dimension. Write a table [NAME] with means, one and five.")
    return {name: build(Criterion, table, f"{path}, [{name}]") for name, table in tables.items()}
