"""What stands before the rating page: the token in the path, a limit of requests, strict headers."""

import secrets
import time
from collections.abc import Callable

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PER_SECOND, AT_ONCE = 40.0, 200.0
"""Requests that one address may make: lastingly, and in one go. A rater makes one or two a second."""
MOST_ADDRESSES = 1000
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Nothing is loaded from elsewhere, nothing inline runs, and the address with its token is told to nobody."""


class Guard:
    """An application that answers under /TOKEN/ only; 403 anywhere else, 429 to an address that asks too often."""

    def __init__(self, inner: ASGIApp, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner, self.token, self.clock = inner, token.encode(), clock
        self.left: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        given, slash, rest = scope["path"].removeprefix("/").partition("/")
        answer: ASGIApp
        if not self._allowed((scope.get("client") or ("",))[0]):
            answer = PlainTextResponse("Too many requests. Wait a little.", 429, {"retry-after": "1"})
        elif not secrets.compare_digest(given.encode(), self.token):
            answer = PlainTextResponse("This link is not valid. Ask for the one that topgraft rate printed.", 403)
        elif not slash:
            answer = RedirectResponse(f"/{given}/")
        else:
            answer = self.inner
            scope = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        await answer(scope, receive, strict)

    def _allowed(self, address: str) -> bool:
        """Take one request from what an address has left; it fills up again with time."""
        now = self.clock()
        left, then = self.left.pop(address, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - then) * PER_SECOND)
        self.left[address] = (max(0.0, left - 1), now)
        while len(self.left) > MOST_ADDRESSES:
            del self.left[next(iter(self.left))]
        return left >= 1
