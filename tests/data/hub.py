"""A small dataset hub for tests: `python hub.py` prints its port and serves, over real HTTP, what the hub would.

`our/answers` is a data set with a train and a test split, `our/talks` one of zipped transcripts, `our/closed` is gated,
everything else is unknown; any other path below /files is a plain download.
"""

import gzip
import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


def lines(name: str, count: int) -> bytes:
    rows = [{"id": f"{name}-{n}", "prompt": f"{name} question {n}", "response": f"answer {n}"} for n in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def talks(count: int) -> bytes:
    ask = "\n\nHuman: question {}\n\nAssistant:"
    rows = [{"chosen": f"{ask.format(n)} yes {n}", "rejected": f"{ask.format(n)} no"} for n in range(count)]
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0)


SETS = {
    "our/answers": {"train.jsonl": lines("train", 12), "test.jsonl": lines("test", 3)},
    "our/talks": {"train.jsonl.gz": talks(6)},
}
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"
FILES = {**SETS["our/answers"], **SETS["our/talks"], "page.jsonl": PAGE}


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does, as far as `datasets` asks."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name = next((known for known in SETS if known in path), "")
        if path.startswith("/files/"):
            file = path.removeprefix("/files/")
            self.reply(200, FILES[file]) if file in FILES else self.reply(404, b"nothing here")
        elif "our/closed" in path:
            self.reply(403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif not name:
            self.reply(401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository Not Found"})
        elif "/resolve/" in path:
            self.file(SETS[name], path.rsplit("/", 1)[1])
        elif "/tree/" in path:
            self.reply(200, json.dumps(self.listing(SETS[name])).encode())
        elif path == f"/api/datasets/{name}" or "/revision/" in path:
            siblings = [{"rfilename": file} for file in SETS[name]]
            info = {
                "id": name,
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
        files = next(files for known, files in SETS.items() if known in self.path)
        self.reply(200, json.dumps([item for item in self.listing(files) if item["path"] in asked]).encode())

    def listing(self, files: dict[str, bytes]) -> list[dict]:
        return [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in files.items()
        ]

    def file(self, files: dict[str, bytes], name: str) -> None:
        if name not in files:
            self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        tag = hashlib.sha1(files[name]).hexdigest()
        self.reply(200, files[name], {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})

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
