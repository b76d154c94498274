"""The ratings of a study as plain records, read out of the clicks."""

from collections.abc import Iterable
from dataclasses import dataclass

from topgraft.rating.questions import CHOICE, COMMENT
from topgraft.rating.store import Store
from topgraft.rating.study import Study

WIN_RATE = "win_rate"
"""What results call the side-by-side choice: a win of `arm` is 1, a tie 1/2, as with a judge's win rate."""


@dataclass(frozen=True, kw_only=True)
class Rating:
    """What one rater says of one screen to one question, in the end.

    A score has one arm, `against` is empty and `value` 1 to 5. A choice has `arm` before `against` in the study's
    order of the pair, whichever side they stood on, and `value` 1, 0.5 or 0; `left` says that `arm` stood left.
    """

    rater: int
    screen: int
    repeats: int | None
    prompt: int
    question: str
    arm: str
    against: str = ""
    value: float
    left: bool = False
    at: str


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A comment of a rater on the answers of one screen."""

    rater: int
    prompt: int
    arms: tuple[str, ...]
    text: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a rater has come: screens answered in full, of how many, with how many clicks."""

    rater: int
    done: int
    screens: int
    clicks: int


@dataclass(frozen=True, kw_only=True)
class Rated:
    """Everything that was rated."""

    study: Study
    ratings: list[Rating]
    remarks: list[Remark]
    raters: list[Progress]

    def first(self, question: str) -> list[Rating]:
        """The ratings of a question on screens that were shown for the first time."""
        return [row for row in self.ratings if row.question == question and row.repeats is None]

    def twice(self, question: str) -> Iterable[tuple[Rating, Rating]]:
        """(first, second) rating of everything that a rater was shown twice."""
        found = {(row.rater, row.screen): row for row in self.ratings if row.question == question}
        for row in found.values():
            if row.repeats is not None and (row.rater, row.repeats) in found:
                yield found[row.rater, row.repeats], row

    def group(self, row: Rating) -> str:
        """The problem that a rating is about."""
        return self.study.prompts[row.prompt].group


def read_ratings(store: Store, study: Study) -> Rated:
    """Read all that counts: of several clicks on one question the last."""
    ratings, remarks, raters = [], [], []
    order = {frozenset(pair): pair for pair in study.pairs}
    for rater in store.raters():
        screens, clicks = store.screens(rater), store.clicks(rater)
        last = {(row["screen"], row["question"]): row for row in clicks}
        for (number, question), row in last.items():
            screen = screens[number]
            if question == COMMENT:
                text = row["value"].strip()
                if text:
                    remarks.append(Remark(rater=rater, prompt=screen.prompt, arms=screen.arms, text=text, at=row["at"]))
                continue
            arm, against, value, left = screen.arms[0], "", 0.0, False
            if question == CHOICE:
                arm, against = order[frozenset(screen.arms)]
                left = screen.arms[0] == arm
                value = {"equal": 0.5, "left": float(left), "right": float(not left)}[row["value"]]
            else:
                value = float(row["value"])
            ratings.append(
                Rating(
                    rater=rater,
                    screen=number,
                    repeats=screen.repeats,
                    prompt=screen.prompt,
                    question=WIN_RATE if question == CHOICE else question,
                    arm=arm,
                    against=against,
                    value=value,
                    left=left,
                    at=row["at"],
                )
            )
        asked = [{CHOICE} if len(screen.arms) == 2 else set(study.dimensions) for screen in screens]
        done = sum(all((number, name) in last for name in names) for number, names in enumerate(asked))
        raters.append(Progress(rater=rater, done=done, screens=len(screens), clicks=len(clicks)))
    return Rated(study=study, ratings=ratings, remarks=remarks, raters=raters)
