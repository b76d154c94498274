"""A small dataset hub for tests: `python hub.py` prints its port and serves, over real HTTP, what the hub would.

`our/answers` is a data set with a train and a test split, `our/closed` is gated, everything else is unknown; any
other path below /files is a plain download.
"""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


def lines(name: str, count: int) -> bytes:
    rows = [{"id": f"{name}-{n}", "prompt": f"{name} question {n}", "response": f"answer {n}"} for n in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FILES = {"train.jsonl": lines("train", 12), "test.jsonl": lines("test", 3)}


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does, as far as `datasets` asks."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/files/"):
            name = path.removeprefix("/files/")
            self.reply(200, FILES[name]) if name in FILES else self.reply(404, b"nothing here")
        elif "our/closed" in path:
            self.reply(403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif "our/answers" not in path:
            self.reply(401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository Not Found"})
        elif "/resolve/" in path:
            self.file(path.rsplit("/", 1)[1])
        elif "/tree/" in path:
            self.reply(200, json.dumps(self.listing()).encode())
        elif path == "/api/datasets/our/answers" or "/revision/" in path:
            siblings = [{"rfilename": name} for name in FILES]
            info = {
                "id": "our/answers",
                "sha": COMMIT,
                "private": False,
                "gated": False,
                "siblings": siblings,
            }
            self.reply(200, json.dumps(info | {"tags": [], "downloads": 0, "likes": 0}).encode())
        else:
            self.reply(404, b"{}")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.reply(200, json.dumps([item for item in self.listing() if item["path"] in asked]).encode())

    def listing(self) -> list[dict]:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in FILES.items()
        ]

    def file(self, name: str) -> None:
        if name not in FILES:
            self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        tag = hashlib.sha1(FILES[name]).hexdigest()
        self.reply(200, FILES[name], {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})

    def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        if "--log" in sys.argv:
            print(self.command, self.path, file=sys.stderr)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(server.server_port, flush=True)
    server.serve_forever()
