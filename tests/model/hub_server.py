"""A small stand-in for the model hub, run as a process of its own: `python hub_server.py FOLDER` prints its port.

It answers as the hub does: FOLDER's files as model tiny/model, 401 for an unknown or private model, 403 for a gated
one, 404 for one that is gone, 503 for one whose server is down.
"""

import hashlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFUSALS = {
    "nobody/unknown": (401, "RepoNotFound"),
    "gated/model": (403, "GatedRepo"),
    "gone/model": (404, "RepoNotFound"),
    "down/model": (503, ""),
}


class Hub(BaseHTTPRequestHandler):
    """Serves FOLDER and refuses the rest."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        path = self.path.split("?")[0].strip("/")
        name = path.removeprefix("api/models/")
        for repository, (status, code) in REFUSALS.items():
            if name.startswith(repository):
                return self.send(status, b"{}", {"X-Error-Code": code} if code else {}, with_body)
        before, _, file = name.partition("/resolve/main/")
        local = Path(sys.argv[1]) / file
        if before == "tiny/model" and file and local.is_file():
            body = local.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self.send(200, body, headers, with_body)
        return self.send(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, with_body)

    def send(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(server.server_port, flush=True)
    server.serve_forever()
