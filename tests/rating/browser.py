"""A real Chromium without a window, driven over its DevTools protocol: pages that are separate people."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 40.0
"""Seconds until something that does not happen is an error: many times what an idle machine needs."""
KEYS = {"Tab": 9, "Enter": 13}


def chromium() -> str | None:
    """The path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One Chromium with pages in separate profiles: nobody shares cookies or storage with anybody."""

    def __init__(self, program: str) -> None:
        self.folder = tempfile.mkdtemp(prefix="chromium-")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        self.process = subprocess.Popen(
            [program, *flags, "--remote-debugging-port=0", f"--user-data-dir={self.folder}", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"ws://\S+", line):
                break
        else:
            raise RuntimeError("Chromium ended before it listened")
        self.address = found.group()
        self.root = Wire(self.address)

    def page(self, width: int = 1200, height: int = 900) -> "Page":
        """A new page of somebody new."""
        context = self.root.call("Target.createBrowserContext")["browserContextId"]
        target = self.root.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        page = Page(self.address.split("/devtools/")[0] + f"/devtools/page/{target}")
        for domain in ("Page", "Runtime", "Network"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        return page

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Wire:
    """Commands and events of one DevTools target."""

    def __init__(self, address: str) -> None:
        self.socket: ClientConnection = connect(address, max_size=None)
        self.numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come meanwhile are kept."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=PATIENCE))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)


class Page(Wire):
    """What a person does with a page: go, look, click, press keys."""

    def go(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def js(self, code: str) -> Any:
        """The value of a JavaScript expression on the page."""
        result = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{code}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, code: str) -> Any:
        """Wait until an expression is truthy, and return it."""
        return wait_for(lambda: self.js(f"(() => {{ try {{ return {code} }} catch (e) {{ return null }} }})()"), code)

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, once it is there."""
        quoted = json.dumps(selector)
        self.wait(f"document.querySelector({quoted}) !== null")
        x, y = self.js(
            f"(() => {{ const e = document.querySelector({quoted}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press and release a key: "3", "Tab", "Enter"."""
        code = KEYS.get(key, ord(key[0].upper()))
        text = {"Tab": "", "Enter": "\r"}.get(key, key)
        down = "keyDown" if text else "rawKeyDown"
        for kind, extra in ((down, {"text": text} if text else {}), ("keyUp", {})):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra)

    def type(self, text: str) -> None:
        """Type a text into what has the focus."""
        self.call("Input.insertText", text=text)

    def shot(self, path: Path) -> None:
        """Write a picture of the page."""
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


def wait_for(found: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is truthy, and return it."""
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)
    return value
