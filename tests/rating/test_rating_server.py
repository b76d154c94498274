import asyncio
import json
import os
import stat
import urllib.error
import urllib.request

import pytest
from rated_run import ARMS, MARKUP, Server, build_run
from starlette.responses import PlainTextResponse

from topgraft.errors import UserError
from topgraft.rating.guard import AT_ONCE, MOST_ADDRESSES, Guard
from topgraft.rating.server import LONGEST_BODY, kept_token, listen
from topgraft.rating.store import Store


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A page that listens, of 4 prompts and 3 arms."""
    run = build_run(tmp_path_factory.mktemp("served") / "run")
    server = Server(run, "--prompts", "4")
    yield run, server
    server.kill()


def ask(link, body=None):
    """(status, headers, text) of a GET, or of a POST with `body`."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(link, data=data), timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def test_only_the_token_opens_anything(served):
    _, server = served
    root = f"http://127.0.0.1:{server.port}"
    token = server.link.split("/")[3]
    assert len(token) >= 32
    paths = [
        "/",
        "//",
        "/page.js",
        "/start",
        f"/{token[:-1]}/",
        f"/x{token}/",
        f"/{token.swapcase()}/page.js",
        "/%2e%2e/",
    ]
    for path in paths:
        status, _, text = ask(root + path)
        assert (status, "not valid" in text) == (403, True), path
    assert ask(f"{root}/wrong/start", {"name": "anna"})[0] == 403
    assert ask(server.link)[0] == 200
    assert "<title>Rating answers" in ask(f"{root}/{token}")[2]  # without the slash: sent on


def test_nothing_of_the_disk_is_served_but_the_page(served):
    _, server = served
    for path in (
        "../ratings.sqlite",
        "..%2fratings.sqlite",
        "%2e%2e/%2e%2e/recipe.toml",
        "page.py",
        "/etc/passwd",
        "file=/etc/passwd",
        "page.js/../token",
        "server.py",
        "docs",
        "openapi.json",
    ):
        assert ask(server.link + path)[0] in (403, 404), path
    for path in ("", "page.js", "page.css"):
        status, headers, text = ask(server.link + path)
        assert status == 200
        assert text
        assert "'unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_no_answer_of_the_server_names_an_arm(served):
    run, server = served
    bodies = [ask(server.link + path) for path in ("", "page.js", "page.css", "absent")]
    bodies += [ask(server.link + "start", {"name": name}) for name in ("anna", "ben", "")]
    bodies += [ask(server.link + "click", {"rater": 1}), ask(server.link + "click", b"nothing")]
    for status, headers, text in bodies:
        assert not [arm for arm in ARMS if arm in text.lower() or arm in str(headers).lower()], (status, text)
    page = json.loads(bodies[4][2])
    assert page["prompts"][0].startswith("Prompt ")
    assert len(page["screens"]) == 4 * 6 + 2 + 2
    assert set(page["screens"][0]) == {"prompt", "answers", "given"}
    assert MARKUP in page["screens"][0]["answers"][0]
    assert Store(run.path / "rating" / "ratings.sqlite").study().arms == ARMS


def test_clicks_by_the_wire_are_kept_or_refused(served):
    run, server = served
    page = json.loads(ask(server.link + "start", {"name": "wire"})[2])
    one = {"id": "a" * 16, "rater": page["rater"], "screen": 0, "question": "coherence", "value": "4"}
    assert ask(server.link + "click", one)[::2] == (200, '{"kept":"aaaaaaaaaaaaaaaa"}')
    assert Store(run.path / "rating" / "ratings.sqlite").answers(page["rater"]) == {0: {"coherence": "4"}}
    assert json.loads(ask(server.link + "start", {"name": " WIRE "})[2])["screens"][0]["given"] == {"coherence": "4"}
    wrong = [{**one, "value": "9"}, {**one, "rater": True}, {**one, "screen": "0"}, {**one, "more": 1}, [], "x"]
    assert [ask(server.link + "click", body)[0] for body in wrong] == [400] * len(wrong)
    assert ask(server.link + "click", {**one, "value": "x" * LONGEST_BODY})[0] == 413
    assert ask(server.link + "click")[0] == 405
    assert len(Store(run.path / "rating" / "ratings.sqlite").clicks(page["rater"])) == 1


def test_bodies_that_no_page_sends_are_refused_and_the_server_goes_on(served):
    _, server = served
    rater = json.loads(ask(server.link + "start", {"name": "hostile"})[2])["rater"]
    one = {"id": "b" * 16, "rater": rater, "screen": 0, "question": "coherence", "value": "4"}
    bodies = [b"[" * 10_000, b"\xff\xfe", b"9" * 5000, b'{"id": NaN}', b""]
    bodies += [json.dumps({**one, "id": text}).encode() for text in ("\ud800" * 9, "x" * 65, "x" * 7)]
    bodies += [json.dumps({**one, key: number}).encode() for key in ("rater", "screen") for number in (10**30, -1)]
    for body in bodies:
        if body:
            assert ask(server.link + "click", body)[0] == 400, body[:60]
            assert ask(server.link + "start", body)[0] == 400, body[:60]
    assert ask(server.link + "start", {"name": "\ud800 lone"})[0] == 200
    assert ask(server.link + "click", one)[0] == 200


def test_a_token_that_is_none_opens_nothing(tmp_path):
    before = os.umask(0)  # the most open of all
    try:
        token = kept_token(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert kept_token(tmp_path) == token
    for text in ("", "\n", "short", "x" * 31, f"{token} {token}"):
        (tmp_path / "token").write_text(text)
        with pytest.raises(UserError, match=r"holds no token\. Remove it"):
            kept_token(tmp_path)


def test_it_listens_on_loopback_and_keeps_its_token_to_itself(served):
    run, server = served
    assert server.link.startswith("http://127.0.0.1:")
    assert "caution" not in server.said
    token = run.path / "rating" / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().strip() == server.link.split("/")[3]


def test_a_port_that_is_taken_is_named(served):
    with pytest.raises(UserError, match="Give another with --port"):
        listen("127.0.0.1", served[1].port)
    with pytest.raises(UserError, match=r"Cannot listen on no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 0)


def guarded(clock):
    """A guard with a clock of ours, and a function that asks it as an address: the status."""
    guard = Guard(PlainTextResponse("inside"), "token", lambda: clock[0])

    def status(address, path="/token/"):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": (address, 1)}
        asyncio.run(guard(scope, None, send))
        return sent[0]["status"]

    return guard, status


def test_an_address_that_asks_too_often_waits():
    clock = [0.0]
    guard, status = guarded(clock)
    assert [status("a") for _ in range(int(AT_ONCE))] == [200] * int(AT_ONCE)
    assert status("a") == 429
    assert status("a", "/guess/") == 429  # guesses of the token count as well
    assert status("b") == 200
    clock[0] = 0.05  # 40 a second: two more
    assert [status("a") for _ in range(3)] == [200, 200, 429]
    for number in range(MOST_ADDRESSES + 10):
        status(f"address {number}")
    assert len(guard.left) == MOST_ADDRESSES
