"""All questions by several workers: tries with growing waits, reminders for what cannot be read, a clean stop."""

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from topgraft.errors import UserError
from topgraft.evaluate.judge.budget import Budget, Spent
from topgraft.evaluate.judge.endpoint import Endpoint, Passing, Refused, Reply
from topgraft.evaluate.judge.kept import Kept, digest_of
from topgraft.evaluate.judge.pace import Pace, Stopped
from topgraft.evaluate.judge.rubric import Message, read_verdict, reminded

TRIES = 6
"""Requests for one reply before it counts as not to be had."""
LONGEST_WAIT, LONGEST_ASKED = 60.0, 600.0
"""Seconds that a wait between tries grows to, and that an endpoint may ask to wait before the command ends instead."""
READINGS = 3
"""Replies to one question, the later ones after a reminder, before its verdict counts as unreadable."""
GIVE_UP = 5
"""Questions in a row without a reply after which the endpoint counts as gone."""
LISTEN = 0.1
"""Seconds between looks at whether the command was asked to stop."""
OVERHEAD = 200
"""Tokens that a server's chat template may put around the messages, at most."""
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True)
class Finding:
    """What became of one question: "A", "B", "tie" or "unreadable", the judge's words, and the calls by their
    digests."""

    verdict: str
    words: str
    calls: tuple[str, ...]


@dataclass
class Findings:
    """What is known when asking ends: findings and failures by the question's digest. `spent`: the budget ended it."""

    found: dict[str, Finding] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    spent: bool = False


