"""`topgraft chat`: talk to an arm of a finished run."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from topgraft.cli.options import RunOrExported, Sets, quiet

NAME = "chat"
HELP = """Talk to an arm of a finished run or an exported folder, in the terminal or through a pipe.

Every line is a prompt of its own, which hears of no other: the models are
trained on single turns. Empty lines are passed over. On a pipe standard
output gets one answer a line and nothing else.

Commands: /arm NAME, /scores, /help, /quit.

Example: topgraft chat runs/professor --arm ppo --best-of 4 --scores"""


def command(
    run: RunOrExported,
    arm: Annotated[str, typer.Option("--arm", help="base, sft, ppo, ...; the last of the run by default.")] = "",
    greedy: Annotated[
        bool | None,
        typer.Option("--greedy/--sample", help="Greedy, or drawn by the sampling settings; as evaluated by default."),
    ] = None,
    best_of: Annotated[
        int | None, typer.Option("--best-of", min=2, help="Draw N answers and give the one with the highest reward.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show the reward and its parts with every answer.")] = False,
    set_: Sets = None,
) -> None:
    """Read prompts line by line and answer each."""
    from rich.console import Console

    from topgraft.train.chatting import Chat
    from topgraft.train.exported import open_arms
    from topgraft.train.progress import Screen

    quiet()
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    screen = Screen(Console(stderr=True))
    try:
        arms = open_arms(run, set_ or [], screen)
        chat = Chat(arms, arm, likeliest=greedy, best_of=best_of, scores=scores, terminal=terminal, screen=screen)
        if terminal:
            screen.say("Every line is a prompt of its own. /help lists the commands.")
        chat.talk(_typed(lambda: f"{chat.arm.name}> ") if terminal else sys.stdin)
    except KeyboardInterrupt:
        screen.say("")
        raise SystemExit(130) from None


def _typed(prompt: Callable[[], str]) -> Iterator[str]:
    """Lines from the keyboard, up to Ctrl-D."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives `input` a history and keys to edit with)
    while True:
        try:
            yield input(prompt())
        except EOFError:
            print()
            return
