"""An OpenAI-compatible server, in a process of its own, which answers badly where it is told to and counts what it saw.

The first line of standard input is JSON, e.g. {"judge": "good", "trouble": ["500", "drop"], "hold_after": 5}, with
"port" where it shall have a certain one; its port is printed. A PUT changes what it was told. GET lists the requests:
a digest of the messages, what became of them, the body.

Judges: "first" names answer A whatever it says, "longer" the longer answer, "good" the one that holds the word GOOD,
else neither; "mumble" gives no verdict, "reminded" one after the second reminder, "echo" says what header it was
sent. Troubles, one for each of the first requests ("then": for all others): "slow", "429", "500" and other statuses,
"broken" (JSON cut in the middle), "drop" (closed without an answer), "html", "empty" (JSON without choices), "ok".
From request number `hold_after` on nobody is answered."""

import hashlib
import json
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SAYS: dict = {}
SEEN: list[dict] = []
LOCK = threading.Lock()
ANSWER = re.compile(r"\[answer ([AB]) (\w+)\]\n(.*?)\n\[end of answer \1 \2\]", re.DOTALL)


class Server:
    """The server's process, its address, and what it has seen."""

    def __init__(self, **says: object) -> None:
        self._says, self.port = says, 0
        self.start()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Begin, at the port that it had before."""
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**self._says, "port": self.port}) + "\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """Be gone at once, with every connection."""
        with self._process:
            self._process.kill()

    def tell(self, **says: object) -> None:
        request = urllib.request.Request(self.url, data=json.dumps(says).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=30).read()

    def seen(self) -> list[dict]:
        return json.loads(urllib.request.urlopen(self.url, timeout=30).read())

    def answered(self) -> Counter[str]:
        """How often each question was answered."""
        return Counter(entry["content"] for entry in self.seen() if entry["answered"])


def verdict(messages: list[dict], header: str) -> str:
    answers = {name: text for name, _, text in ANSWER.findall(messages[-1]["content"])}
    judge = SAYS["judge"]
    if judge == "first":
        return "The first one.\nVerdict: A"
    if judge == "longer":
        return f"Verdict: {'A' if len(answers['A']) > len(answers['B']) else 'B'}"
    if judge == "good":
        named = [name for name, text in answers.items() if "GOOD" in text]
        return f"I looked for the word.\n**Verdict: {named[0] if len(named) == 1 else 'tie'}**"
    if judge == "reminded":
        return "Verdict: tie" if "Reminder 2" in messages[-1]["content"] else "Both are fine"
    if judge == "echo":  # says what it was sent
        return f"You sent {header}.\nVerdict: A"
    return "It depends."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        with LOCK:
            self.send(200, json.dumps(SEEN))

    def do_PUT(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOCK:
            SAYS.clear()
            SAYS.update(told)
        self.send(200, "{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        digest = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
        with LOCK:
            place = len(SEEN)
            trouble = SAYS.get("trouble", [])
            kind = trouble[place] if place < len(trouble) else SAYS.get("then", "ok")
            held = place >= SAYS.get("hold_after", 10**9)
            SEEN.append({"content": digest, "kind": "held" if held else kind, "answered": False, "asked": body})
        if held:
            time.sleep(60)  # whoever asked is dead by then
            return
        self.answer(kind, body, digest, place)

    def answer(self, kind: str, body: dict, digest: str, place: int) -> None:
        if kind == "drop":
            self.close_connection = True
            self.connection.close()
        elif kind == "429":
            self.send(429, '{"error": {"message": "slow down"}}', **{"Retry-After": "0.05"})
        elif kind == "html":
            self.send(200, "<html>It works!</html>")
        elif kind == "empty":
            self.send(200, "{}")
        elif kind.isdigit():
            said = f"no: {self.headers['Authorization']}"
            self.send(int(kind), json.dumps({"error": {"message": said, "code": "no"}}))
        else:
            text = json.dumps(self.completion(body))
            if kind == "slow":
                time.sleep(SAYS.get("seconds", 1.0))
            self.send(200, text[: len(text) // 2] if kind == "broken" else text)
            if kind != "broken":
                with LOCK:
                    SEEN[place]["answered"] = True

    def completion(self, body: dict) -> dict:
        content = verdict(body["messages"], self.headers["Authorization"])
        size = sum(len(message["content"]) for message in body["messages"]) // 4
        return {
            "id": "c",
            "object": "chat.completion",
            "model": body["model"] + "-2026",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": size, "completion_tokens": 7, "total_tokens": size + 7},
        }

    def send(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    SAYS.update(json.loads(sys.stdin.readline()))
    server = ThreadingHTTPServer(("127.0.0.1", SAYS.get("port", 0)), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
