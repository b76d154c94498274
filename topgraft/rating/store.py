"""Where ratings are kept: one SQLite file in which every click is a row of its own, written before it is answered.

Write-ahead logging with a full flush for every click: a killed process, a cut of power and raters who click at the
same time lose nothing. Nothing is overwritten; of several clicks on one question the last counts.
"""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from topgraft.errors import UserError
from topgraft.rating.questions import CHOICE, CHOICES, COMMENT, LONGEST_COMMENT, SCALE
from topgraft.rating.study import Screen, Study, from_json, screens_of
from topgraft.report.words.text import clean, one_line

PATIENCE = 30.0
"""Seconds for which a click waits while another is being written."""
MOST_RATERS, LONGEST_NAME = 500, 60
MOST_CLICKS, LARGEST = 20_000, 2**31
"""Clicks of one rater that are kept, repeated ones too, and the largest number that one may send."""
ID = re.compile("[^\\ud800-\\udfff]{8,64}", re.DOTALL)
"""A click's name: any text that can be written down."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS study (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (rater INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, began TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS screens (
    rater INTEGER NOT NULL REFERENCES raters, screen INTEGER NOT NULL, prompt INTEGER NOT NULL,
    arms TEXT NOT NULL, repeats INTEGER, PRIMARY KEY (rater, screen));
CREATE TABLE IF NOT EXISTS clicks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rater INTEGER NOT NULL, screen INTEGER NOT NULL,
    question TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL,
    FOREIGN KEY (rater, screen) REFERENCES screens);
CREATE INDEX IF NOT EXISTS clicks_of_raters ON clicks (rater);
"""


class Refused(ValueError):
    """A name or a click that cannot be kept; said to the page, not to the user of the command line."""


@dataclass(frozen=True, kw_only=True)
class Click:
    """One press of a button, or a comment as it stood: `id` is the page's own, so that one sent twice counts once."""

    id: str
    rater: int
    screen: int
    question: str
    value: str


@dataclass(frozen=True)
class Store:
    """The ratings of one run, in `path`. Any number of threads and processes may use it at once."""

    path: Path

    def study(self) -> Study | None:
        """What is rated here; None before anything is."""
        if not self.path.exists():
            return None
        with self._open() as base:
            row = base.execute("SELECT content FROM study").fetchone()
        return from_json(json.loads(row[0])) if row else None

    def begin(self, study: Study) -> Study:
        """Keep what is to be rated, unless another process was first; the study that holds."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as base:
            base.execute("PRAGMA journal_mode = WAL")
            base.executescript(SCHEMA)
            base.execute("INSERT OR IGNORE INTO study VALUES (1, ?)", [json.dumps(study.as_json())])
        found = self.study()
        assert found is not None
        return found

    def join(self, name: str) -> int:
        """The number of the rater called `name`, who is new or comes back. Case and blanks make no difference."""
        known = one_line(unicodedata.normalize("NFKC", clean(name))).casefold()
        if not known or len(known) > LONGEST_NAME:
            raise Refused(f"Give a name or a code of 1 to {LONGEST_NAME} characters.")
        with self._open() as base:
            base.execute("BEGIN IMMEDIATE")
            row = base.execute("SELECT rater FROM raters WHERE name = ?", [known]).fetchone()
            if row:
                return int(row[0])
            if base.execute("SELECT count(*) FROM raters").fetchone()[0] >= MOST_RATERS:
                raise Refused(f"{MOST_RATERS} raters have joined, which is the limit.")
            rater = int(base.execute("INSERT INTO raters (name, began) VALUES (?, ?)", [known, _now()]).lastrowid or 0)
            study = from_json(json.loads(base.execute("SELECT content FROM study").fetchone()[0]))
            rows = [
                (rater, number, screen.prompt, json.dumps(screen.arms), screen.repeats)
                for number, screen in enumerate(screens_of(study, known))
            ]
            base.executemany("INSERT INTO screens VALUES (?, ?, ?, ?, ?)", rows)
        return rater

    def raters(self) -> list[int]:
        """Everybody who has joined, in that order."""
        with self._open() as base:
            return [row[0] for row in base.execute("SELECT rater FROM raters ORDER BY rater")]

    def screens(self, rater: int) -> list[Screen]:
        """The rater's screens in their order."""
        with self._open() as base:
            rows = base.execute("SELECT prompt, arms, repeats FROM screens WHERE rater = ? ORDER BY screen", [rater])
            return [Screen(prompt=row[0], arms=tuple(json.loads(row[1])), repeats=row[2]) for row in rows]

    def click(self, click: Click, study: Study) -> None:
        """Keep a click. It is on the disk when this returns. Raises Refused for what the page cannot have sent."""
        with self._open() as base:
            asked = [click.rater, click.screen]
            row = None
            if all(0 <= number <= LARGEST for number in asked):
                row = base.execute("SELECT arms FROM screens WHERE rater = ? AND screen = ?", asked).fetchone()
            if row is None:
                raise Refused("There is no such screen.")
            if base.execute("SELECT count(*) FROM clicks WHERE rater = ?", [click.rater]).fetchone()[0] >= MOST_CLICKS:
                raise Refused(f"{MOST_CLICKS} clicks of one rater are kept, and no more.")
            _check(click, study, len(json.loads(row[0])))
            values = [click.id, click.rater, click.screen, click.question, clean(click.value), _now()]
            base.execute(
                "INSERT OR IGNORE INTO clicks (id, rater, screen, question, value, at) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )

    def answers(self, rater: int) -> dict[int, dict[str, str]]:
        """Screen -> question -> the value that counts."""
        given: dict[int, dict[str, str]] = {}
        for row in self.clicks(rater):
            given.setdefault(row["screen"], {})[row["question"]] = row["value"]
        return given

    def clicks(self, rater: int) -> list[dict[str, Any]]:
        """Every click of a rater, in order: screen, question, value, at."""
        with self._open() as base:
            base.row_factory = sqlite3.Row
            rows = base.execute(
                "SELECT screen, question, value, at FROM clicks WHERE rater = ? ORDER BY number", [rater]
            )
            return [dict(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own; what was done is flushed to the disk at the end, or undone by an error."""
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as base:
                base.execute("PRAGMA synchronous = FULL")
                base.execute("PRAGMA foreign_keys = ON")
                with base:
                    yield base
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"{self.path} cannot be read or written: {error}. Is the disk full, or the file something else?"
            ) from error


def _check(click: Click, study: Study, shown: int) -> None:
    """Refuse a question that the screen does not ask, and a value that it does not offer."""
    if click.question == COMMENT:
        fits = len(click.value) <= LONGEST_COMMENT
    elif shown == 2:
        fits = click.question == CHOICE and click.value in CHOICES
    else:
        fits = click.question in study.dimensions and click.value in map(str, SCALE)
    if not fits or not ID.fullmatch(click.id):
        raise Refused("This page asks no such question.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
