"""`topgraft data programs`: label students' programs by running them on tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from topgraft.data.programs.labelling import Labelled, Problem
    from topgraft.train.progress import Screen

PROMPT = "Problem:\n{problem}\n\nStudent program:\n{program}"
SHOWN = 5
"""Programs that are named where the tests contradict what was said of them."""


def programs_command(
    programs: Annotated[str, typer.Argument(help="File of programs: question, code, and a label where there is one.")],
    tests: Annotated[str, typer.Option("--tests", help="File of questions: question, description, tests, global.")],
    out: Annotated[Path, typer.Option("--out", help="JSON lines to write: id, problem, prompt, correct, why.")],
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Programs that run at once.")] = 2,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="Processor time that one program may take.")] = 2,
    memory: Annotated[int, typer.Option("--memory", min=64, help="Megabytes that one program may take.")] = 512,
) -> None:
    """Run every program on the tests of its question, each in a process of its own without network, and write rows
    whose `correct` is known to be true.

    Example: topgraft data programs programs.jsonl.gz --tests questions.jsonl --out programs-labelled.jsonl
    """
    from topgraft.cli.options import quiet
    from topgraft.data.programs.labelling import label, problems_of, programs_of
    from topgraft.data.programs.sandbox import Limits
    from topgraft.data.sources import raw_rows
    from topgraft.train.progress import Screen

    quiet()
    screen = Screen()
    problems = problems_of(raw_rows(tests))
    rows = programs_of(raw_rows(programs), problems)
    limits = Limits(seconds=seconds, memory=memory << 20)
    with screen.bar("programs", len(rows)) as bar:
        found = label(rows, problems, workers=workers, limits=limits, done=lambda: bar.advance({}, ()))
    _write(out, found, problems)
    _tell(screen, found, problems)
    screen.say(f"rows      {out}")


def _write(out: Path, found: "Sequence[Labelled]", problems: "dict[str, Problem]") -> None:
    import json

    from topgraft.runs.writing import write_whole

    lines = []
    for one in found:
        problem = problems[one.program.problem]
        code = one.program.code.replace("\r\n", "\n").strip("\n")
        line = {
            "id": one.program.key,
            "problem": problem.name,
            "prompt": PROMPT.format(problem=problem.description, program=code),
            "correct": one.correct,
            "passed": one.passed,
            "tests": len(problem.calls),
            "why": one.why,
        }
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    write_whole(out, "".join(lines))


def _tell(screen: "Screen", found: "Sequence[Labelled]", problems: "dict[str, Problem]") -> None:
    """Counts by question, whether the labels that were there agree, and what the sandbox could not do."""
    from topgraft.cli.show import print_table

    rows = []
    for name in problems:
        own = [one for one in found if one.program.problem == name]
        texts = {"".join(one.program.code.split()) for one in own}
        rows.append([name, str(len(own)), str(sum(one.correct for one in own)), str(len(texts))])
    print_table(screen, ["question", "programs", "pass all tests", "different texts"], rows)
    said = [one for one in found if one.program.said is not None]
    other = [one for one in said if one.correct is not one.program.said]
    if said:
        names = ", ".join(one.program.key for one in other[:SHOWN]) + (", ..." if len(other) > SHOWN else "")
        told = f"labels    {len(said) - len(other)} of {len(said)} agree with the tests"
        screen.say(f"{told}; not: {names}" if other else told)
    if not all(one.alone for one in found):
        screen.say(
            "caution   this system does not cut a process off from the network; Python's own guard alone refused "
            "connections"
        )
