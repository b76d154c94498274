"""`topgraft judge`: arms set against each other before a language model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topgraft.cli.options import RunFolderArgument, open_run

if TYPE_CHECKING:
    from topgraft.evaluate.judge.asking import Asker
    from topgraft.evaluate.judge.endpoint import Endpoint
    from topgraft.evaluate.judge.judging import Questions
    from topgraft.evaluate.judge.pairs import Pair
    from topgraft.evaluate.judge.rubric import Rubric
    from topgraft.train.progress import Screen

NAME = "judge"
HELP = """Set the arms' answers against each other before a language model behind an OpenAI-compatible endpoint: every
pair in both orders, a win only where both agree. The same command goes on after a stop; no reply is paid twice.

Examples:

topgraft judge runs/professor --model gpt-4.1-mini --budget 200ktokens

topgraft judge runs/professor --model deepseek-chat --url https://api.deepseek.com/v1 --key-name DEEPSEEK_API_KEY

topgraft judge runs/professor --model qwen3:8b --url http://localhost:11434/v1 --workers 1"""
DEFAULTS = {"temperature": 0, "max_tokens": 1024}
"""Parameters of every request unless --parameter says otherwise."""
SECRET = ("api_key", "apikey", "authorization", "secret", "password", "access_token", "extra_headers", "headers")
"""How parameters end that hold a secret."""


def command(
    run: RunFolderArgument,
    model: Annotated[str, typer.Option("--model", help="The judge, as the endpoint calls it.")] = "",
    url: Annotated[
        str | None, typer.Option("--url", help="The endpoint; $OPENAI_BASE_URL or OpenAI's own by default.")
    ] = None,
    key_name: Annotated[
        str | None,
        typer.Option("--key-name", help="Environment variable with the key; OPENAI_API_KEY, or none with --url."),
    ] = None,
    arms: Annotated[str | None, typer.Option("--arms", help="Arms to judge, with commas; all by default.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Arms that they are set against, with commas; Base by default.")
    ] = None,
    rubric: Annotated[
        Path | None, typer.Option("--rubric", help="A text of your own; --show prints what it makes.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call the judge; its model by default.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", help="A request parameter, NAME=VALUE; none leaves it out. May be repeated."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="What this command may spend: 500calls, 200ktokens or 2usd.")
    ] = None,
    price: Annotated[str | None, typer.Option("--price", help="USD per million tokens, in and out: 0.27,1.10.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Requests on their way at once.")] = 8,
    rate: Annotated[float | None, typer.Option("--rate", min=0.01, help="Requests a minute, at most.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that a reply may take.")] = 120,
    show: Annotated[
        bool, typer.Option("--show", help="Print the messages of the first pair, and ask nothing.")
    ] = False,
) -> None:
    """Ask what is not known yet, write the results, and refresh the report."""
    from topgraft.errors import UserError
    from topgraft.evaluate.judge.asking import Asker
    from topgraft.evaluate.judge.budget import Budget, parse_limit, parse_price
    from topgraft.evaluate.judge.judging import name_of, plain_name
    from topgraft.evaluate.judge.kept import Kept, shared_file

    pairs, text = _pairs(run, arms, against), _rubric(rubric)
    if show:
        _show(pairs, text)
        return
    if not model:
        raise UserError("Name the judge: --model NAME, as the endpoint calls it. --show prints what it would be asked.")
    called, limit = plain_name(name) if name else name_of(model, rubric), parse_limit(budget) if budget else None
    purse = Budget(limit, parse_price(price) if price else None)
    endpoint = _endpoint(model, url, key_name, timeout, parameter)
    kept = Kept(run / "judge" / called / "calls.jsonl", shared_file(model))
    _judge(run, called, pairs, text, Asker(endpoint, kept, purse, workers=workers, per_minute=rate))


def _judge(run: Path, called: str, pairs: "list[Pair]", rubric: "Rubric", asker: "Asker") -> None:
    """Ask, and write what comes of it."""
    from topgraft.evaluate.judge.judging import questions, write
    from topgraft.train.interrupt import noting, obey, stoppable
    from topgraft.train.progress import Screen

    screen, folder, asked = Screen(), open_run(run), questions(pairs, rubric, asker)
    _announce(screen, asker, asked, rubric)
    with (
        stoppable(screen.say, lambda: f"{len(asker.new)} new replies are kept; the same command goes on from there."),
        screen.bar("judging", len(asked.messages)) as bar,
        noting(screen.say, "Stopping as soon as the replies are here that are on their way.") as stop,
    ):
        findings = asker.carry_out(asked.messages, lambda: bar.advance({}, ()), lambda: obey(stop.number))
    from topgraft.report import write_report

    found = write(folder, called, asked, findings, rubric=rubric, asker=asker, price=asker.budget.price)
    _print(screen, found, asker)
    if findings.spent:
        screen.say("budget    used up; the same command goes on with a budget of its own")
    screen.say(f"kept      {run / 'judge' / called}")
    screen.say(f"report    {write_report(folder)}")


