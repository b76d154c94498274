"""One request to an OpenAI-compatible endpoint, and the few things that may come of it.

The key is read from the environment and goes into the request's header, nowhere else. Whatever the endpoint sends
back, replies and errors alike, has the key cut out before anything sees it: some servers repeat what they were sent.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from topgraft.errors import UserError
from topgraft.evaluate.judge.kept import Parameters
from topgraft.evaluate.judge.rubric import Message

OPENAI = "https://api.openai.com/v1"
KEY_NAME, URL_NAME = "OPENAI_API_KEY", "OPENAI_BASE_URL"
SECRET = 8
"""A key of fewer characters is a placeholder, which may well occur in a text."""
NO_KEY = "none"
MOST_TOKENS = 10**9
"""A count that is not below it is none."""
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Reply:
    """The judge's text, and what the endpoint says of it: why it ended, tokens (None where not said), model."""

    text: str
    finish: str
    tokens_in: int | None
    tokens_out: int | None
    served: str


class Passing(Exception):
    """No reply this time, but the next try may bring one. `wait`: seconds that the endpoint asks for. `reached`: it was
    there. `paid`: the endpoint may charge for it all the same."""

    def __init__(self, message: str, *, wait: float | None = None, reached: bool = True, paid: bool = False) -> None:
        super().__init__(message)
        self.wait, self.reached, self.paid = wait, reached, paid


class Refused(Exception):
    """The endpoint will not answer this question, however often it is asked."""


@dataclass(frozen=True)
class Address:
    """Where the endpoint is, and the key for it ("" for none)."""

    url: str
    key: str

    @property
    def cautious(self) -> str | None:
        """What a user should know before the first request; None where there is nothing."""
        parts = urlsplit(self.url)
        if self.key and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            return f"the key goes to {self.url} unencrypted"
        return None


def address(url: str | None, key_name: str | None) -> Address:
    """The endpoint and its key. Without `url` it is that of $OPENAI_BASE_URL, or OpenAI's, with $OPENAI_API_KEY; an
    endpoint given by `url` gets the key that `key_name` names, and none without. Raises UserError for a missing or
    broken key and for secrets in the URL."""
    found = (url or os.environ.get(URL_NAME) or OPENAI).rstrip("/")
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"--url {found} is no address. Write it with scheme and path, e.g. http://localhost:8000/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError("The address of an endpoint holds no names, keys or queries: put the key into the environment.")
    name = key_name or (None if url else KEY_NAME)
    key = os.environ.get(name, "").strip() if name else ""
    if name and not key:
        raise UserError(
            f"The environment has no {name}. Set it (export {name}=...), or give --url for an endpoint without a key."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"What stands in {name} is no key: it holds blanks or letters that a header cannot carry.")
    return Address(found, key)


class Endpoint:
    """One model at one address. `seconds` is how long a reply may take."""

    def __init__(self, where: Address, model: str, parameters: Parameters, seconds: float) -> None:
        try:
            import openai
        except ImportError:
            raise UserError('topgraft judge needs the openai package: pip install "topgraft[judge]"') from None
        self.where, self.model, self.parameters, self.seconds, self.errors = where, model, parameters, seconds, openai
        self.client = openai.OpenAI(
            api_key=where.key or NO_KEY, base_url=where.url, max_retries=0, timeout=seconds
        )  # retries are asking.py's, which keeps pace and budget
        if where.url != OPENAI:
            self.client.organization = self.client.project = None  # theirs, not another endpoint's

    def ask(self, messages: list[Message]) -> Reply:
        """One request. Raises Passing, Refused, or UserError where no question will be answered."""
        create: Any = self.client.chat.completions.with_raw_response.create
        try:
            raw = create(model=self.model, messages=messages, extra_body=self.parameters)
            return self._read(raw.http_response.text)
        except self.errors.APITimeoutError:
            raise Passing(f"no reply within {self.seconds:g} s", paid=True) from None
        except self.errors.APIConnectionError as error:
            if type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout"):
                raise Passing(f"no connection: {self.clean(str(error.__cause__))}", reached=False) from None
            raise Passing("the connection broke off", paid=True) from None
        except self.errors.APIStatusError as error:
            raise self._status(error) from None

    def clean(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.where.key, "[key]") if len(self.where.key) >= SECRET else text

    def _read(self, text: str) -> Reply:
        try:
            body = json.loads(self.clean(text))
            choice = body["choices"][0]
            content = choice["message"].get("content") or choice["message"].get("refusal") or ""
            usage = body.get("usage") or {}
            tokens = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Passing(f"what came is no chat completion: {self.clean(text)[:80]!r}", paid=True) from None
        if not isinstance(content, str):
            raise Passing("what came is a chat completion without text", paid=True)
        return Reply(
            text=self.clean(content),  # once more, since JSON may have hidden it
            finish=self.clean(str(choice.get("finish_reason"))),
            tokens_in=tokens[0],
            tokens_out=tokens[1],
            served=self.clean(str(body.get("model") or self.model)),
        )

    def _status(self, error: Any) -> Exception:
        """What an HTTP status means for this question and for all."""
        said, code = self.clean(str(error.message))[:300], error.status_code
        if code == 402 or error.code == "insufficient_quota":
            return UserError(f"The endpoint asks for money ({code}): {said}. What was answered is kept.")
        if code in (401, 403):
            given = "no key was sent (--key-name NAME names the variable that holds it)"
            return UserError(
                f"The endpoint refuses the key ({code}): {said}" + ("" if self.where.key else f"; {given}")
            )
        if code == 404:
            return UserError(f"{self.where.url} has no chat completions by a model '{self.model}' (404): {said}")
        if code in (408, 409, 425, 429) or code >= 500:
            return Passing(f"status {code}", wait=retry_after(error.response.headers))
        return Refused(f"status {code}: {said}")


def retry_after(headers: Any) -> float | None:
    """Seconds that a response asks to wait: Retry-After as a number or a date (RFC 9110, 10.2.3), None without."""
    given = str(headers.get("retry-after") or "").strip()
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(given)
        return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):  # no date, or one in a year of very many digits
        return None


def _count(usage: dict[str, Any], name: str) -> int | None:
    found = usage.get(name)
    return found if isinstance(found, int) and 0 <= found < MOST_TOKENS else None
