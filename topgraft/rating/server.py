"""The rating page behind its token: the page, the screens of a rater, and a place that takes clicks.

What a rater's browser gets has no arm in it: screens are numbers, answers are texts, and which arm wrote them stands in
the file of ratings only.
"""

import ipaddress
import json
import os
import re
import secrets
import socket
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from topgraft.errors import UserError
from topgraft.rating.guard import Guard
from topgraft.rating.questions import LONGEST_COMMENT
from topgraft.rating.store import LONGEST_NAME, Click, Refused, Store
from topgraft.rating.study import Study
from topgraft.runs.writing import write_whole

HERE = Path(__file__).parent
FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
"""All that is ever served from the disk."""
LONGEST_BODY = 16_384
"""Bytes of a request; the longest comment in any script fits."""
MOST_AT_ONCE = 200


def application(store: Store, study: Study, token: str) -> Guard:
    """The page of `study` under /TOKEN/, an ASGI application; clicks go to `store`."""

    async def file(request: Request) -> Response:
        name, kind = FILES[request.url.path]
        return Response((HERE / name).read_bytes(), media_type=kind)

    async def start(request: Request) -> Response:
        body = await _body(request, name=str)
        return JSONResponse(await run_in_threadpool(_everything, store, study, body["name"]))

    async def click(request: Request) -> Response:
        body = await _body(request, id=str, rater=int, screen=int, question=str, value=str)
        await run_in_threadpool(store.click, Click(**body), study)
        return JSONResponse({"kept": body["id"]})

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 400)

    async def failed(request: Request, error: Exception) -> Response:
        print(f"error: {error}", flush=True)
        return JSONResponse({"error": "The click could not be kept."}, 503)

    routes = [Route(path, file) for path in FILES]
    routes += [Route("/start", start, methods=["POST"]), Route("/click", click, methods=["POST"])]
    return Guard(Starlette(routes=routes, exception_handlers={Refused: refused, UserError: failed}), token)


async def _body(request: Request, **fields: type) -> dict[str, Any]:
    """The JSON of a request, with these fields of these types and no others."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > LONGEST_BODY:
            raise HTTPException(413, f"More than {LONGEST_BODY} bytes.")
    try:
        body = json.loads(read)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Not JSON.") from None
    if not isinstance(body, dict) or {key: type(value) for key, value in body.items()} != fields:
        raise HTTPException(400, f"Not these fields: {', '.join(fields)}.")
    return body


def _everything(store: Store, study: Study, name: str) -> dict[str, Any]:
    """What a rater's page needs until the end, with what the rater has answered so far."""
    rater = store.join(name)
    screens, given = store.screens(rater), store.answers(rater)
    return {
        "rater": rater,
        "longest_comment": LONGEST_COMMENT,
        "longest_name": LONGEST_NAME,
        "questions": [
            {"name": name, "means": found.means, "one": found.one, "five": found.five}
            for name, found in study.dimensions.items()
        ],
        "prompts": [prompt.text for prompt in study.prompts],
        "screens": [
            {
                "prompt": screen.prompt,
                "answers": [study.prompts[screen.prompt].answers[arm] for arm in screen.arms],
                "given": given.get(number, {}),
            }
            for number, screen in enumerate(screens)
        ],
    }


def kept_token(folder: Path) -> str:
    """The token of this folder's links, made at the first call; a page that is open outlives a restart by it. Nobody
    else on the machine may read it. Raises UserError for a file with less in it: it would open the page to a guess."""
    path = folder / "token"
    if not path.exists():
        before = os.umask(0o077)
        try:
            write_whole(path, secrets.token_urlsafe(24) + "\n")
        finally:
            os.umask(before)
    token = path.read_text(encoding="utf-8").strip()
    if not re.fullmatch(r"[\w-]{32,}", token, re.ASCII):
        raise UserError(f"{path} holds no token. Remove it: the next start makes one, and a new link.")
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; UserError where the address cannot be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        raise UserError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Give another with --port; 0 takes a free one."
        ) from error
    return found


def link_of(listening: socket.socket, token: str) -> str:
    """The link to the page; where every address of the machine is listened on, with the one that others see."""
    address, port, *_ = listening.getsockname()
    if ipaddress.ip_address(address).is_unspecified:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing; the system picks the address it would send from
                address = probe.getsockname()[0]
            except OSError:
                address = socket.gethostname()
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/{token}/"


def serve(app: Guard, listening: socket.socket) -> None:
    """Answer requests until Ctrl-C, and raise KeyboardInterrupt then."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])