def _pairs(run: Path, arms: str | None, against: str | None) -> "list[Pair]":
    from topgraft.evaluate.judge.pairs import choose, pairs_of

    responses = open_run(run).whole_responses()
    return pairs_of(responses, choose(responses, _listed(arms), _listed(against)))


def _rubric(path: Path | None) -> "Rubric":
    from topgraft.evaluate.judge.rubric import read_rubric

    return read_rubric(path)


def _endpoint(
    model: str, url: str | None, key_name: str | None, timeout: float, parameter: list[str] | None
) -> "Endpoint":
    from topgraft.evaluate.judge.endpoint import Endpoint, address

    parameters = _parameters(parameter or [])
    return Endpoint(address(url, key_name), model, parameters, timeout)


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _parameters(texts: list[str]) -> dict[str, Any]:
    """The request's parameters: the defaults, with those given laid over them."""
    import json

    from topgraft.errors import UserError

    found: dict[str, Any] = dict(DEFAULTS)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or name.strip() in ("model", "messages", "stream", "n"):
            raise UserError(
                f"--parameter {text} is not understood. Write NAME=VALUE, e.g. --parameter max_tokens=2000."
            )
        if name.strip().lower().replace("-", "_").endswith(SECRET):
            raise UserError(
                f"--parameter {name.strip()} is written into the run folder, and a key is nobody else's business. Put "
                "it into the environment and name the variable: --key-name NAME."
            )
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = None if value == "none" else value
    return {name: value for name, value in found.items() if value is not None}


def _show(pairs: "list[Pair]", rubric: "Rubric") -> None:
    """The exact messages of the first pair that is asked about, in its first order."""
    from topgraft.evaluate.judge.judging import orders
    from topgraft.train.progress import Screen

    screen = Screen()
    pair = next((pair for pair in pairs if not pair.identical), None)
    if pair is None:
        screen.say("All pairs hold the same answer twice; nothing would be asked.")
        return
    screen.say(f"rubric {rubric.digest}, {rubric.source}; row {pair.row}, A is {pair.arm}, B is {pair.against}\n")
    for message in orders(rubric, pair)[0]:
        screen.say(f"--- {message['role']} ---\n{message['content']}\n")


def _announce(screen: "Screen", asker: "Asker", asked: "Questions", rubric: "Rubric") -> None:
    endpoint, same = asker.endpoint, sum(pair.identical for pair in asked.pairs)
    known = sum(asker.kept.find(digest) is not None for digest in asked.messages)
    screen.say(f"judge     {endpoint.model} at {endpoint.where.url}, rubric {rubric.digest} ({rubric.source})")
    if endpoint.where.cautious:
        screen.say(f"caution   {endpoint.where.cautious}")
    pairs = len({(pair.arm, pair.against) for pair in asked.pairs})
    alike = f"; {same} have the same answer twice and are ties" if same else ""
    screen.say(f"questions {len(asked.pairs)} pairs of answers of {pairs} pairs of arms{alike}")
    screen.say(f"          {len(asked.messages)} calls in both orders, {known} of them answered before")


def _print(screen: "Screen", found: dict[str, Any], asker: "Asker") -> None:
    """Win rates, how the judge is to be believed, and what was spent."""
    from topgraft.cli.show import print_table
    from topgraft.report.words.judged import cost_words, missing_words, pair_rows, reliability_words

    rows = pair_rows(found)
    others = {row.against for row in rows}
    title = f"Against {rows[0].against}: value" if len(others) == 1 else "Value"
    header = ["", "win rate", "at equal lengths", "won/tied/lost", "agree"]
    cells = [
        [
            row.arm if len(others) == 1 else f"{row.arm} against {row.against}",
            *(row.raw, row.even, "/".join(map(str, row.fell)), row.agree),
        ]
        for row in rows
    ]
    print_table(screen, header, cells, title=f"{title} [95 % interval over problems]")
    for line in (*missing_words(found), *reliability_words(found)):
        screen.say(line)
    screen.say(f"this time {len(asker.new)} new replies from {asker.requests} requests")
    screen.say(f"in all    {cost_words(found)}")
