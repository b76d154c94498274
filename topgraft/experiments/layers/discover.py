"""Carry a discovery out: every measurement that is not in the book yet, one model after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from rich.console import Console

from topgraft.errors import UserError
from topgraft.experiments.layers.changes import ablation, changes
from topgraft.experiments.layers.folder import Book, Discovery, digests
from topgraft.experiments.layers.gradients import gradients
from topgraft.experiments.layers.probes import probe
from topgraft.experiments.layers.results import results_of
from topgraft.experiments.layers.trainings import Training, base, carry, forget, on_all, settings_for, trainings
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json
from topgraft.train.progress import Screen
from topgraft.train.settings import RunSettings
from topgraft.train.workplace import Workplace, prepare, refuse_changes


@dataclass(frozen=True)
class Measurement:
    """One line of the book: its name there, the settings whose model it needs, and what makes it."""

    kind: str
    blocks: list[int]
    seed: int | None
    settings: RunSettings
    make: Callable[[Workplace], dict[str, Any]]


def discover(asked: Discovery, screen: Screen) -> dict[str, Any]:
    """Measure what is left, write results.json and return it. Raises UserError for what the user can mend."""
    if asked.run.is_file():
        raise UserError(f"{asked.run} is a file. Give a folder with --out.")
    place = prepare(on_all(asked.settings), RunFolder(asked.path), screen)
    depth, found = len(place.model.parts.blocks), digests(place)
    asked = asked.fitted(depth)
    refuse_changes(replace(place, run=RunFolder(asked.run)))
    asked.begin(place)
    del place
    book = Book(asked.path)
    with open(asked.path / "log.txt", "a", encoding="utf-8") as file:
        _measure(asked, depth, book, Screen(Console(file=file, width=120)), screen)
    results: dict[str, Any] = tidy(results_of(asked, depth, book, found))  # strict JSON: no NaN
    write_json(asked.path / "results.json", results)
    return results


def _measure(asked: Discovery, depth: int, book: Book, said: Screen, screen: Screen) -> None:
    """Make what is not in the book, the measurements of one model together."""
    every = list(_measurements(asked, depth))
    left = [one for one in every if not book.has(one.kind, one.blocks, one.seed)]
    for one in book.records:  # a stop may have come between the line and the weights
        if "slot" in one:
            forget(RunFolder(asked.path), one["slot"])
    screen.say(f"measures  {len(every)}, of which {len(every) - len(left)} were finished before")
    if not left:
        return
    with screen.bar("measure", len(left)) as bar:
        for _, group in groupby(left, key=lambda one: one.settings.model.model_dump_json()):
            together = list(group)
            place = prepare(together[0].settings, RunFolder(asked.path), said)
            for task in together:
                found = task.make(place)
                book.add(task.kind, task.blocks, task.seed, found)
                if "slot" in found:
                    forget(place.run, found["slot"])
                bar.advance({}, ())
            del place


def _measurements(asked: Discovery, depth: int) -> Iterator[Measurement]:
    """All of them, those of one model next to each other."""
    for training in trainings(asked, depth):
        settings, blocks = settings_for(asked, training), list(training.blocks)
        if training.kind == "all" and training.seed == asked.settings.seed:
            yield Measurement("base", [], None, settings, base)
        if training.kind == "all":
            yield Measurement("probe", [], training.seed, settings, _at(probe, training.seed))
            yield Measurement("gradient", [], training.seed, settings, _at(gradients, training.seed))
        yield Measurement(training.kind, blocks, training.seed, settings, _trained(asked, training))


def _at(measure: Callable[[Workplace, int], dict[str, Any]], seed: int) -> Callable[[Workplace], dict[str, Any]]:
    return lambda place: measure(place, seed)


def _trained(asked: Discovery, training: Training) -> Callable[[Workplace], dict[str, Any]]:
    """Train and measure; an adapter on all blocks is also taken apart."""

    def make(place: Workplace) -> dict[str, Any]:
        slot, found = carry(asked, place, training)
        if training.kind == "all":
            found |= {"change": changes(place.model, slot), **ablation(place, slot)}
        return {"slot": slot, **found}

    return make
