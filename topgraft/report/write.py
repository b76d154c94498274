"""Write a run's report: the page, the tables and the figures, from the run folder alone."""

from collections.abc import Sequence
from pathlib import Path

from topgraft.report.contents import contents
from topgraft.report.export import FEEDBACK, feedback_tex, results_csv, results_json, results_tex
from topgraft.report.formats import FORMATS
from topgraft.report.formats.page import page, write_figures
from topgraft.report.parts.samples import feedback
from topgraft.report.parts.summary import sentences
from topgraft.report.reading import read
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_whole


def write_report(run: RunFolder, formats: Sequence[str] = ()) -> Path:
    """Write everything under `run.report` and return the page's path; an unfinished run gives a page too.

    `formats` are those to write beside the page, by their names in FORMATS; one that is there already is written anew,
    so that no two files of a report differ.
    Example: `write_report(RunFolder(Path("runs/professor")))` -> runs/professor/report/index.html.
    """
    reading = read(run)
    document = contents(run, reading)
    write_figures(run.report / "figures", document.all_drawings)
    about = {"model": reading.model.get("name")}
    files = {
        "results.json": results_json(reading.results),
        "results.csv": results_csv(reading.results),
        "results.tex": results_tex(reading.results, about),
        "feedback.tex": feedback_tex(feedback(reading, FEEDBACK)),
    }
    for name, content in files.items():
        write_whole(run.report / name, content)
    known = [name for name, form in FORMATS.items() if name in formats or (run.report / form.file).exists()]
    path = run.report / "index.html"
    write_whole(path, page(document, [*files, *(FORMATS[name].file for name in known)]))
    for name in known:
        write_whole(run.report / FORMATS[name].file, FORMATS[name].write(document))
    return path


def summary(run: RunFolder) -> list[str]:
    """Return what the numbers of a run say, in sentences: those that open its report."""
    return sentences(read(run))
