"""Headless Chromium by its debugging pipe: no driver, no port, no further package.

The protocol is JSON messages that end with a NUL, written to the browser's file descriptor 3 and read from its 4.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_BY_PIPE = """
import fcntl, os, sys
ours = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, theirs in zip(ours, (3, 4)):
    os.dup2(number, theirs)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, with two given descriptors as its 3 and 4."""
PATIENCE = 120.0
"""Seconds for any answer: a loaded machine starts a browser slowly."""


def find() -> str | None:
    """The browser's command; FLOWINFRA_CHROMIUM names one that is not on PATH."""
    named = os.environ.get("FLOWINFRA_CHROMIUM")
    return named or next((found for found in map(shutil.which, NAMES) if found), None)


def required() -> str:
    """The browser's command; where there is none the test is skipped, and fails with FLOWINFRA_REQUIRE_BROWSER=1."""
    command = find()
    if command is None:
        reason = "no Chromium: install Debian's `chromium`, or name one in FLOWINFRA_CHROMIUM"
        if os.environ.get("FLOWINFRA_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return command


class Browser:
    """A browser with one page. What the page logs is collected in `console`."""

    def __init__(self, command: str, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _BY_PIPE, str(to_browser), str(from_browser), command),
                *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"),
                # root has no sandbox, and neither have most containers; the pages are our own
                *("--no-sandbox", "--disable-dev-shm-usage", "--disable-extensions"),
                # nothing but the page is asked for, also where there is no network
                *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
                *("--force-color-profile=srgb", f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._read, False)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.console: list[str] = []
        self._events: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def show(self, file: Path, *, width: int, height: int, dark: bool) -> None:
        """Load a file in a window of a size and a colour scheme."""
        self.console.clear()
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self.call("Page.navigate", url=file.as_uri())
        self._until("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, file: Path) -> None:
        """Write what the window shows as a PNG."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _until(self, event: str) -> None:
        while event not in self._events:
            self._next()

    def _next(self) -> dict[str, Any]:
        """The next message; an event is noted as well."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            assert time.monotonic() < end, "the browser does not answer"
            assert self._process.poll() is None, f"the browser ended with {self._process.returncode}"
            try:
                self._buffer += os.read(self._read, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        event, about = message.get("method", ""), message.get("params", {})
        self._events.append(event)
        if event == "Log.entryAdded":
            self.console.append(f"{about['entry']['level']}: {about['entry']['text']}")
        elif event == "Runtime.consoleAPICalled":
            self.console.append(f"{about['type']}: {about['args']}")
        elif event == "Runtime.exceptionThrown":
            self.console.append(f"exception: {about}")
        elif event == "Network.requestWillBeSent" and not about["request"]["url"].startswith(
            ("file:", "data:", "about:")
        ):
            self.console.append(f"request: {about['request']['url']}")
        return message
