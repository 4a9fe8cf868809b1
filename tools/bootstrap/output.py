"""Show what happens, run commands, and the error that a user reads."""

from __future__ import annotations

import contextlib
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

QUIET_INTERVAL = 15
"""Seconds between two lines of progress where the output is not a terminal."""


class SetupError(Exception):
    """Set-up cannot go on; the message tells the user why and what to do."""


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


class Progress:
    """Title, seconds and detail in one line that is rewritten; outside a terminal, a few lines."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._terminal = sys.stdout.isatty()
        self._began = time.monotonic()
        self._shown = self._began

    def show(self, detail: str) -> None:
        """Show the detail; where there is no terminal, at most every `QUIET_INTERVAL` seconds."""
        now = time.monotonic()
        line = f"  {self._title}: {now - self._began:.0f} s, {detail}"
        if self._terminal:
            width = shutil.get_terminal_size().columns
            print(f"\r\x1b[K{line[: width - 1]}", end="", flush=True)
        elif now - self._shown >= QUIET_INTERVAL:
            self._shown = now
            say(line)

    def end(self, result: str) -> None:
        """Replace the line by what came of it."""
        start = "\r\x1b[K" if self._terminal else ""
        say(f"{start}  {self._title}: {result} in {time.monotonic() - self._began:.0f} s")


def run_shown(
    command: Sequence[str | Path],
    title: str,
    detail: Callable[[str], str | None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command to its end and show its progress; its output is printed only if it fails.

    `detail` turns a line of output into what to show, or None to keep what is shown.
    Raises `SetupError`.
    """
    progress = Progress(title)
    output: list[str] = []
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.put(line.rstrip())
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        shown = "starting"
        try:
            while True:
                with contextlib.suppress(queue.Empty):
                    line = lines.get(timeout=1)
                    if line is None:
                        break
                    output.append(line)
                    shown = detail(line) or shown
                progress.show(shown)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        progress.end("failed")
        tail = "\n".join(f"  | {line}" for line in output[-30:])
        raise SetupError(f"`{' '.join(map(str, command))}` ended with code {process.returncode}:\n{tail}")
    progress.end("done")