class Asker:
    """One judge at work. `first_wait` is the wait after a first failed try, in seconds; it doubles with each."""

    def __init__(
        self,
        endpoint: Endpoint,
        kept: Kept,
        budget: Budget,
        *,
        workers: int,
        per_minute: float | None,
        first_wait: float = 1.0,
    ) -> None:
        self.endpoint, self.kept, self.budget = endpoint, kept, budget
        self.workers, self.first_wait = workers, first_wait
        self.stop = threading.Event()
        self.pace = Pace(per_minute, self.stop)
        self.requests = 0
        self.new: list[dict[str, Any]] = []
        self._silent, self._proven = 0, False
        self._lock = threading.Lock()

    def digest(self, messages: list[Message]) -> str:
        """The name of a call."""
        return digest_of(self.endpoint.model, messages, self.endpoint.parameters)

    def carry_out(
        self, questions: Mapping[str, list[Message]], advance: Callable[[], None], heed: Callable[[], None]
    ) -> Findings:
        """Ask everything that is not known yet; `questions` by digest. What is answered is on disk before the next
        line runs, so that any stop loses what was on its way and no more. `heed` is called often, and raises where the
        command was asked to stop: what is on its way is waited for then, and kept. Raises UserError where going on is
        pointless."""
        known, errors = Findings(), list[UserError]()
        self._proven = any(self.kept.find(digest) for digest in questions)
        ended = SimpleQueue[Future[Finding]]()
        with ThreadPoolExecutor(self.workers) as pool:
            futures = {pool.submit(self._answer, messages): digest for digest, messages in questions.items()}
            try:
                for future in futures:
                    future.add_done_callback(ended.put)
                for _ in futures:
                    future = _next(ended, heed)
                    try:
                        known.found[futures[future]] = future.result()
                    except (Passing, Refused) as error:
                        known.failed[futures[future]] = str(error)
                    except Spent:
                        known.spent = True
                    except UserError as error:
                        errors.append(error)
                    except Stopped:
                        continue
                    advance()
            finally:
                self.stop.set()
        if errors:
            raise errors[0]
        return known

    def most(self, messages: list[Message]) -> float:
        """The highest cost of a request. A token of text is at least one byte, so bytes bound the tokens from above."""
        tokens_in = sum(len(message["content"].encode()) for message in messages) + OVERHEAD
        given = [value for name in LIMITS if isinstance(value := self.endpoint.parameters.get(name), int)]
        if not given and self.budget.limit and self.budget.limit.unit != "calls":
            raise UserError(
                f"A budget in {self.budget.limit.unit} needs a limit of tokens a reply: --parameter max_tokens=1024."
            )
        return self.budget.cost(tokens_in, max(given, default=0))

    def _answer(self, messages: list[Message]) -> Finding:
        """One question, as a worker meets it: what makes going on pointless stops all workers at once."""
        try:
            found = self._settle(messages)
        except (Spent, UserError):
            self.stop.set()
            raise
        except Passing as error:
            with self._lock:
                self._silent += 1
                gone = self._silent >= GIVE_UP and not self.stop.is_set()
            if gone:
                self.stop.set()
                raise UserError(f"The endpoint stopped answering: {error}. {self._kept_words()}") from None
            raise
        self._silent = 0
        return found

    def _settle(self, messages: list[Message]) -> Finding:
        """Ask until the verdict can be read, at most READINGS times."""
        calls: list[str] = []
        for number in range(READINGS):
            asked = reminded(messages, number)
            digest = self.digest(asked)
            record = self.kept.find(digest) or self._reply(asked, digest)
            calls.append(digest)
            verdict = read_verdict(record["reply"])
            if verdict is not None:
                break
        return Finding(verdict or "unreadable", record["reply"], tuple(calls))

    def _reply(self, messages: list[Message], digest: str) -> dict[str, Any]:
        """One reply, new and kept; tries with growing waits, and as long as the endpoint asks for."""
        most = self.most(messages)
        for number in range(1, TRIES + 1):
            try:
                reply = self._request(messages, most)
            except Passing as error:
                self._first_must_connect(error)
                if number == TRIES:
                    raise
                self._wait(number, error)
            except Refused as error:
                if not (self.new or self._proven):
                    raise UserError(self._refused_words(str(error))) from None
                raise
            else:
                record = {
                    "digest": digest,
                    "model": self.endpoint.model,
                    "served": reply.served,
                    "reply": reply.text,
                    "finish": reply.finish,
                    "tokens_in": reply.tokens_in,
                    "tokens_out": reply.tokens_out,
                }
                self.kept.keep(record)
                with self._lock:
                    self.new.append(record)
                return record
        raise AssertionError("not reached")

    def _request(self, messages: list[Message], most: float) -> Reply:
        """One request in its turn; its cost is settled whatever becomes of it."""
        self.budget.reserve(most)
        real = 0.0
        try:
            self.pace.turn()
            with self._lock:
                self.requests += 1
            real = most  # what a request costs of which nothing is known
            reply = self.endpoint.ask(messages)
            if reply.tokens_in is not None and reply.tokens_out is not None:
                real = self.budget.cost(reply.tokens_in, reply.tokens_out)
            return reply
        except (Passing, Refused, UserError) as error:
            free = not (isinstance(error, Passing) and error.paid)
            real = self.budget.cost(0, 0) if free else most
            raise
        finally:
            self.budget.settle(most, real)

    def _wait(self, number: int, error: Passing) -> None:
        if error.wait is not None and error.wait > LONGEST_ASKED:
            raise UserError(f"The endpoint asks to wait for {error.wait:,.0f} s ({error}). {self._kept_words()}")
        if error.wait is not None:
            self.pace.hold(error.wait)
            return
        self.pace.rest(random.uniform(0.5, 1) * min(LONGEST_WAIT, self.first_wait * 2 ** (number - 1)))

    def _first_must_connect(self, error: Passing) -> None:
        """An endpoint that was never there is a wrong address, which no wait mends."""
        if not error.reached and not self.new:
            raise UserError(f"{self.endpoint.where.url}: {error}. Is the address right, and the server running?")

    def _refused_words(self, said: str) -> str:
        changed = " ".join(f"--parameter {name}={value}" for name, value in self.endpoint.parameters.items())
        return (
            f"The endpoint refuses the request: {said}. Its parameters were {changed or 'none'}; --parameter NAME=none "
            "leaves one out, --parameter NAME=VALUE sets another, e.g. --parameter max_completion_tokens=1024."
        )

    def _kept_words(self) -> str:
        return f"{len(self.new)} new replies are kept; the same command goes on from there."


def _next(ended: "SimpleQueue[Future[Finding]]", heed: Callable[[], None]) -> "Future[Finding]":
    """The next question that has come to an end."""
    while True:
        heed()
        try:
            return ended.get(timeout=LISTEN)
        except Empty:
            continue
