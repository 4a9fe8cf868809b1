"""Log files of containers, and kubelet's endpoint for them, which the apiserver asks for `pods/log`."""

from __future__ import annotations

import datetime
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.cluster.rig.settings import LOGS_PORT, Folder, KubeletSettings

_POLL = 0.1
_PATH = re.compile(r"/containerLogs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+)")

Running = Callable[[str, str, str], bool]
"""(namespace, pod, container) → whether its log may still grow."""


def log_path(folder: Folder, namespace: str, pod: str, container: str) -> Path:
    """The log file of a container: each line begins with the time at which it was written."""
    return folder.logs / "pods" / f"{namespace}_{pod}" / f"{container}.log"


def serve(settings: KubeletSettings, running: Running) -> None:
    """Serve logs in the background."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            found = _PATH.fullmatch(parts.path)
            file = log_path(Folder(Path(settings.folder)), **found.groupdict()) if found else None
            if found is None or file is None or not (file.exists() or running(*found.groups())):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            try:
                for line in lines(file, query, lambda: running(*found.groups())):
                    self.wfile.write(line)
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                # Who followed the log has gone.
                return

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", LOGS_PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def lines(file: Path, query: dict[str, str], running: Callable[[], bool]) -> Iterator[bytes]:
    """The lines that `tailLines`, `sinceTime`, `sinceSeconds`, `timestamps` and `follow` ask for."""
    follow = query.get("follow") == "true"
    while follow and not file.exists() and running():
        time.sleep(_POLL)
    if not file.exists():
        return
    since = _since(query)
    with file.open("rb") as log:
        known = [line for line in log if line >= since]
        if "tailLines" in query:
            count = int(query["tailLines"])
            known = known[-count:] if count else []
        yield from (_shown(line, query) for line in known)
        while follow:
            # Asked before reading: what was written until it ended is read then.
            more = running()
            for line in log:
                yield _shown(line, query)
            if not more:
                return
            time.sleep(_POLL)


def _since(query: dict[str, str]) -> bytes:
    """Lines begin with their time, so that they compare as text."""
    if "sinceTime" in query:
        return query["sinceTime"].removesuffix("Z").encode()
    if "sinceSeconds" in query:
        seconds = datetime.timedelta(seconds=int(query["sinceSeconds"]))
        return (datetime.datetime.now(datetime.timezone.utc) - seconds).strftime("%Y-%m-%dT%H:%M:%S.%f").encode()
    return b""


def _shown(line: bytes, query: dict[str, str]) -> bytes:
    return line if query.get("timestamps") == "true" else line.partition(b" ")[2]
