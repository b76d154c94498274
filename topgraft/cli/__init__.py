"""The command line: one file per verb. Nothing heavy is imported before a verb needs it."""

import os
import sys
import traceback
from collections.abc import Callable

import typer

from topgraft import __version__
from topgraft.cli import (
    chat,
    check,
    compare,
    convert,
    data,
    evaluate,
    export,
    generate,
    judge,
    layers,
    rate,
    recipes,
    report,
    run,
    sweep,
    train,
)
from topgraft.cli.launching import record
from topgraft.errors import UserError

app = typer.Typer(
    help="Align a language model to a voice, a preference or a rule, from one recipe file.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    run,
    check,
    recipes,
    train,
    generate,
    chat,
    evaluate,
    judge,
    rate,
    report,
    compare,
    sweep,
    layers,
    export,
    convert,
):
    app.command(verb.NAME, help=verb.HELP)(verb.command)
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(f"topgraft {__version__}")
        raise typer.Exit()


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1" if not sys.stdout.isatty() else "0")
    try:
        told(app)
    except Exception:
        if not record(traceback.format_exc(), 1):
            raise
        sys.exit(1)


def told(call: Callable[[], object]) -> None:
    """Call; a user's error is one message and exit code 2, never a traceback."""
    try:
        call()
    except UserError as error:
        message = str(error)
    except (MemoryError, OSError, RuntimeError) as error:
        message = _explain(error)
    else:
        return
    from topgraft.train.progress import printable  # messages repeat what stands in data and recipes

    line = f"error: {printable(message)}"
    if not record(line, 2):
        print(line, file=sys.stderr)
    sys.exit(2)


def _explain(error: Exception) -> str:
    """One sentence for memory, disk and permission errors; anything else is a defect and keeps its traceback."""
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError) or _is_full(error):
        return (
            "Out of memory. Lower sampling.rows_at_once or the stage's micro_batch_tokens, e.g. "
            "--set ppo.micro_batch_tokens=1024; the results stay the same."
        )
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ConnectionError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}. What is done is kept; when that is mended, go on with --resume."
    raise error


def _is_full(error: Exception) -> bool:
    """Whether that is how a device, or the C++ library, says that memory has run out."""
    if not isinstance(error, RuntimeError):
        return False
    from topgraft.train.gradient import FULL

    return any(said in str(error) for said in (*FULL, "std::bad_alloc"))
